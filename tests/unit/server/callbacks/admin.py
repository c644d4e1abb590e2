"""An admin who does to the letter what a case says: the call that stands in its text."""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from one_api_infra.server.callbacks import cases
from one_api_infra.server.callbacks.cases import Case
from one_api_infra.server.callbacks.order import DOLLARS
from one_api_infra.server.callbacks.remedies import NEW_API, Remedy, is_acted
from tests.unit.server.callbacks.world import World

AMOUNT = re.compile(r"\$([0-9.]+) \(a quota of")
CALL = re.compile(r"`(?:PUT|POST) (/\S+)`[^{]*(\{[^}]*\})")


@dataclass
class Admin:
    """Follows each case once; ``says_done``: whether ``--done`` is said where it is asked for."""

    world: World
    says_done: bool = True
    followed: set[tuple[str, str, str, int]] = field(default_factory=set)

    def look(self) -> None:
        """Do what is told and was not done yet."""
        for case in self.world.told():
            key = (case.number, case.kind, case.remedy, case.quota)
            if key not in self.followed and case.kind != cases.INVALID_SIGNATURE:
                self.followed.add(key)
                self._follow(case)

    def _follow(self, case: Case) -> None:
        if case.remedy in {Remedy.LOOK, Remedy.COMPARE} and self._is_right(case):
            self.world.done(case.number)
            return
        text = cases.lines(case)[1]
        for path, words in CALL.findall(text):
            body = json.loads(words)
            assert _on_the_page(text) == abs(body.get("quota", body.get("value", 0)))
            self._call(path, body)
        if is_acted(case.remedy) and (self.says_done or case.edition == NEW_API):
            self.world.done(case.number)

    def _is_right(self, case: Case) -> bool:
        """What the gateway's console shows; what the user's balance shows beside the log."""
        if case.remedy == Remedy.LOOK:
            return case.number in self.world.paid
        assert case.order
        logged = sum(each.quota for each in self.world.credited)
        logged += sum(each.quota for each in self.world.corrected)
        return self.world.balance[case.order.user] - logged >= case.order.quota

    def _call(self, path: str, body: dict[str, Any]) -> None:
        if path == "/api/payment/":
            self.world.is_enabled = body["enable"]
        elif path == "/api/user/topup/complete":
            self.world.complete(body["trade_no"])
        elif path == "/api/user/manage":
            sign = 1 if body["mode"] == "add" else -1
            self.world.change_quota(body["id"], sign * body["value"])
        else:
            user = int(path.rpartition("/")[2])
            self.world.change_quota(user, body["quota"], body["remark"])


def _on_the_page(text: str) -> int:
    """The quota that One API's page makes of what is to be typed there: it multiplies."""
    found = AMOUNT.search(text)
    return round(Decimal(found[1]) * DOLLARS.quota) if found else 0
