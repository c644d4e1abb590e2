"""The real One API that ``ONE_API_BINARY`` names, if it does."""

import os
from pathlib import Path

from one_api_infra.shared import editions


def edition() -> str:
    """Its edition's name, by what it answers at ``/api/status``; empty without one."""
    name = os.environ.get("ONE_API_BINARY")
    data = Path(name).read_bytes() if name else b""
    known = (each for each in editions.EDITIONS.values() if each.status_mark)
    return next((each.name for each in known if each.status_mark.encode() in data), "")
