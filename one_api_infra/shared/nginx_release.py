"""A set of nginx' parts, on both sides: its name, and what it takes of the server."""

import hashlib
import json
from collections.abc import Mapping

WORKER_CONNECTIONS = 32768  # a half-open connection takes one for ten seconds
# Outside of the unit that asks.
OUTSIDE = ("systemd-run", "--quiet", "--pipe", "--wait", "--collect")
TEST = ("nginx", "-t", "-q")
FILES = WORKER_CONNECTIONS * 2  # one towards the client, one towards One API


def name(parts: Mapping[str, str]) -> str:
    """Its content: another set has another name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def sums(files: Mapping[str, str]) -> str:
    """What is noted of all files, to know later whether somebody edited them."""
    found = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    return json.dumps(found, sort_keys=True)
