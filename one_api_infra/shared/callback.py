"""One line of the callback log: what a gateway sent, and what it was answered.

The log is written by nginx and may hold any bytes that somebody on the internet sends: lines are
parsed as bytes, and one that is no JSON is nobody's callback.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

BEGIN = b'{"id":"'  # of a line
FIELDS = 100  # Alipay sends about thirty
SLASHES = re.compile("/{2,}")
REPLAY_PORT = 8413  # on loopback: where nginx takes what the callback service sends again
HEADERS = (
    "creem-signature",
    "stripe-signature",
    "wechatpay-nonce",
    "wechatpay-serial",
    "wechatpay-signature",
    "wechatpay-timestamp",
    "x-signature",
    "x-waffo-signature",
)


@dataclass(frozen=True)
class Callback:
    """A callback. ``at`` is in seconds since 1970; ``answer`` is None where it was not recorded.

    ``gateway`` is empty where only a payment row says which kind it is; ``body_is_whole`` is false
    if the body was larger than what is recorded, so that it cannot be sent again.
    """

    id: str
    at: float
    client: str
    method: str
    uri: str
    gateway: str
    agent: str
    content_type: str
    headers: Mapping[str, str]
    body: bytes
    body_is_whole: bool
    status: int
    answer: bytes | None
    answer_bytes: int
    seconds: float
    request_id: str

    @property
    def path(self) -> str:
        """The path without the query; nginx takes double slashes for one, and One API does not."""
        return SLASHES.sub("/", self.uri.partition("?")[0])

    @property
    def query(self) -> str:
        """The query as it came."""
        return self.uri.partition("?")[2]

    @property
    def row(self) -> str:
        """What the path ends with: the payment row's uuid in one-hub."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def parameters(self) -> dict[str, str]:
        """The query's and a form's parameters; the query wins, as One API reads it alone."""
        form = self.body if "form" in self.content_type else b""
        return fields(form.decode("latin-1")) | fields(self.query)


def fields(text: str, encoding: str = "utf-8", errors: str = "replace") -> dict[str, str]:
    """A query's or a form's parameters; none of one with more than any gateway sends."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, encoding=encoding, errors=errors, max_num_fields=FIELDS
        )
    except ValueError:
        return {}
    return dict(pairs)


def clean(value: object) -> str:
    """A text without lone surrogates: what was no UTF-8, or a hostile JSON escape, becomes "?".

    SQLite and encoders refuse them: one such line would block the callback service.
    """
    return str(value).encode("utf-8", "replace").decode()


def parse(line: bytes) -> Callback | None:
    """The callback of a line; None for what is none.

    Behind a line that was cut off, as by a loss of power, nginx writes the next one.
    """
    begin = line.rfind(BEGIN, 1)
    try:
        found = json.loads(line.decode("utf-8", "surrogateescape"))
        return _callback(found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return parse(line[begin:]) if begin > 0 else None


def _callback(found: Mapping[str, str]) -> Callback:
    body = _body(found)
    size = int(found.get("size") or 0)
    return Callback(
        id=clean(found["id"]),
        at=float(found["at"]),
        client=clean(found["client"]),
        method=clean(found["method"]),
        uri=clean(found["uri"]),
        gateway=clean(found["gateway"]),
        agent=clean(found["agent"]),
        content_type=clean(found["type"]),
        headers={name: clean(found[name]) for name in HEADERS if found.get(name)},
        body=body,
        body_is_whole=len(body) == size or (size == 0 and "size" in found),
        status=int(found["status"]),
        answer=_answer(found),
        answer_bytes=int(found["bytes"]),
        seconds=float(found["seconds"]),
        request_id=clean(found["request_id"]),
    )


def _body(found: Mapping[str, str]) -> bytes:
    if "body64" in found:
        return base64.b64decode(found["body64"])
    text = found.get("body", "")
    return b"" if text == "-" else text.encode("utf-8", "surrogateescape")


def _answer(found: Mapping[str, str]) -> bytes | None:
    """None too where njs saw nothing, though bytes were sent."""
    if "answer16" not in found:
        return None
    try:
        answer = binascii.unhexlify(found["answer16"])
    except binascii.Error:
        return None
    return answer if answer or not int(found["bytes"]) else None
