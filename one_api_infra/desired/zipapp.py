"""The package as one file for the server: a zip that Python runs, the same bytes every time."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from one_api_infra.desired import cache

PACKAGE = Path(__file__).parents[1]
ROOMS = ("shared", "checks", "server")  # all that stands there runs on the server
SUFFIXES = {".py", ".mo", ".j2"}
MAIN = PACKAGE / "server/entry.py"
# The zip format's earliest time; a real one would make every build another file.
TIME = (1980, 1, 1, 0, 0, 0)


@lru_cache(maxsize=1)
def build() -> bytes:
    """The zip, as bytes; to deflate it takes longer than to see whether it is still the same."""
    files = {"__main__.py": MAIN.read_bytes()}
    files |= {str(path.relative_to(PACKAGE.parent)): path.read_bytes() for path in _sources()}
    return cache.kept(f"agent/{_sum(files)}.pyz", lambda: _zip(files))


def _sum(files: Mapping[str, bytes]) -> str:
    made_of = hashlib.sha256(f"{zlib.ZLIB_RUNTIME_VERSION}\n".encode())
    for name, data in files.items():
        made_of.update(f"{name} {len(data)}\n".encode() + data)
    return made_of.hexdigest()


def _zip(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            _add(archive, name, data)
    return stream.getvalue()


@lru_cache
def checksum() -> str:
    """What its bytecode is named by (``server/entry.py``)."""
    return f"{zlib.crc32(build()):08x}"


def _sources() -> list[Path]:
    found = [path for room in ROOMS for path in (PACKAGE / room).rglob("*")]
    return sorted([PACKAGE / "__init__.py", *(each for each in found if each.suffix in SUFFIXES)])


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, TIME)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
