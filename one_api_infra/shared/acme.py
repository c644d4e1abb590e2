"""Why a certificate was not renewed, from certbot's own words.

The words are those of certbot 2.1 to 5, of the ACME error types of RFC 8555, 6.7, and of lego,
whose errors begin with the provider's name (``cloudflare: failed to find zone``).
"""

import re
from dataclasses import dataclass

# In this order: a CA that cannot be reached says so in words that others contain too.
REASONS: dict[str, str] = {
    "provider": r"(?m)(?:^\s*|with error: )(?!certbot:)[a-z][a-z0-9]*: |unrecognized DNS provider",
    "txt": r"TXT record|DNS challenge|looking up TXT",
    "account": r"Could not find an existing account|No account registered|accountDoesNotExist"
    r"|Account at \S+ does not exist",
    "plugin": r"plugin does not appear to be installed|Could not choose appropriate plugin"
    r"|Missing command line flag or config entry|Could not bind TCP port",
    "limited": r"rateLimited|too many certificates|too many failed|too many new orders",
    "caa_silent": r"looking up CAA",
    "caa": r"Type:\s+caa|error:caa|CAA record",
    "dns_silent": r"query timed out|SERVFAIL looking up|server failure at resolver",
    "dns": r"Type:\s+dns|error:dns|DNS problem|NXDOMAIN|SERVFAIL",
    "closed": r"Type:\s+connection|error:connection|Timeout during connect",
    "challenge": r"Type:\s+(?:unauthorized|incorrectResponse)|error:unauthorized|Invalid response",
    "ca": r"ConnectionError|Max retries exceeded|NewConnectionError|Connection aborted"
    r"|Name or service not known|Temporary failure in name resolution|timed out|SSLError"
    r"|serverInternal|HTTP 5\d\d|An unexpected error occurred:\s+requests",
    "writing": r"Permission denied|Read-only file system|No space left",
}

# What the CA says, and what certbot says of a renewal that did not come so far.
MARKS = ("with error: ", "Detail:")
HINT = re.compile(r"(?m)^\s*Hint:.*$")  # certbot's, on every kind of failure
ADVICE = re.compile(
    r"Ask for help|See the logfile|Some challenges have failed|All (?:simulated )?renewals"
)


@dataclass(frozen=True)
class Attempt:
    """What became of a try at certbot; ``reason`` is empty if it succeeded (of ``REASONS``)."""

    at: float
    reason: str
    words: str = ""


def reason(words: str) -> str:
    """The reason among ``REASONS``, or ``failed`` where the words are none of theirs."""
    told = HINT.sub("", words)
    return next((name for name, sign in REASONS.items() if re.search(sign, told)), "failed")


def detail(words: str) -> str:
    """The line that says most: the CA's own detail, else the last but the advice to ask others."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    told = (line.partition(mark)[2].strip() for mark in MARKS for line in lines)
    details = [text for text in told if text]
    others = [line for line in lines if not ADVICE.match(line)]
    return (details or others or [""])[-1]
