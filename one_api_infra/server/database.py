"""One API's own database file, read beside its API where the API does not tell."""

import contextlib
import sqlite3
from pathlib import Path

from one_api_infra.server import paths


def option(key: str) -> str | None:
    """An option as the file holds it, empty if it is not set; None where there is no file."""
    path = Path(paths.DATA) / "one-api.db"
    if not path.exists() or Path(paths.GIVEN).exists():
        return None
    query = "SELECT value FROM options WHERE key = ?"
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)
        ) as database,
    ):
        found = database.execute(query, (key,)).fetchone()
        return str(found[0]) if found else ""
    return None
