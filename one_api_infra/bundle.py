"""The package as one file for the server: a zip that Python runs, the same bytes every time."""

import io
import zipfile
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parent
ON_THE_SERVER = (
    "__init__.py",
    "acme.py",
    "texts.py",
    "problems.py",
    "secret.py",
    "resources.py",
    "callback_domain.py",
    "callbacks",
    "certificate.py",
    "clock.py",
    "database.py",
    "checks",
    "editions",
    "foreign.py",
    "former_domains.py",
    "manifest.py",
    "nginx_release.py",
    "place.py",
    "plain.py",
    "server",
    "started.py",
    "site_file.py",
    "state.py",
    "locale",
)
MAIN = "from one_api_infra.server.main import main\n\nmain()\n"
# The zip format's earliest time; a real one would make every build another file.
TIME = (1980, 1, 1, 0, 0, 0)


@lru_cache(maxsize=1)
def build() -> bytes:
    """The zip, as bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", MAIN.encode())
        for path in _sources():
            _add(archive, str(path.relative_to(PACKAGE.parent)), path.read_bytes())
    return stream.getvalue()


def _sources() -> list[Path]:
    found: list[Path] = []
    for name in ON_THE_SERVER:
        top = PACKAGE / name
        found += (
            [top] if top.is_file() else [*top.rglob("*.py"), *top.rglob("*.mo"), *top.rglob("*.j2")]
        )
    return sorted(found)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, TIME)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
