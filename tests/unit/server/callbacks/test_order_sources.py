"""New API's orders, from answers of the real one (v1.0.0-rc.40)."""

import json
import time
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server.callbacks import audit
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus, Reply
from one_api_infra.server.callbacks.order import Credit, QuotaDisplay, Status
from one_api_infra.server.callbacks.order_sources.new_api import DISPLAY, NewApiOrders
from one_api_infra.server.callbacks.order_sources.one_hub import OneHubOrders
from one_api_infra.shared import editions
from one_api_infra.shared.editions.api import Api, ApiError

NOW = int(time.time())
DAY = 86400
KEY = "epay-merchant-key"
KEYS = {"EpayKey": KEY}


def row(identity: int, age: int, status: str = "pending", **changed: Any) -> dict[str, Any]:
    made = {
        "id": identity, "user_id": 1, "amount": 2, "money": 14.6, "trade_no": f"USR1NO{identity}",
        "payment_method": "alipay", "payment_provider": "epay", "create_time": NOW - age,
        "complete_time": NOW - age + 5 if status == "success" else 0, "status": status,
    }  # fmt: skip
    return made | changed


class Told(Api):
    """New API's answers to an administrator; no connection is made."""

    def __init__(self, rows: list[dict[str, Any]], **options: str) -> None:
        super().__init__(editions.get("new-api"), "http://127.0.0.1:3000")
        self.rows = sorted(rows, key=lambda each: -each["id"])
        self.told = {"PayAddress": "https://pay.example.com", "EpayId": "1001", **options}
        self.asked: list[str] = []
        self.lines: list[dict[str, Any]] = []

    def options(self) -> dict[str, str]:
        return self.told

    def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        self.asked.append(path)
        query = {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}
        found = [each for each in self.rows if query.get("keyword", "") in each["trade_no"]]
        if path.startswith("/api/log/"):
            found = [each for each in self.lines if str(each["type"]) == query["type"]]
        first = (int(query["p"]) - 1) * int(query["page_size"])
        page = found[first : first + int(query["page_size"])]
        return {"success": True, "data": {"items": page, "total": len(found)}}


def test_account_is_that_of_the_options() -> None:
    (account,) = NewApiOrders(Told([]), KEYS).accounts()
    assert (account.gateway, account.merchant) == ("epay", "1001")
    assert account.path == "/api/user/epay/notify"
    assert account.reveal("key") == KEY
    assert KEY not in repr(account)


@pytest.mark.parametrize(("key", "options"), [("", {}), (KEY, {"EpayId": ""})])
def test_without_a_key_nothing_is_judged(key: str, options: dict[str, str]) -> None:
    assert NewApiOrders(Told([], **options), {"EpayKey": key} if key else {}).accounts() == []


def test_orders_and_what_they_credit() -> None:
    told = Told([row(1, 3600, "success"), row(2, 60), row(3, 30, "expired")])
    source = NewApiOrders(told, KEYS)
    found = {each.number: each for each in source.orders(NOW - 7200)}
    assert [each.status for each in found.values()] == [
        Status.CLOSED, Status.PENDING, Status.SUCCESS
    ]  # fmt: skip
    assert found["USR1NO1"].quota == 1_000_000
    assert str(found["USR1NO1"].money) == "14.60"
    credit = Credit(1, 1, 1_000_000, float(NOW - 3595), "USR1NO1")
    assert list(source.credits(NOW - 7200)) == [credit]
    assert list(source.credits(NOW - 60)) == []


def line(identity: int, age: int, money: str = "14.600000") -> dict[str, Any]:
    """A line of the log about a credit."""
    content = f"使用在线充值成功，充值金额: ＄2.000000 额度，支付金额：{money}"
    return {"id": identity, "user_id": 1, "type": 1, "created_at": NOW - age, "content": content}


def test_credit_without_a_transaction_is_what_the_log_says() -> None:
    """Releases of before 2026-08-11 note no time at an order, those of after do: both in a list."""
    old = [row(at, age, "success", complete_time=0) for at, age in ((1, 3600), (3, 900))]
    told = Told([*old, row(2, 1800, "success")])
    told.lines = [line(11, 3594), line(12, 1794), line(13, 500, "9.000000")]
    found = list(NewApiOrders(told, KEYS).credits(NOW - 7200))
    assert [(each.id, each.number) for each in found] == [(2, "USR1NO2"), (-11, "")]
    assert found[1].quota == 1_000_000


def test_completion_by_hand_takes_no_callbacks_line() -> None:
    """Two orders of one user and sum in one second: one completed by hand, one by its callback."""
    told = Told([row(1, 60, "success", complete_time=NOW - 50)])
    told.rows.append(row(2, 60, "success", complete_time=0))
    by_hand = "管理员补单成功，充值金额: ＄2.000000 额度，支付金额：14.600000"
    told.lines = [line(11, 50), {**line(12, 50), "content": by_hand}]
    found = list(NewApiOrders(told, KEYS).credits(NOW - 7200))
    assert [each.id for each in found] == [1, -11]


def test_two_lines_for_one_order_are_two_credits() -> None:
    told = Told([row(1, 3600, status="success", complete_time=0)])
    told.lines = [line(11, 3594), line(12, 3594)]
    assert [each.id for each in NewApiOrders(told, KEYS).credits(NOW - 7200)] == [-11, -12]


@pytest.mark.parametrize(
    ("options", "shown", "quota"),
    [
        ({}, "＄2.500000 额度", 1_250_000),
        ({DISPLAY: "TOKENS"}, "1250000 点额度", 1_250_000),
        ({DISPLAY: "CNY", "USDExchangeRate": "7.3"}, "¥18.250000 额度", 1_250_000),
    ],
)
def test_what_people_added_and_took(options: dict[str, str], shown: str, quota: int) -> None:
    told = Told([], **options)
    told.lines = [_audit(1, "user.quota_add", shown), _audit(2, "user.quota_subtract", shown)]
    told.lines += [_audit(3, "user.manage", shown), {**_audit(4, "x", ""), "other": "no JSON"}]
    source = NewApiOrders(told, KEYS)
    source.accounts()
    found = [(each.id, each.user, each.quota) for each in source.corrections(0)]
    assert found == [(1, 7, quota), (2, 7, -quota)]


def test_an_override_is_the_difference() -> None:
    told = Told([])
    for before, after in (("＄1.000000", "＄3.5"), ("＄-1.5", "＄-2")):
        params = {"from": before, "to": after, "target_user_id": 7}
        done = {"op": {"action": "user.quota_override", "params": params}}
        told.lines.append({**_audit(1, "", ""), "other": json.dumps(done)})
    source = NewApiOrders(told, KEYS)
    source.accounts()
    assert [each.quota for each in source.corrections(0)] == [1_250_000, -250_000]


@pytest.mark.parametrize(("currency", "money"), [("USD", "1450.50"), ("JPY", "1450")])
def test_waffo_takes_some_currencies_whole(currency: str, money: str) -> None:
    told = Told([row(1, 60, payment_provider="waffo", money=1450.5)], WaffoCurrency=currency)
    source = NewApiOrders(told, KEYS)
    source.accounts()
    assert [str(each.money) for each in source.orders(0)] == [money]


def test_a_subscription_of_stripes_credits_no_quota() -> None:
    sold = row(1, 60, "success", payment_provider="", payment_method="stripe", amount=0, money=9.9)
    assert [each.quota for each in NewApiOrders(Told([sold]), KEYS).orders(0)] == [0]


def _audit(identity: int, action: str, quota: str) -> dict[str, Any]:
    done = {"action": action, "params": {"quota": quota, "target_user_id": 7}}
    other = json.dumps({"op": done})
    return {
        "id": identity,
        "user_id": 1,
        "type": 3,
        "created_at": NOW,
        "content": "",
        "other": other,
    }


def test_pages_end_where_the_day_does() -> None:
    told = Told([row(n, 60 if n > 250 else 3 * DAY) for n in range(1, 401)])
    assert len(list(NewApiOrders(told, KEYS).orders(NOW - 600))) == 150
    assert len(told.asked) == 2


def test_what_nobody_paid_in_a_day_is_read_no_more_but_can_still_be_completed() -> None:
    source = NewApiOrders(Told([row(1, 2 * DAY), row(12, 60)]), KEYS)
    assert [each.number for each in source.orders(NOW - 600)] == ["USR1NO12"]
    old = source.order("USR1NO1")
    assert old
    assert old.status is Status.PENDING
    assert source.order("USR1NO") is None


def test_every_gateway_has_its_account_where_its_keys_are_known() -> None:
    keys = {
        **KEYS, "StripeApiSecret": "sk_1", "StripeWebhookSecret": "w", "CreemWebhookSecret": "c",
        "WaffoPublicCert": "live", "WaffoSandboxPublicCert": "test",
    }  # fmt: skip
    found = {each.gateway: each for each in NewApiOrders(Told([]), keys).accounts()}
    assert {kind: each.path for kind, each in found.items()} == {
        "epay": "/api/user/epay/notify", "stripe": "/api/stripe/webhook",
        "creem": "/api/creem/webhook", "waffo": "/api/waffo/webhook",
    }  # fmt: skip
    assert found["stripe"].reveal("secret_key") == "sk_1"
    assert found["waffo"].public["public_key"] == "live"
    sandbox = {each.gateway: each for each in NewApiOrders(Told([], WaffoSandbox="true"), keys)
               .accounts()}  # fmt: skip
    assert sandbox["waffo"].public["public_key"] == "test"


def test_what_stripe_takes_for_an_order_is_not_known() -> None:
    source = NewApiOrders(Told([row(1, 60, money=2.0, payment_provider="stripe")]), KEYS)
    (order,) = source.orders(NOW - 600)
    assert (order.row, order.quota, order.money) == ("stripe", 1_000_000, None)
    paid = Reply(PaymentStatus.PAID, order.number, "pi_1", Decimal("14.60"), "CNY")
    assert audit.may_credit(order, "", paid)


def test_creem_s_amount_is_quota_and_its_price_is_not_the_order_s() -> None:
    told = Told([row(1, 60, amount=5_000_000, money=10.0, payment_provider="creem")])
    (order,) = NewApiOrders(told, KEYS).orders(NOW - 600)
    assert (order.quota, order.money) == (5_000_000, None)


@pytest.mark.parametrize(("method", "provider"), [
    ("stripe", "stripe"), ("creem", "creem"), ("alipay", "epay"),
])  # fmt: skip
def test_a_subscription_s_sale_has_no_sum_to_compare(method: str, provider: str) -> None:
    sale = row(1, 60, "success", amount=0, money=10.0, payment_provider="", payment_method=method)
    (order,) = NewApiOrders(Told([sale]), KEYS).orders(NOW - 600)
    assert (order.row, order.money, order.currency) == (provider, None, "")


def test_sums_are_rounded_as_go_does() -> None:
    sale = row(1, 60, money=2.665, payment_provider="waffo")
    (order,) = NewApiOrders(Told([sale]), KEYS).orders(NOW - 600)
    assert str(order.money) == "2.67"


@pytest.mark.parametrize(("options", "keys", "is_blind"), [
    ({}, {}, True), ({"EpayId": ""}, {}, False),
    ({"EpayId": "", "WaffoEnabled": "true"}, {}, False),
    ({"EpayId": "", "WaffoEnabled": "true"}, None, True), ({"EpayId": ""}, None, False),
])  # fmt: skip
def test_callbacks_wait_while_keys_cannot_be_read(
    options: dict[str, str], keys: dict[str, str] | None, is_blind: bool
) -> None:
    source = NewApiOrders(Told([], **options), keys)
    source.accounts()
    assert source.is_blind is is_blind


def test_a_release_without_the_list_is_an_error() -> None:
    class Old(Told):
        def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
            return {"success": False, "message": "无权进行此操作"}

    with pytest.raises(ApiError, match="/api/user/topup"):
        list(NewApiOrders(Old([]), KEYS).orders(0))


@pytest.mark.parametrize(("options", "typed"), [
    ({}, "$2.5"),
    ({"QuotaPerUnit": "1000000"}, "$1.25"),
    ({DISPLAY: "CNY", "USDExchangeRate": "7.3"}, "¥18.25"),
    ({DISPLAY: "TOKENS"}, "1250000"),
    ({DISPLAY: "CUSTOM", "general_setting.custom_currency_exchange_rate": "2",
      "general_setting.custom_currency_symbol": "NT$ "}, "NT$ 5"),
])  # fmt: skip
def test_new_api_pages_take_quota_in_their_currency(options: dict[str, str], typed: str) -> None:
    source = NewApiOrders(Told([], **options), KEYS)
    source.accounts()
    assert QuotaDisplay.parse(str(source.display)).amount(-1_250_000) == typed


@pytest.mark.parametrize(("status", "typed"), [
    ({}, "$2.5"), ({"quota_per_unit": 500000}, "$2.5"), ({"quota_per_unit": 1e6}, "$1.25"),
])  # fmt: skip
def test_one_hub_pages_take_quota_in_dollars(status: dict[str, Any], typed: str) -> None:
    class OneHub(Api):
        def status(self) -> dict[str, Any]:
            return status

        def payments(self) -> list[dict[str, Any]]:
            return []

    source = OneHubOrders(OneHub(editions.get("one-hub"), "http://127.0.0.1:3000"), None)
    source.accounts()
    assert source.display.amount(1_250_000) == typed


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(["500000", "1000000", "1", "68493.15068493151"]),
)
def test_what_is_typed_is_that_quota_again(quota: int, unit: str) -> None:
    """As the pages reckon: the amount times the unit, rounded."""
    display = QuotaDisplay("$", Decimal(unit))
    assert round(Decimal(display.amount(quota)[1:]) * display.quota) == abs(quota)


@pytest.mark.parametrize("amount", [0, 2])
def test_what_is_over_is_not_read_again(amount: int) -> None:
    """Subscriptions' rows too, which have no amount: a site may sell nothing else."""
    told = Told([row(n, 9 * DAY - n, "success", amount=amount) for n in range(2000)])
    assert list(NewApiOrders(told, KEYS).orders(NOW - DAY)) == []
    assert len(told.asked) == 1
