"""The real One API that ``ONE_API_BINARY`` names, if it does."""

import os
from pathlib import Path

from one_api_infra.shared import editions


def edition() -> str:
    """Its edition's name, by what its program holds; empty without one."""
    name = os.environ.get("ONE_API_BINARY")
    data = Path(name).read_bytes() if name else b""
    known = editions.EDITIONS.values()
    marks = [each.status_mark or f"github.com/{each.repository}/" for each in known]
    told = {mark: True for mark in marks if mark.encode() in data}
    return editions.of_status(told).name if told else ""
