"""Messages that wait for their channels: cut to what robots take, tried less and less often."""

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

LONGEST = 1800  # bytes: WeCom's robots take 2,048 with the title, Telegram 4,096 characters
KEPT = 50  # messages of a channel that wait at most
FIRST, SELDOM, DAILY = 20.0, 3600.0, 86400.0  # seconds between two tries
LATE = 300.0  # seconds after which a message says of when it is
# Robots that refuse with HTTP 200, and where their answer says so.
CODES = {"dingtalk": "errcode", "wecombot": "errcode", "feishu": "code", "lark": "code"}
WORDS = ("errmsg", "msg")
HTTP = "HTTP"


@dataclass(frozen=True)
class Waiting:
    """A message for the channel of that place in the settings; ``tried`` is when it was last."""

    title: str
    body: str
    channel: int
    at: float = 0.0
    tries: int = 0
    tried: float = 0.0

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Waiting":
        """From plain data."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def is_due(self, now: float) -> bool:
        """Whether it is to be tried: where one of two receivers is gone, the other has it."""
        pause = min(FIRST * 2 ** max(self.tries - 1, 0), SELDOM)
        if now - self.at > DAILY:
            pause = DAILY
        return not self.tries or not 0 <= now - self.tried < pause

    def failed(self, now: float) -> "Waiting":
        """The same after a try in vain."""
        return replace(self, tries=min(self.tries + 1, 20), tried=now)

    def shown(self, now: float) -> str:
        """The title, of a late message with its time."""
        if not self.at or abs(now - self.at) < LATE:
            return self.title
        return f"{self.title} [{datetime.datetime.fromtimestamp(self.at).astimezone():%m-%d %H:%M}]"


def messages(
    title: str, body: str, channels: Iterable[int], now: float = 0.0
) -> list[dict[str, Any]]:
    """A text as messages, cut at ends of lines, for each channel."""
    parts = _parts(body)
    many = len(parts) > 1
    titles = [f"{title} ({n}/{len(parts)})" if many else title for n in range(1, len(parts) + 1)]
    return [
        Waiting(head, part, channel, now).plain()
        for channel in channels
        for head, part in zip(titles, parts, strict=True)
    ]


def _parts(body: str) -> list[str]:
    parts = [""]
    for line in (piece for whole in body.splitlines() for piece in _pieces(whole)):
        longer = f"{parts[-1]}\n{line}" if parts[-1] else line
        if len(longer.encode()) > LONGEST and parts[-1]:
            parts.append(line)
        else:
            parts[-1] = longer
    return parts


def _pieces(line: str) -> list[str]:
    """A line in pieces of which none is too long; four bytes a character at most."""
    if len(line.encode()) <= LONGEST:
        return [line]
    step = LONGEST // 4
    return [line[start : start + step] for start in range(0, len(line), step)]


def kept(waiting: Iterable[Waiting]) -> list[Waiting]:
    """The newest of each channel."""
    found: dict[int, list[Waiting]] = {}
    for each in waiting:
        found.setdefault(each.channel, []).append(each)
    return [each for of_channel in found.values() for each in of_channel[-KEPT:]]


def refusal(scheme: str, status: int, answer: str) -> str:
    """Why a channel did not take a message, by its answer; empty if it did."""
    if status >= 400:
        return f"{HTTP} {status}"
    try:
        told = json.loads(answer) if scheme in CODES else {}
    except ValueError:
        return ""
    code = told.get(CODES.get(scheme, ""), 0) if isinstance(told, dict) else 0
    words = next((str(told[name]) for name in WORDS if told.get(name)), "") if code else ""
    return f"{code} {words}".strip() if code else ""
