"""A stand-in for One Hub, for a lab where no real binary can be had. It is NOT One Hub.

``build`` makes one executable file of it (standard library only), which the lab installs where
the real one would be. It has the same command line, environment, management API, database rows
and callback behaviour, with the hazards: the answer "success" does not wait for the credit, an
amount is not compared, only the query string is read, callbacks share the rate limit.
``tests/lab/contract`` holds it to the real one; it was written from facts about MartialBE/one-hub
v0.14.27, without its code. Where the environment is Done Hub's (it has ``RELAY_ONLY``) it stands in
for that one: epay's one path, its option for the callback domain, and its race (deanxv/done-hub
v1.23.18).
"""

import io
import zipfile
from pathlib import Path

SOURCE = Path(__file__).parent
PYTHON = b"#!/usr/bin/python3\n"
MAIN = "from stand_in.server import main\n\nmain()\n"


def build(target: Path, main: str = MAIN) -> Path:
    """Write the executable; ``main`` is its first module."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("__main__.py", main)
        for path in sorted(SOURCE.glob("*.py")):
            archive.write(path, f"stand_in/{path.name}")
    target.write_bytes(PYTHON + stream.getvalue())
    target.chmod(0o755)
    return target
