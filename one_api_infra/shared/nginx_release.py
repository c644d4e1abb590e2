"""The name of a set of nginx' parts, on both sides."""

import hashlib
import json
from collections.abc import Mapping


def name(parts: Mapping[str, str]) -> str:
    """Its content: another set has another name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def sums(files: Mapping[str, str]) -> str:
    """What is noted of all files, to know later whether somebody edited them."""
    found = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    return json.dumps(found, sort_keys=True)
