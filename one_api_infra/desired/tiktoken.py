"""The tiktoken data that One API fetches when it starts, brought to the server beforehand.

Without it a server that cannot reach the data does not start at all (one-api #609, #996, #2360).
The loader reads ``TIKTOKEN_CACHE_DIR`` under the sha1 of each URL. Sums: tiktoken 0.14.0.
"""

import hashlib
from pathlib import Path

from one_api_infra.desired.artifact import TIMEOUT
from one_api_infra.desired.cache import CACHE
from one_api_infra.desired.resources import File
from one_api_infra.desired.site import Site
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

BASE = "https://openaipublic.blob.core.windows.net/encodings/"
SUMS = {
    "cl100k_base.tiktoken": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base.tiktoken": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}


def cache_name(name: str) -> str:
    """The file name under which the loader looks for an encoding."""
    return hashlib.sha1(f"{BASE}{name}".encode(), usedforsecurity=False).hexdigest()


def names() -> tuple[str, ...]:
    """The names of the data's files."""
    return tuple(cache_name(name) for name in SUMS)


def files(site: Site) -> tuple[File, ...]:
    """The data's files; none if built in or switched off. ValidationError if one is bad."""
    is_off = not site.token_encoders and site.edition.offline_encoders
    if is_off or not (site.edition.fetches_tiktoken or site.tiktoken_data):
        return ()
    return tuple(_file(site, name, sha256) for name, sha256 in SUMS.items())


def _file(site: Site, name: str, sha256: str) -> File:
    folder = Path(site.tiktoken_data) if site.tiktoken_data else CACHE / "tiktoken"
    path = folder / cache_name(name)
    if not path.exists() and not site.tiktoken_data:
        _download(name, path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _problem(_("{name} can be read: {error}", name=name, error=error)) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        path.unlink() if not site.tiktoken_data else None
        raise _problem(_("{path} has the sha256 {sha256}", path=path, sha256=sha256))
    return File(f"{paths.TIKTOKEN}/{path.name}", content)


def _download(name: str, path: Path) -> None:
    import requests  # noqa: PLC0415  # most runs download nothing

    try:
        reply = requests.get(BASE + name, timeout=TIMEOUT)
        reply.raise_for_status()
    except requests.RequestException as error:
        raise _problem(_("{url} can be fetched: {error}", url=BASE + name, error=error)) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(reply.content)


def _problem(expected: str) -> ValidationError:
    remedy = _(
        'set "tiktoken_data" to a folder with both files (`pip download --no-deps litellm` brings'
        " them too, in litellm_core_utils/tokenizers of the wheel), or, with one-hub,"
        ' "token_encoders": False'
    )
    return ValidationError([Problem("tiktoken_data", expected, remedy)])
