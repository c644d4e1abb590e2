"""What strangers, customers and gateways tried, one by one: nobody's payment is delayed."""

import http.server
import ipaddress
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server.callbacks import asking, audit, intake, schedule, timeline
from one_api_infra.server.callbacks.audit import Facts
from one_api_infra.server.callbacks.gateways import GATEWAYS, addresses, client, epay
from one_api_infra.server.callbacks.gateways.gateway import AskError, Claim, PaymentStatus, Reply
from one_api_infra.server.callbacks.ledger import MOST_FORGED, MOST_LINES, MOST_OF_AN_ORDER, Ledger
from one_api_infra.server.callbacks.order import Order, Status
from one_api_infra.shared import foreign
from one_api_infra.shared.callback import parse
from tests.unit.server.callbacks.lines import ACCOUNT, KEY, PATH, ROW, callback_request, line
from tests.unit.server.callbacks.test_worker import make, pass_time
from tests.unit.server.callbacks.world import World

__all__ = ["make"]  # the fixture
KNOWN = {ROW: ACCOUNT}
NOW = 1_700_000_000.0


def order(number: str, user: int = 1, row: str = ROW) -> Order:
    return Order(number, user, row, Decimal("73.00"), "CNY", 500, Status.PENDING, NOW)


def claim(**changed: object) -> Claim:
    made = Claim("1", "G1", Decimal("73.00"), "", "1001", is_paid=True, is_genuine=True)
    return replace(made, **changed)  # type: ignore[arg-type]


# Signatures over a text that can be read in two ways.


@pytest.mark.parametrize(
    "changed",
    [{"money": "1.00&name=A"}, {"money": "1=2"}, {"trade_no": "G1&money=73.00"}, {"money": ""}],
    ids=str,
)
def test_text_that_reads_in_two_ways_is_not_genuine(changed: dict[str, str]) -> None:
    fields = {"pid": "1001", "out_trade_no": "1", "money": "73.00", "trade_status": epay.PAID}
    uri = callback_request("1", **(fields | changed))
    callback = parse(line(uri))
    assert callback
    said = GATEWAYS["epay"].claim(callback, ACCOUNT)
    assert said
    assert not said.is_genuine


def test_right_notice_outweighs_a_broken_one() -> None:
    broken = claim(money=Decimal("1.00"))
    facts = Facts(order("1"), [broken, claim()], None, 1, NOW)
    assert audit.statement(facts) is None
    assert audit.statement(replace(facts, claims=[broken])) is broken


# Floods.


def test_users_take_turns() -> None:
    many = [order(str(n), user=7) for n in range(1500)]
    turns = schedule.in_turn([*many, order("mine", user=8)])
    assert [each.number for each in turns].index("mine") == 1
    assert len(turns) == 1501


def test_reading_has_a_budget(tmp_path: Path) -> None:
    log = tmp_path / "callbacks.log"
    log.write_bytes(
        b"".join(line(callback_request(str(n), key="invalid_signature")) for n in range(5000))
    )
    ledger = Ledger(tmp_path / "ledger.db")
    begun = time.monotonic()
    first = intake.read_log(ledger, log, KNOWN, 0.0)
    assert (first.is_whole, first.lines) == (False, 1000)
    assert time.monotonic() - begun < 5
    lines = first.lines
    while not (read := intake.read_log(ledger, log, KNOWN, 0.0)).is_whole:
        lines += read.lines
    assert lines + read.lines == 5000
    ledger.close()


def test_ledger_does_not_grow_by_strangers(tmp_path: Path) -> None:
    log = tmp_path / "callbacks.log"
    invalid_signature = [
        line(callback_request(str(n), key="invalid_signature")) for n in range(MOST_FORGED + 500)
    ]
    again = [line(callback_request("1"), b"x" * 20_000, method="POST") for _each in range(600)]
    log.write_bytes(b"".join([*invalid_signature, *again]))
    ledger = Ledger(tmp_path / "ledger.db")
    intake.read_log(ledger, log, KNOWN)
    count = "SELECT is_genuine, count(*), count(line) FROM callbacks GROUP BY is_genuine"
    assert [tuple(row) for row in ledger.db.execute(count)] == [
        (0, MOST_FORGED, 0), (1, MOST_OF_AN_ORDER, MOST_LINES),
    ]  # fmt: skip
    ledger.close()
    assert (tmp_path / "ledger.db").stat().st_size < 4_000_000


def test_callback_that_was_taken_is_kept_after_any_number_that_were_not(tmp_path: Path) -> None:
    log = tmp_path / "callbacks.log"
    refused = [line(callback_request("1"), answer=b"fail") for _each in range(100)]
    log.write_bytes(b"".join([*refused, line(callback_request("1"))]))
    ledger = Ledger(tmp_path / "ledger.db")
    intake.read_log(ledger, log, KNOWN)
    taken = "SELECT count(*) FROM callbacks WHERE is_accepted = 1"
    assert ledger.db.execute(taken).fetchone()[0] == 1
    ledger.close()


def test_long_path_is_cut_in_the_ledger(tmp_path: Path) -> None:
    log = tmp_path / "callbacks.log"
    log.write_bytes(line(f"/api/payment/notify/{'x' * 8000}?out_trade_no=1"))
    ledger = Ledger(tmp_path / "ledger.db")
    intake.read_log(ledger, log, KNOWN)
    row = ledger.db.execute("SELECT length(account) FROM callbacks").fetchone()
    assert row[0] == 200
    ledger.close()


def test_callback_of_a_thousand_fields_is_nobodys(tmp_path: Path) -> None:
    many = "&".join(f"a{n}=1" for n in range(1000))
    callback = parse(line(f"{callback_request('1')}&{many}"))
    assert callback
    assert callback.parameters == {}


def test_room_is_given_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.db.execute("CREATE TABLE large (text TEXT)")
    ledger.db.executemany("INSERT INTO large VALUES (?)", (["x" * 9000] for _each in range(3000)))
    ledger.db.execute("DROP TABLE large")
    ledger.compact()
    ledger.close()
    assert (tmp_path / "ledger.db").stat().st_size < 1_000_000


# Gateways that are slow, or lead elsewhere.


def test_slow_gateway_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "QUESTION", 0.5)
    ended = threading.Event()

    def ask(each: Order) -> Reply:
        if each.row == "slow":
            ended.wait(30)
        return Reply(PaymentStatus.WAITING, each.number)

    due = {"slow": [order("1", row="slow"), order("2", row="slow")], "fast": [order("3")]}
    begun, seen = time.monotonic(), []
    found = list(asking.side_by_side(due, ask, lambda each: seen.append(each.number)))
    assert time.monotonic() - begun < 5
    assert {each.number: reply.status for each, reply in found} == {
        "3": PaymentStatus.WAITING, "1": PaymentStatus.SILENT,
    }  # fmt: skip
    assert set(seen) == {"1", "3"}  # noted before they were asked for
    ended.set()


def test_order_that_is_asked_for_is_noted_before(make: Callable[..., World]) -> None:
    world = make()
    world.create("1")
    pass_time(world, 100)
    ledger = Ledger(world.folder / "ledger.db")
    assert ledger.asked("1")
    assert ledger.reply("1") is None or ledger.answered("1")
    ledger.close()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "::1", "fe80::1", "fd00::1",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "0.0.0.0"],
)  # fmt: skip
def test_private_address_is_refused_unless_it_is_named(address: str) -> None:
    addresses.allow([])
    assert not addresses.is_allowed(address)


@given(st.ip_addresses(v=4))
def test_named_network_is_allowed(address: ipaddress.IPv4Address) -> None:
    addresses.allow([f"{address}/32"])
    assert addresses.is_allowed(str(address))
    addresses.allow([])


class _Redirect(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012  # the class is the server's memory

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def redirecting() -> Iterator[str]:
    _Redirect.asked = []
    with socketserver.TCPServer(("127.0.0.1", 0), _Redirect) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_is_followed(redirecting: str, method: str) -> None:
    addresses.allow(["127.0.0.0/8"])
    client.fetch(method, f"{redirecting}/api.php")
    addresses.allow([])
    assert _Redirect.asked == ["/api.php"]


def test_loopback_is_told_nothing(redirecting: str) -> None:
    with pytest.raises(AskError, match="ForbiddenAddress"):
        client.fetch("GET", f"{redirecting}/api.php", params={"key": KEY})
    assert _Redirect.asked == []


# Words that would move a terminal.

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\nroot@shop:~# \u202ehttps://evil.example/" + "x" * 500


@given(st.text())
def test_foreign_text_is_one_plain_line(text: str) -> None:
    shown = foreign.text(text + HOSTILE)
    assert len(shown) <= foreign.MOST
    assert shown.isprintable()
    assert "://" not in shown


@pytest.mark.parametrize("said", [PaymentStatus.UNKNOWN, PaymentStatus.UNCLEAR])
def test_no_gateway_moves_the_terminal(
    make: Callable[..., World], tmp_path: Path, said: PaymentStatus
) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    world.paid["1"] = replace(world.paid["1"], status=said, detail=HOSTILE, currency=HOSTILE)
    with (world.folder / "callbacks.log").open("ab") as log:
        log.write(line(f"{callback_request('1')}&x={HOSTILE}", at=world.now,
                       answer=HOSTILE.encode(), client=HOSTILE))  # fmt: skip
        log.write(line(f"{PATH}?out_trade_no={HOSTILE}", at=world.now))
    pass_time(world, 400)
    ledger = Ledger(tmp_path / "ledger.db")
    story = "\n".join(timeline.lines(ledger, "1", UTC))
    ledger.close()
    for shown in story.splitlines():
        assert shown.isprintable(), repr(shown)
