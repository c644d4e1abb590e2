"""A lab's hosts for pyinfra; does not import the lab, since every run reads this."""

import json
import os
from pathlib import Path
from typing import Any

STATE = Path(os.environ.get("ONE_API_LAB_STATE", "/var/lib/one-api-infra/lab"))
DEMO = "demo"


def hosts(lab: str) -> list[tuple[str, dict[str, Any]]]:
    """The hosts of a lab with their settings, as pyinfra takes them."""
    path = STATE / "labs" / lab / "inventory.json"
    data = json.loads(path.read_text()) if path.exists() else {}
    return list(data.items())
