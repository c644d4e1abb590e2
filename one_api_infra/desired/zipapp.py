"""The package as one file for the server: a zip that Python runs, the same bytes every time."""

import io
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
ROOMS = ("shared", "checks", "server")  # all that stands there runs on the server
SUFFIXES = {".py", ".mo", ".j2"}
MAIN = PACKAGE / "server/entry.py"
# The zip format's earliest time; a real one would make every build another file.
TIME = (1980, 1, 1, 0, 0, 0)


@lru_cache(maxsize=1)
def build() -> bytes:
    """The zip, as bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", MAIN.read_bytes())
        for path in _sources():
            _add(archive, str(path.relative_to(PACKAGE.parent)), path.read_bytes())
    return stream.getvalue()


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
