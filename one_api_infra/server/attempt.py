"""What a try at certbot came to, left on the server for the checks."""

import time
from pathlib import Path

from one_api_infra.server.local import write
from one_api_infra.shared import acme, plain
from one_api_infra.shared.acme import Attempt
from one_api_infra.shared.plain import PlainError

MOST = 1500  # characters of certbot's words that are kept: the cause stands at their end


def keep(path: str, words: str) -> None:
    """Leave what came of an attempt; empty words are a success."""
    reason = acme.reason(words) if words else ""
    write(path, plain.write(Attempt(time.time(), reason, words[-MOST:])), 0o644)


def left(path: str) -> Attempt | None:
    """What the last attempt left; None if there was none."""
    try:
        return plain.read(Attempt, Path(path).read_text())
    except (OSError, PlainError):
        return None
