"""Why restic failed, from its own words: those of 0.14 to 0.19."""

import re

# In this order: who gets no connection may also be told that there is no repository.
GONE = "one-api-infra: the repository is gone"
REASONS: dict[str, str] = {
    "gone": GONE,
    "password": r"wrong password or no key found",
    "locked": r"repository is already locked",
    "full": r"no space left|disk quota exceeded|507 Insufficient|QuotaExceeded",
    "refused": r"Permission denied|403 Forbidden|401 Unauthorized|AccessDenied|InvalidAccessKey"
    r"|SignatureDoesNotMatch|Host key verification failed",
    "unreachable": r"connection refused|no such host|i/o timeout|timed out|no route to host"
    r"|network is unreachable|Connection (?:closed|reset)|Temporary failure|unexpected EOF"
    r"|TLS handshake|x509:|Could not resolve",
    "damaged": r"does not match hash|ciphertext verification failed|invalid data returned"
    r"|load <\w+/\w+>|pack .* not found|blob .* not found|id .* not found|repository contains"
    r" errors|tree .* not found",
    "absent": r"Is there a repository at the following location|unable to open config file"
    r"|repository does not exist",
    "room": r"one-api-infra: no room",
    "dump": r"one-api-infra: dump",
}


def reason(words: str) -> str:
    """The reason among ``REASONS``, or ``failed`` where the words are none of theirs."""
    found = (name for name, sign in REASONS.items() if re.search(sign, words, re.I))
    return next(found, "failed")


def detail(words: str) -> str:
    """The last line that says why, or else the last that says something."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("{")]
    sign = REASONS.get(reason(words), "")
    why = [line for line in told if sign and re.search(sign, line, re.I)]
    return (why or told or lines or [""])[-1]
