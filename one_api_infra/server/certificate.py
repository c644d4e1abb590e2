"""Certificates on the server: what is on disk, and what is served."""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from one_api_infra.server.local import remember
from one_api_infra.shared import paths, plain
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.site_file import SiteFile

EXTERNAL = "external"


@dataclass(frozen=True)
class Seen:
    """A certificate as it was read from files that ``mark`` tells from any others."""

    mark: str
    certificate: Certificate


@dataclass(frozen=True)
class SeenFile:
    """What is kept of them: to read them anew, a quarter of a look goes into the library alone."""

    seen: tuple[Seen, ...] = ()


def observe(site: SiteFile) -> list[Certificate]:
    """Every certificate on disk that can be read: certbot's of this toolkit, or the external."""
    found = of_certbot()
    if site.certificate_file and site.certificate_key_file:
        external = read(EXTERNAL, site.certificate_file, site.certificate_key_file)
        found += [external] if external else []
    _forget_others(found)
    return found


def of_certbot() -> list[Certificate]:
    """Those that certbot keeps for this toolkit."""
    live = sorted(Path(paths.LETSENCRYPT).glob("live/*/fullchain.pem"))
    found = (read(path.parent.name, path, path.with_name("privkey.pem")) for path in live)
    return [each for each in found if each]


def read(name: str, certificate_file: str | Path, key_file: str | Path) -> Certificate | None:
    """A certificate and its key; None if they cannot be read."""
    try:
        mark = f"{name} {_mark(certificate_file)} {_mark(key_file)}"
    except OSError:
        return None
    known = {each.mark: each for each in _known()}
    if mark not in known:
        # Only here: it is long to import.
        from one_api_infra.server import certificate_file as library  # noqa: PLC0415

        found = library.read(name, certificate_file, key_file)
        if found is None:
            return None
        known[mark] = Seen(mark, found)
        _keep(known)
    return known[mark].certificate


def _mark(path: str | Path) -> str:
    found = Path(path).stat()
    return f"{path} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _known() -> tuple[Seen, ...]:
    with contextlib.suppress(OSError, ValueError, PlainError):
        return plain.read(SeenFile, Path(paths.CERTIFICATES_SEEN).read_text()).seen
    return ()


def _keep(known: dict[str, Seen]) -> None:
    """The newest of each pair of files."""
    newest = {_files(each): each for each in known.values()}
    remember(paths.CERTIFICATES_SEEN, plain.write(SeenFile(tuple(newest.values()))))


def _forget_others(found: list[Certificate]) -> None:
    """Those of an earlier domain are named nowhere."""
    known = _known()
    left = tuple(each for each in known if each.certificate in found)
    if left != known:
        remember(paths.CERTIFICATES_SEEN, plain.write(SeenFile(left)))


def _files(seen: Seen) -> tuple[str, str, str]:
    found = seen.certificate
    return found.name, found.certificate_file, found.key_file


def on_the_wire(name: str, port: int = 443) -> str | None:
    """The serial number that nginx serves on loopback for ``name``; None if it serves none."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # which one it is, not whether it is trusted
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=name) as wrapped,
        ):
            der = wrapped.getpeercert(binary_form=True)
    except OSError:
        return None
    from one_api_infra.server import certificate_file as library  # noqa: PLC0415

    return library.serial(der) if der else None


def is_served(site: SiteFile, certificate: Certificate) -> bool:
    """Whether nginx shows this very certificate to who asks for its name."""
    own = certificate.covers([site.domain]) or not certificate.host_names
    name = site.domain if own else certificate.host_names[0]
    return on_the_wire(name) == certificate.serial


def named_by_nginx(site: SiteFile) -> tuple[Certificate, ...]:
    """The certificates that nginx' configuration names and that are on disk."""
    parts = (Path(f"{paths.NGINX}/one-api/{name}.conf") for name in ("site", "tunnel"))
    text = "".join(part.read_text() for part in parts if part.exists())
    return tuple(each for each in observe(site) if f" {each.certificate_file};" in text)


def not_served(site: SiteFile) -> tuple[str, ...]:
    """Names for which nginx shows another certificate than the one that is on disk for them."""
    named = named_by_nginx(site)
    return tuple(each.name for each in named if not is_served(site, each))
