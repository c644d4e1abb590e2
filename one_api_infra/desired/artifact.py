"""One API's executable: from the official release, a mirror, or a path; pinned by its sha256.

It is fetched once, on the admin's machine, kept in a cache and uploaded: the server needs no
way to GitHub. Not every edition publishes checksums, so the first download is recorded in a lock
file beside the inventory and every later one must be the same.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from one_api_infra.desired.cache import CACHE
from one_api_infra.desired.site import Site
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

CHUNK = 1 << 20
TIMEOUT = (10, 60)
PROGRAMS = (b"\x7fELF", b"#!")


@dataclass(frozen=True)
class Artifact:
    """The executable on this machine, and what it is."""

    path: Path
    sha256: str


def url(site: Site, architecture: str) -> str:
    """Where the release is: GitHub, behind the mirror's prefix if there is one."""
    edition = site.edition
    asset = edition.asset(architecture, site.version)
    official = f"https://github.com/{edition.repository}/releases/download/{site.version}/{asset}"
    return f"{site.artifact_mirror.rstrip('/')}/{official}" if site.artifact_mirror else official


def obtain(site: Site, architecture: str, lock: Path) -> Artifact:
    """The executable for a server, checked against the settings' sha256 or the lock file."""
    source = site.artifact or url(site, architecture)
    remote = urlsplit(source).scheme in {"http", "https"}
    path, name = _download(source) if remote else Path(source), shown(source)
    found = Artifact(path, _sha256(path))
    expected = site.artifact_sha256 or (_locked(lock, name) if remote else None)
    is_program = _is_program(path)
    if remote and (not is_program or (expected and expected != found.sha256)):
        path.unlink()
    if expected and expected != found.sha256:
        raise _mismatch(name, expected, found.sha256, lock, pinned=bool(site.artifact_sha256))
    if not is_program:
        raise _no_program(name)
    if remote and not site.artifact_sha256:
        _record(lock, name, found.sha256)
    return found


def shown(source: str) -> str:
    """A URL without what may be a password: it stands in messages, and in a file that is shared."""
    parts = urlsplit(source)
    if parts.scheme not in {"http", "https"}:
        return source
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    # Another question is another file.
    cut = f"#{hashlib.sha256(source.encode()).hexdigest()[:12]}" if parts.query else ""
    return bare + cut


def _is_program(path: Path) -> bool:
    """A mirror that fails answers with a page, and often with HTTP 200."""
    with path.open("rb") as stream:
        return stream.read(4).startswith(PROGRAMS)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        expected = _("an executable that can be read: {error}", error=error)
        problem = Problem("artifact", expected, _("name One API's executable on this machine"))
        raise ValidationError([problem]) from None


def _download(source: str) -> Path:
    import requests  # noqa: PLC0415  # most runs download nothing

    name = Path(urlsplit(source).path).name[-100:] or "one-api"
    target = CACHE / hashlib.sha256(source.encode()).hexdigest()[:16] / name
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            requests.get(source, stream=True, timeout=TIMEOUT) as reply,
            tempfile.TemporaryDirectory(dir=target.parent) as folder,
        ):
            reply.raise_for_status()
            arrival = Path(folder, "arrival")
            with arrival.open("wb") as stream:
                stream.writelines(reply.iter_content(CHUNK))
            return arrival.rename(target)
    except (requests.RequestException, OSError) as error:
        # An error's own words may repeat the URL.
        words = str(error).replace(source, shown(source))
        expected = _("{source} can be fetched: {error}", source=shown(source), error=words)
        remedy = _('set "artifact_mirror", or download it yourself and set "artifact" to its path')
        raise ValidationError([Problem("artifact", expected, remedy)]) from None


def _locked(lock: Path, source: str) -> str | None:
    recorded = json.loads(lock.read_text()) if lock.exists() else {}
    return recorded.get(source)


def _record(lock: Path, source: str, sha256: str) -> None:
    recorded = json.loads(lock.read_text()) if lock.exists() else {}
    if recorded.get(source) != sha256:
        lock.write_text(json.dumps(recorded | {source: sha256}, indent=1, sort_keys=True) + "\n")


def _no_program(source: str) -> ValidationError:
    expected = _("{source} is a program for Linux", source=source)
    remedy = _("see what it is; a mirror that fails sends a page: set another `artifact_mirror`")
    return ValidationError([Problem("artifact", expected, remedy)])


def _mismatch(
    source: str, expected: str, found: str, lock: Path, *, pinned: bool
) -> ValidationError:
    where = "artifact_sha256" if pinned else str(lock)
    text = _(
        "{source} has the sha256 {expected}; it has {found}",
        source=source,
        expected=expected,
        found=found,
    )
    remedy = _(
        "if the new file is what you want, change {where}; if you do not know why, do not",
        where=where,
    )
    return ValidationError([Problem("artifact_sha256", text, remedy)])
