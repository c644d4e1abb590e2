"""Floods: bounded for each address, recorded in short, and in no payment's way."""

import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from one_api_infra.desired import nginx, settings
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from one_api_infra.shared import paths, units
from tests.lab import ledgers, payments, strangers
from tests.lab.conftest import new_site
from tests.lab.sites import LabSite
from tests.lab.strangers import Stranger

NOTIFY = "/api/payment/notify/0123456789abcdef0123456789abcdef"
SIZE = f"stat -c %s {paths.CALLBACK_LOG}"
# nginx has removed the name of such a file by the time that it writes to it.
BODIES = (
    "find /proc/[0-9]*/fd -lname '/var/lib/nginx/body*' 2>/dev/null | xargs -r stat -L -c %s"
    " | awk '{ sum += $1 } END { print sum + 0 }'"
)


@pytest.fixture(scope="module")
def flooded(lab: Lab, prepared: Callable[[str], Path]) -> Iterator[LabSite]:
    """One site for all floods."""
    site = new_site(lab, "flood", "debian-13", "site13.lab.test", of=prepared("debian-13"))
    yield site
    site.host.remove()


@pytest.fixture
def sources(flooded: LabSite) -> Iterator[list[str]]:
    with strangers.addresses(flooded.lab, 5) as made:
        yield made


def test_orders_are_limited_by_address(flooded: LabSite, sources: list[str]) -> None:
    """What nobody pays waits for hours, and is read every twenty seconds."""
    stranger, other = (Stranger(flooded, sources[number], tls=True) for number in (2, 3))
    seen = Counter(stranger.call("POST", "/api/user/order") for _each in range(100))
    assert 20 <= seen[429] <= 100 - nginx.orders_a_minute(flooded.site)
    assert other.call("POST", "/api/user/order") != 429


def test_one_address_is_limited_and_no_other(flooded: LabSite, sources: list[str]) -> None:
    before = len(ledgers.log(flooded))

    def flood(_number: int) -> Counter[int]:
        stranger = Stranger(flooded, sources[0])
        return Counter(stranger.call("GET", f"{NOTIFY}?out_trade_no=1") for _each in range(100))

    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        seen = sum(pool.map(flood, range(8)), Counter())
        other = Stranger(flooded, sources[1]).call("GET", NOTIFY)
    let_in = nginx.CALLBACK_BURST + nginx.CALLBACK_RATE * (time.monotonic() - begun) + 2
    assert other == 200
    assert seen[429] >= 800 - let_in
    assert sum(seen.values()) == 800
    lines = ledgers.log(flooded)[before:]
    assert len(lines) <= let_in + 1
    assert not [line for line in lines if line["status"] == 429]


def test_what_no_gateway_sends_is_refused_and_not_recorded(
    flooded: LabSite, sources: list[str]
) -> None:
    before = flooded.host.ssh(SIZE)
    assert Stranger(flooded, sources[2]).call("POST", NOTIFY, b"x" * 66_000) == 413
    assert Stranger(flooded, sources[2]).call("GET", f"{NOTIFY}?x={'x' * 5000}") == 414
    assert flooded.host.ssh(SIZE) == before


def test_logged_headers_are_cut(flooded: LabSite, sources: list[str]) -> None:
    names = ("User-Agent", "Content-Type", "Wechatpay-Signature")
    before = int(flooded.host.ssh(SIZE))
    Stranger(flooded, sources[2]).call("GET", NOTIFY, None, dict.fromkeys(names, "\x01" * 7000))
    assert int(flooded.host.ssh(SIZE)) - before < 10_000


def test_connections_are_bounded_for_each_address(flooded: LabSite, sources: list[str]) -> None:
    most = settings.SETTINGS["connections_per_address"].default
    opened = strangers.half_open(flooded, sources[:1], most + 200)
    try:
        assert most - 20 <= len(opened) <= most
        begun = time.monotonic()
        assert Stranger(flooded, sources[1]).call("GET", NOTIFY) == 200
        assert time.monotonic() - begun < 1
    finally:
        for each in opened:
            each.close()


def test_who_says_nothing_is_hung_up_on(flooded: LabSite, sources: list[str]) -> None:
    (silent,) = strangers.half_open(flooded, sources[3:4], 1)
    silent.settimeout(20)
    begun = time.monotonic()
    assert silent.recv(1) == b""
    assert time.monotonic() - begun < 15
    silent.close()


def test_upload_does_not_go_to_the_disk(flooded: LabSite, sources: list[str]) -> None:
    way = socket.create_connection((flooded.host.address, 443), 5, (sources[4], 0))
    context = ssl.create_default_context(cafile=str(flooded.lab.ca.issuer))
    with context.wrap_socket(way, server_hostname=flooded.domain) as upload:
        head = f"Host: {flooded.domain}\r\nContent-Length: 100000000\r\n\r\n"
        upload.sendall(f"POST /v1/files HTTP/1.1\r\n{head}".encode())
        for _each in range(40):
            try:
                upload.sendall(b"x" * 100_000)
            except OSError:
                break
        assert int(flooded.host.ssh(BODIES)) < 100_000


def test_foreign_name_after_our_handshake_gets_nothing(flooded: LabSite) -> None:
    context = ssl.create_default_context(cafile=str(flooded.lab.ca.issuer))
    way = socket.create_connection((flooded.host.address, 443), 5)
    with context.wrap_socket(way, server_hostname=flooded.domain) as wrapped:
        wrapped.sendall(b"GET / HTTP/1.1\r\nHost: nobody.invalid\r\n\r\n")
        assert wrapped.recv(1000) == b""


def test_flood_is_named_and_its_end_told(flooded: LabSite, gateway: Gateway) -> None:
    row = payments.add_payment(flooded, gateway)
    uri = f"/api/payment/notify/{row['uuid']}?out_trade_no=1&sign=x&money=1"
    flooded.host.ssh("systemctl stop one-api-callbacks.timer")
    ledgers.run(flooded)
    with strangers.addresses(flooded.lab, 5) as many:
        for source in many:
            stranger = Stranger(flooded, source)
            for _each in range(60):
                stranger.call("GET", uri)
    ledgers.run(flooded)
    assert flooded.verify("-k", "ledger.flood").returncode == 1
    flooded.host.ssh("sleep 1")
    ledgers.run(flooded)
    assert flooded.verify("-k", "ledger.flood").returncode == 0


def test_firewall_that_is_full_of_addresses_is_as_it_was(flooded: LabSite) -> None:
    """What strangers leave in its sets is no drift."""
    assert flooded.host.ssh("nft list set inet one_api_infra sources").count("198.") > 0
    second = flooded.deploy("-y", "--json", name="firewall")
    assert (second.code, second.changed) == (0, []), second.stderr
    assert units.FIREWALL in flooded.host.ssh("systemctl list-units --state=active")
