"""What this machine keeps from run to run, since to fetch or to make it again takes long."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "one-api-infra"


def folder(name: str) -> Path | None:
    """A folder for this user alone; None where none can be written."""
    path = CACHE / name
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path if os.access(path, os.W_OK) else None


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """What ``make`` came to under this name, which is to tell all that it is made of."""
    where = folder(Path(name).parent.name)
    if where is None:
        return make()
    path = where / Path(name).name
    with contextlib.suppress(OSError):
        return path.read_bytes()
    made = make()
    with contextlib.suppress(OSError):
        _write(path, made)
    return made


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all; earlier ones of this folder go."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        stream.write(data)
    for other in path.parent.iterdir():
        if other.name != Path(stream.name).name:
            other.unlink(missing_ok=True)
    Path(stream.name).replace(path)
