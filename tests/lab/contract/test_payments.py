"""Payment rows, orders, callbacks: the routes of money, hazards included."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.gateways import Alipay, Bepusdt, Call, Wxpay
from one_api_infra.lab.stand_in.store import sign
from tests.lab.contract.conftest import OneApi


@pytest.fixture(scope="module")
def account(lab: Any) -> Gateway:
    return Gateway(lab.ca.issuer)


@pytest.fixture(scope="module")
def payment(one_api: OneApi, account: Gateway) -> dict[str, Any]:
    """A payment row, as its API shows it."""
    one_api.login()
    added = one_api.call("POST", "/api/payment/", account.payment_row())
    assert (added.status_code, added.json()["success"]) == (201, True)
    return dict(added.json()["data"])


def _payments(one_api: OneApi) -> list[dict[str, Any]]:
    return list(one_api.call("GET", "/api/payment/?page=1&size=100").json()["data"]["data"])


def _order(one_api: OneApi, payment: dict[str, Any], amount: int = 10) -> dict[str, str]:
    time.sleep(0.01)
    body = {"uuid": payment["uuid"], "amount": amount}
    answer = one_api.call("POST", "/api/user/order", body).json()
    assert answer["success"], answer
    return dict(answer["data"]["data"]["params"])


def _notify(one_api: OneApi, payment: dict[str, Any], parameters: dict[str, str]) -> bytes:
    reply = one_api.call("GET", f"/api/payment/notify/{payment['uuid']}?{urlencode(parameters)}",
                         headers={"Accept-Encoding": "identity"})  # fmt: skip
    assert reply.status_code == 200
    return reply.content


def _quota(one_api: OneApi) -> int:
    return int(one_api.rows("SELECT quota FROM users WHERE id = 1")[0][0])


def test_row_keeps_its_secrets_when_the_domain_changes(
    one_api: OneApi, payment: dict[str, Any]
) -> None:
    body = {"id": payment["id"], "notify_domain": "https://pay.test"}
    assert one_api.call("PUT", "/api/payment/", body).json()["success"]
    row = _payments(one_api)[0]
    assert row["notify_domain"] == "https://pay.test"
    assert (row["uuid"], row["config"]) == (payment["uuid"], payment["config"])
    empty = {"id": payment["id"], "notify_domain": ""}
    assert one_api.call("PUT", "/api/payment/", empty).json()["success"]
    assert _payments(one_api)[0]["notify_domain"] == "https://pay.test"


def test_order_hands_out_the_callback_url(one_api: OneApi, payment: dict[str, Any]) -> None:
    order = _order(one_api, payment)
    path = one_api.edition.callback_path("epay", payment["uuid"])
    assert order["notify_url"] == f"https://pay.test{path}"
    assert order["money"] == "73.00"
    stored = one_api.rows(
        "SELECT status, amount, quota, order_currency FROM orders"
        f" WHERE trade_no = '{order['out_trade_no']}'"
    )
    assert stored == [["pending", 10, 5000000, "CNY"]]


def test_callback_credits_once(one_api: OneApi, payment: dict[str, Any], account: Gateway) -> None:
    order = _order(one_api, payment)
    before = _quota(one_api)
    status = f"/api/user/order/status?trade_no={order['out_trade_no']}"
    assert one_api.call("GET", status).json()["success"] is False
    for _time in range(2):
        assert _notify(one_api, payment, account.notification(order)) == b"success"
    assert _quota(one_api) == before + 5000000
    assert one_api.call("GET", status).json()["success"] is True
    logged = one_api.rows("SELECT type, content FROM logs WHERE type = 1 ORDER BY id DESC LIMIT 1")
    assert "5000000" in logged[0][1]
    log = one_api.call("GET", "/api/log/?log_type=1&order=created_at&size=100&page=1").json()
    last = log["data"]["data"][-1]
    assert (last["user_id"], last["quota"]) == (1, 5000000)
    assert last["content"].startswith("在线充值成功")
    listed = one_api.call(
        "GET", f"/api/payment/order?page=1&size=10&trade_no={order['out_trade_no']}"
    )
    assert listed.json()["data"]["data"][0]["status"] == "success"


def test_bepusdt_is_an_epay(one_api: OneApi, payment: dict[str, Any], account: Gateway) -> None:
    """It names no kind of signature, another type, and an amount without zeros at its end."""
    order, before = _order(one_api, payment), _quota(one_api)
    made = Bepusdt(account.pay_domain, account.partner, account.key)
    for call, answer in (
        (made.call(order, key="another"), b"fail"),
        (made.call(order), b"success"),
    ):
        assert _notify(one_api, payment, dict(parse_qsl(call.query))) == answer
    assert _quota(one_api) == before + 5000000


def test_quota_changed_by_hand_stands_in_the_log(one_api: OneApi, payment: dict[str, Any]) -> None:
    before = _quota(one_api)
    for body in ({"quota": 700, "remark": "order 2026"}, {"quota": -500}):
        assert one_api.call("POST", "/api/user/quota/1", body).json()["success"]
    assert _quota(one_api) == before + 200
    log = one_api.call("GET", "/api/log/?log_type=3&order=created_at&size=100&page=1").json()
    named, unnamed = log["data"]["data"][-2:]
    assert (named["user_id"], named["quota"], unnamed["quota"]) == (1, 700, -500)
    assert named["content"].startswith("管理员增减用户额度")
    assert named["content"].endswith(", 备注: order 2026")
    assert "备注" not in unnamed["content"]


def test_row_is_disabled_and_enabled_by_its_id(
    one_api: OneApi, payment: dict[str, Any], account: Gateway
) -> None:
    order = _order(one_api, payment)
    for state in (False, True):
        body = {"id": payment["id"], "enable": state}
        assert one_api.call("PUT", "/api/payment/", body).json()["success"]
        row = _payments(one_api)[0]
        assert (row["enable"], row["config"]) == (state, payment["config"])
        answer = _notify(one_api, payment, account.notification(order))
        assert answer == b"success" if state else b"payment not found" in answer


def test_order_for_no_row_closes_what_is_overdue(one_api: OneApi, payment: dict[str, Any]) -> None:
    order = _order(one_api, payment)
    number = order["out_trade_no"]
    one_api.write(f"UPDATE orders SET created_at = created_at - 11000 WHERE trade_no = '{number}'")
    answer = one_api.call("POST", "/api/user/order", {"uuid": "none", "amount": 1_000_000}).json()
    assert answer["success"] is False
    time.sleep(1)
    assert one_api.rows(f"SELECT status FROM orders WHERE trade_no = '{number}'") == [["closed"]]


def test_posted_callback_is_refused(
    one_api: OneApi, payment: dict[str, Any], account: Gateway
) -> None:
    parameters = account.notification(_order(one_api, payment))
    url = f"{one_api.base}/api/payment/notify/{payment['uuid']}"
    reply = requests.post(url, data=parameters, timeout=10)
    assert reply.content == b"fail"


@pytest.mark.parametrize(
    "change",
    [
        {"sign": "0" * 32},
        {"sign": "UPPER"},
        {"money": "1.00"},
        {"trade_status": "TRADE_CLOSED"},
        {"extra": "unsigned"},
    ],
)
def test_what_is_not_signed_is_refused(
    one_api: OneApi, payment: dict[str, Any], account: Gateway, change: dict[str, str]
) -> None:
    order = _order(one_api, payment)
    parameters = account.notification(order)
    if change == {"sign": "UPPER"}:
        change = {"sign": parameters["sign"].upper()}
    assert _notify(one_api, payment, parameters | change) == b"fail"
    stored = f"SELECT status FROM orders WHERE trade_no = '{order['out_trade_no']}'"
    assert one_api.rows(stored) == [["pending"]]


def test_bare_calls(one_api: OneApi, payment: dict[str, Any]) -> None:
    path = f"/api/payment/notify/{payment['uuid']}"
    for method in ("GET", "POST", "OPTIONS"):
        assert one_api.call(method, path).text == "fail"
    unknown = one_api.call("GET", f"/api/payment/notify/{'f' * 32}")
    assert (unknown.status_code, unknown.json()["message"]) == (200, "payment not found")


def test_only_the_query_string_is_read(
    one_api: OneApi, payment: dict[str, Any], account: Gateway
) -> None:
    order = _order(one_api, payment)
    path = one_api.base + f"/api/payment/notify/{payment['uuid']}"
    form = one_api.session.post(path, data=account.notification(order), timeout=10)
    assert form.text == "fail"
    query = one_api.session.post(f"{path}?{urlencode(account.notification(order))}", timeout=10)
    assert query.text == "success"


def test_hazard_the_amount_is_not_compared(
    one_api: OneApi, payment: dict[str, Any], account: Gateway
) -> None:
    order = _order(one_api, payment)
    before = _quota(one_api)
    parameters = account.notification(order) | {"money": "0.01"}
    parameters["sign"] = sign(parameters, account.key)
    assert _notify(one_api, payment, parameters) == b"success"
    assert _quota(one_api) == before + 5000000


def test_hazard_an_unknown_order_is_taken(
    one_api: OneApi, payment: dict[str, Any], account: Gateway
) -> None:
    parameters = account.notification(_order(one_api, payment)) | {"out_trade_no": "999"}
    parameters["sign"] = sign(parameters, account.key)
    assert _notify(one_api, payment, parameters) == b"success"


def test_hazard_old_orders_are_closed_and_their_payment_is_dropped(
    one_api: OneApi, payment: dict[str, Any], account: Gateway
) -> None:
    order = _order(one_api, payment)
    one_api.stop()
    old = "import sqlite3; db = sqlite3.connect('/var/lib/contract/one-api.db');"
    age = f"created_at - 4 * 3600 WHERE trade_no = '{order['out_trade_no']}'"
    statement = f'db.execute(\\"UPDATE orders SET created_at = {age}\\"); db.commit()'
    one_api.site.host.ssh(f'python3 -c "{old} {statement}"')
    one_api.start()
    _order(one_api, payment)
    before = _quota(one_api)
    assert _notify(one_api, payment, account.notification(order)) == b"success"
    assert _quota(one_api) == before
    stored = f"SELECT status FROM orders WHERE trade_no = '{order['out_trade_no']}'"
    assert one_api.rows(stored) == [["closed"]]


def test_hazard_a_disabled_row_answers_200(one_api: OneApi, payment: dict[str, Any]) -> None:
    one_api.call("PUT", "/api/payment/", {"id": payment["id"], "enable": False})
    bare = one_api.call("GET", f"/api/payment/notify/{payment['uuid']}")
    assert (bare.status_code, bare.json()["success"]) == (200, False)
    one_api.call("PUT", "/api/payment/", {"id": payment["id"], "enable": True})


def test_hazard_two_at_once(one_api: OneApi, payment: dict[str, Any], account: Gateway) -> None:
    """Both read the order while a third holds the database: whether the second looks again."""
    order = _order(one_api, payment)
    before = _quota(one_api)
    path = one_api.edition.callback_path("epay", payment["uuid"])
    url = f"{one_api.base}{path}?{urlencode(account.notification(order))}"
    one_api.hold(2)
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda each: requests.get(each, timeout=20), [url, url]))
    assert [reply.text for reply in replies] == ["success", "success"]
    credits = 2 if one_api.edition.order_parameter else 1
    assert _quota(one_api) == before + credits * 5000000


def test_callback_domain_of_the_option_wins(one_api: OneApi, payment: dict[str, Any]) -> None:
    for option in one_api.edition.callback_options:
        body = {"key": option, "value": "https://option.test"}
        assert one_api.call("PUT", "/api/option/", body).json()["success"]
        assert _order(one_api, payment)["notify_url"].startswith("https://option.test/api/")
        assert one_api.call("PUT", "/api/option/", body | {"value": ""}).json()["success"]
    assert _order(one_api, payment)["notify_url"].startswith("https://pay.test/api/")


@pytest.fixture(scope="module")
def alipay_row(one_api: OneApi, lab: Any) -> tuple[Alipay, dict[str, Any]]:
    """An account at Alipay, and its payment row; nobody has ordered with it yet."""
    one_api.login()
    account = Alipay()
    added = one_api.call("POST", "/api/payment/", account.payment_row())
    assert added.status_code == 201
    return account, dict(added.json()["data"])


def _post(one_api: OneApi, row: dict[str, Any], call: Call) -> requests.Response:
    url = f"{one_api.base}/api/payment/notify/{row['uuid']}"
    headers = {**call.headers, "Accept-Encoding": "identity"}
    return one_api.session.post(url, data=call.body, headers=headers, timeout=10)


def _alipay_order(one_api: OneApi, row: dict[str, Any]) -> dict[str, str]:
    body = {"uuid": row["uuid"], "amount": 10}
    answer = one_api.call("POST", "/api/user/order", body).json()
    assert answer["success"], answer
    return {"out_trade_no": answer["data"]["trade_no"], "money": "73.00"}


def test_hazard_alipay_is_cold_until_the_first_order(
    one_api: OneApi, alipay_row: tuple[Alipay, dict[str, Any]]
) -> None:
    account, row = alipay_row
    order = {"out_trade_no": "1", "money": "73.00"}
    cold = 500 if one_api.edition.name == "one-hub" else 200  # Done Hub makes its client anew
    assert _post(one_api, row, account.call(order)).status_code == cold
    _alipay_order(one_api, row)
    assert _post(one_api, row, account.call(order, sign="AAAA")).text == "failure"


def test_alipay_in_gbk_credits_once(
    one_api: OneApi, alipay_row: tuple[Alipay, dict[str, Any]]
) -> None:
    account, row = alipay_row
    order = _alipay_order(one_api, row)
    before = _quota(one_api)
    for _time in range(2):
        reply = _post(one_api, row, account.call(order))
        assert (reply.status_code, reply.text) == (200, "success")
    assert _quota(one_api) == before + 5000000


def test_hazard_wxpay_is_cold_until_the_first_order(one_api: OneApi) -> None:
    account = Wxpay()
    row = one_api.call("POST", "/api/payment/", account.payment_row()).json()["data"]
    reply = _post(one_api, row, account.call({"out_trade_no": "1", "money": "1"}))
    assert (reply.status_code, reply.json()["code"]) == (400, "FAIL")
