"""New API's books, from answers of the real one (v1.0.0-rc.40)."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from one_api_infra import editions
from one_api_infra.callbacks.books.new_api import NewApiBooks
from one_api_infra.callbacks.order import Credit, Status
from one_api_infra.editions.api import Api, ApiError

NOW = int(time.time())
DAY = 86400
KEY = "epay-merchant-key"


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

    def options(self) -> dict[str, str]:
        return self.told

    def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        self.asked.append(path)
        query = {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}
        found = [each for each in self.rows if query.get("keyword", "") in each["trade_no"]]
        first = (int(query["p"]) - 1) * int(query["page_size"])
        page = found[first : first + int(query["page_size"])]
        return {"success": True, "data": {"items": page, "total": len(found)}}


def test_account_is_that_of_the_options() -> None:
    (account,) = NewApiBooks(Told([]), KEY).accounts()
    assert (account.gateway, account.merchant) == ("epay", "1001")
    assert account.path == "/api/user/epay/notify"
    assert account.reveal("key") == KEY
    assert KEY not in repr(account)


@pytest.mark.parametrize(("key", "options"), [("", {}), (KEY, {"EpayId": ""})])
def test_without_a_key_nothing_is_judged(key: str, options: dict[str, str]) -> None:
    assert NewApiBooks(Told([], **options), key).accounts() == []


def test_orders_and_what_they_credit() -> None:
    told = Told([row(1, 3600, "success"), row(2, 60), row(3, 30, "expired")])
    books = NewApiBooks(told, KEY)
    found = {each.number: each for each in books.orders(NOW - 7200)}
    assert [each.status for each in found.values()] == [
        Status.CLOSED, Status.PENDING, Status.SUCCESS
    ]  # fmt: skip
    assert found["USR1NO1"].quota == 1_000_000
    assert str(found["USR1NO1"].money) == "14.60"
    assert list(books.credits(NOW - 7200)) == [Credit(1, 1, 1_000_000, float(NOW - 3595))]
    assert list(books.credits(NOW - 60)) == []


def test_pages_end_where_the_day_does() -> None:
    told = Told([row(n, 60 if n > 250 else 3 * DAY) for n in range(1, 401)])
    assert len(list(NewApiBooks(told, KEY).orders(NOW - 600))) == 150
    assert len(told.asked) == 2


def test_what_nobody_paid_in_a_day_is_done_with() -> None:
    books = NewApiBooks(Told([row(1, 2 * DAY), row(12, 60)]), KEY)
    old, young = books.order("USR1NO1"), books.order("USR1NO12")
    assert old
    assert young
    assert (old.status, young.status) == (Status.CLOSED, Status.PENDING)
    assert books.order("USR1NO") is None


def test_stripes_orders_are_nobodys_account() -> None:
    books = NewApiBooks(Told([row(1, 60, money=2.0, payment_provider="stripe")]), KEY)
    (order,) = books.orders(NOW - 600)
    assert (order.row, order.quota) == ("stripe", 1_000_000)


def test_a_release_without_the_list_is_an_error() -> None:
    class Old(Told):
        def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
            return {"success": False, "message": "无权进行此操作"}

    with pytest.raises(ApiError, match="/api/user/topup"):
        list(NewApiBooks(Old([]), KEY).orders(0))
