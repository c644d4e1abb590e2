"""A developer's One API behind a NAT has a public name: payments, streams, sleep, and no more."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from one_api_infra.lab import apis, epay
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.gateways import Alipay, Call, Stripe, Wxpay
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.laptop import HOME, LAPTOP
from one_api_infra.lab.process import wait_until
from one_api_infra.shared import paths
from one_api_infra.shared.tunnel import Tunnel
from tests.lab.conftest import new_site
from tests.lab.desks import COMMAND, PORT, Account, Desk, desk
from tests.lab.sites import LabSite
from tests.lab.streams import delays, prepare

MODEL = "stream-100-20"
QUOTA = 5000000
RECONNECT = 10  # seconds after the network's return


@pytest.fixture(scope="module")
def server(lab: Lab) -> Iterator[LabSite]:
    """A server that runs nothing but tunnels."""
    made = new_site(lab, "tun", "debian-13", "tunnels.lab.test")
    yield made
    made.host.remove()


@pytest.fixture(scope="module")
def alice(lab: Lab, server: LabSite) -> Iterator[Desk]:
    made = desk(lab, server, "alice", "alice.lab.test")
    server.settings["tunnels"] = made.setting
    _deployed(server)
    made.open()
    keys = {"alipay": ALIPAY.private, "wxpay": WXPAY.key, "platform": WXPAY.platform}
    apis.tell(lab.network.service("gateway"), "keys", keys | {"stripe": STRIPE.secret})
    made.add("epay", _epay(lab).payment_row())
    for kind, account in ACCOUNTS.items():
        made.add(kind, account.payment_row())
    wait_until(lambda: _is_set(made), 40, "the payment rows")
    yield made
    made.laptop.remove()


ALIPAY, WXPAY, STRIPE = Alipay(), Wxpay(), Stripe()
ACCOUNTS: dict[str, Account] = {"alipay": ALIPAY, "wxpay": WXPAY, "stripe": STRIPE}


def _epay(lab: Lab) -> Gateway:
    return Gateway(lab.ca.issuer, epay.url(lab.network.service("gateway")))


def _deployed(server: LabSite) -> None:
    done = server.deploy("-y", name="tunnel")
    assert done.code == 0, done.stderr


def _is_set(made: Desk) -> bool:
    rows = made.rows("SELECT notify_domain FROM payments")
    return len(rows) == 4 and all(row == [f"https://{made.domain}"] for row in rows)


def test_a_second_run_changes_nothing(alice: Desk, server: LabSite) -> None:
    again = server.deploy("-y", "--json", name="tunnel")
    assert again.changed == [], again.changed


def test_the_first_password_is_not_shown_to_the_world(alice: Desk) -> None:
    words = ["env", f"HOME={alice.home}", "ONE_API_PASSWORD=123456", COMMAND, "tunnel"]
    done = _inside(alice, [*words, str(alice.home / "development.py")], "")
    assert done.returncode != 0
    assert "ONE_API_PASSWORD" in done.stderr


def test_an_order_at_each_gateway_is_credited(alice: Desk) -> None:
    assert alice.api().options()["ServerAddress"] == "https://alice.lab.test"
    before = alice.quota()
    order = alice.order("epay")
    reply = alice.notified(_epay(alice.lab), alice.notify_url("epay"), order)
    assert reply.is_accepted, reply
    assert alice.status(order["out_trade_no"]) == "success"
    for kind, account in ACCOUNTS.items():
        order = alice.order(kind)
        assert alice.called(kind, account.call(order)).status in {200, 204}
        assert alice.status(order["out_trade_no"]) == "success", kind
    assert alice.quota() == before + 4 * QUOTA
    seen = alice.callbacks()[-4:]
    assert [each["gateway"] for each in seen] == ["epay", "alipay", "wxpay", "stripe"]
    assert all(each["is_genuine"] and each["is_accepted"] for each in seen), seen
    log = alice.host.ssh(f"cat {_tunnel(alice).callback_log}")
    assert log.count('"status":20') == 4


def test_a_forged_callback_is_shown_as_forged(alice: Desk) -> None:
    order = alice.order("alipay")
    alice.called("alipay", Alipay().call(order))
    assert alice.status(order["out_trade_no"]) == "pending"
    last = alice.callbacks()[-1]
    assert (last["number"], last["is_genuine"]) == (order["out_trade_no"], False)


def test_events_arrive_as_they_are_sent(alice: Desk) -> None:
    found = delays(alice, prepare(alice, MODEL), MODEL)
    assert len(found) == 100
    # Held back, the first event would come when the last one is sent.
    assert max(found) < 0.5


# Takes WebSocket's handshake and gives every byte back.
ECHO = f"""
import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        head = b""
        while not head.endswith(b"\\r\\n\\r\\n"):
            head += self.rfile.readline()
        kind = b"101 Switching Protocols" if b"upgrade: websocket" in head.lower() else b"400 No"
        lines = (b"HTTP/1.1 " + kind, b"Upgrade: websocket", b"Connection: upgrade", b"", b"")
        self.wfile.write(b"\\r\\n".join(lines))
        while kind.startswith(b"101") and (data := self.connection.recv(99)):
            self.wfile.write(data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", {PORT}), Echo).serve_forever()
"""


def test_websockets_pass_through(alice: Desk) -> None:
    alice.laptop.stop("one-api")
    alice.laptop.start("echo", ["python3", "-c", ECHO])
    wait_until(lambda: _status(alice) == 400, 20, "the echo")
    context = ssl.create_default_context(cafile=str(alice.lab.ca.issuer))
    ask = f"GET /v1/realtime HTTP/1.1\r\nHost: {alice.domain}\r\n"
    ask += "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    with (
        socket.create_connection((alice.host.address, 443), 10) as plain,
        context.wrap_socket(plain, server_hostname=alice.domain) as wire,
    ):
        wire.sendall(ask.encode())
        assert wire.recv(4096).startswith(b"HTTP/1.1 101")
        for word in (b"one", b"two"):
            wire.sendall(word)
            assert wire.recv(99) == word
    alice.laptop.stop("echo")
    alice.begin()
    wait_until(lambda: _status(alice) == 200, 20, "One API")


@pytest.mark.long
def test_what_came_while_the_laptop_slept_is_credited(alice: Desk) -> None:
    before, orders = alice.quota(), [alice.order("epay") for _each in range(2)]
    forged = alice.order("epay")
    calls = [*map(_call, (_epay(alice.lab),) * 2, orders), _call(Gateway(Path(), key="no"), forged)]
    calls.insert(0, Call(b"", {"Content-Type": "x"}, "GET", "?a=b%00c&d=%ff"))  # a stranger's
    with alice.laptop.asleep():
        for call in calls:
            assert alice.called("epay", call).status in {0, 502, 504}
        _wait_for_record(alice, [each["out_trade_no"] for each in (*orders, forged)])
    wait_until(lambda: alice.quota() == before + 2 * QUOTA, 60, "the credits")
    time.sleep(25)  # the sender has run once more
    assert alice.quota() == before + 2 * QUOTA
    assert alice.status(forged["out_trade_no"]) == "pending"


@pytest.mark.long
def test_it_is_back_soon_after_the_network(alice: Desk) -> None:
    for _each in range(2):
        alice.laptop.cut()
        wait_until(lambda: alice.called("epay", Call(b"", {}, "GET")).status != 200, 30, "the cut")
        time.sleep(15)  # both ends have given up
        alice.laptop.mend()
        wait_until(lambda: _status(alice) == 200, RECONNECT, "the tunnel")
    alice.host.ssh("systemctl reboot", check=False)
    time.sleep(3)
    wait_until(lambda: alice.host.ssh("echo up", check=False) == "up\n", 60, "the server")
    wait_until(lambda: _status(alice) == 200, RECONNECT, "the tunnel")


def _status(of: Desk) -> int:
    try:
        return of.outside.get("/api/status").status
    except OSError:
        return 0


REFUSED = {
    "shell": ["{user}@{server}", "id"],
    "terminal": ["-tt", "{user}@{server}"],
    "connection from the server": ["-W", "127.0.0.1:22", "{user}@{server}"],
    "port": ["-N", "-R", "8080:127.0.0.1:3000", "{user}@{server}"],
    "port of all addresses": ["-N", "-R", "0.0.0.0:8080:127.0.0.1:3000", "{user}@{server}"],
    "proxy": ["-N", "-R", "1080", "{user}@{server}"],
    "another's socket": ["-N", "-R", "{folder}/one-api-tunnel-bob/s/web:127.0.0.1:3000",
                         "{user}@{server}"],
    "a socket out of its folder": ["-N", "-R", "/web:127.0.0.1:3000", "{user}@{server}"],
    "another user": ["-N", "one-api-tunnel-bob@{server}"],
    "root": ["-N", "root@{server}"],
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_the_key_can_do_nothing_else(alice: Desk, what: str) -> None:
    words = {"user": _tunnel(alice).user, "server": alice.host.address, "folder": paths.TUNNELS}
    done = _ssh(alice, *(word.format(**words) for word in REFUSED[what]))
    assert done.returncode not in {0, 124}, done.stderr  # 124: it stays open
    assert "uid=" not in done.stdout
    assert "SSH-2.0" not in done.stdout


def test_the_key_opens_no_files_and_no_way_into_the_server(alice: Desk) -> None:
    words = ["sftp", *_options(alice), "-b", "-", f"{_tunnel(alice).user}@{alice.host.address}"]
    done = _inside(alice, words, "ls /")
    assert done.returncode != 0
    assert "etc" not in done.stdout
    user = f"{_tunnel(alice).user}@{alice.host.address}"
    ssh = " ".join(["ssh", *_options(alice), "-N", "-L", "9022:127.0.0.1:22", user])
    ask = "timeout 5 bash -c 'cat </dev/tcp/127.0.0.1/9022 | head -c 20'"
    done = _inside(alice, ["sh", "-c", f"{ssh} & sleep 2; {ask}; kill $!"], "")
    assert "SSH" not in done.stdout


def test_nobody_reaches_the_laptop(alice: Desk) -> None:
    alice.laptop.start("other", ["python3", "-m", "http.server", "8000"])
    # Somebody on the same wire, who knows the way behind the router.
    alice.host.ssh(f"ip route add {HOME} via {alice.laptop.address}")
    for address in (alice.laptop.address, LAPTOP):
        for port in (22, PORT, 8000):
            ask = f"timeout 2 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo open || :"
            assert alice.host.ssh(ask) == "", (address, port)
    alice.host.ssh(f"ip route del {HOME}")
    alice.laptop.stop("other")


@pytest.mark.long
def test_two_developers_do_not_meet_and_one_leaves_no_trace(alice: Desk, server: LabSite) -> None:
    bob = desk(alice.lab, server, "bob", "bob.lab.test")
    server.settings["tunnels"] = alice.setting | bob.setting
    _deployed(server)
    bob.open()
    bob.add("epay", _epay(bob.lab).payment_row())
    wait_until(lambda: "bob" in bob.notify_url("epay"), 40, "the payment row")
    before, seen = alice.quota(), len(alice.callbacks())
    order = bob.order("epay")
    assert bob.notified(_epay(bob.lab), bob.notify_url("epay"), order).is_accepted
    assert (bob.status(order["out_trade_no"]), alice.quota()) == ("success", before)
    assert len(alice.callbacks()) == seen
    assert _ssh(bob, "-N", f"{_tunnel(alice).user}@{server.host.address}").returncode == 255
    server.settings["tunnels"] = alice.setting
    _deployed(server)
    assert bob.told()[-1]["state"] == "lost" or not bob.states("open")
    trace = "find /etc /var /opt /home -xdev -name '*tunnel-bob*' -o -xdev -name '*bob.lab.test*';"
    places = "/etc /var/lib/one-api-infra /var/log/one-api-infra"
    trace += f" grep -rlE 'tunnel-bob|bob.lab.test' {places} 2>/dev/null;"
    trace += " ps -eo user:40 | grep tunnel-bob; :"
    assert _ours(server.host.ssh(trace)) == []
    assert _status(alice) == 200
    assert server.deploy("-y", "--json", name="tunnel").changed == []
    bob.laptop.remove()


def _ours(found: str) -> list[str]:
    """Without what tells of what was: the record of certbot, and of users before (passwd-)."""
    past = ("/var/log/one-api-infra/certbot", "/etc/passwd-", "/etc/group-", "/etc/shadow-",
            "/etc/gshadow-", "one-api.d/", "/logrotate.state")  # fmt: skip
    return [line for line in found.splitlines() if not any(each in line for each in past)]


def test_what_stood_there_is_put_back(alice: Desk) -> None:
    while alice.option("ServerAddress") != "https://old.test":  # it mends meanwhile, perhaps
        alice.api().set_option("ServerAddress", "https://old.test")
        alice.laptop.stop("tunnel")
    alice.open("--put-back")
    assert alice.option("ServerAddress") == "https://alice.lab.test"
    alice.interrupt("tunnel")
    wait_until(lambda: alice.option("ServerAddress") == "https://old.test", 20, "the end")
    assert alice.rows("SELECT DISTINCT notify_domain FROM payments") == [["https://alice.lab.test"]]


def _tunnel(of: Desk) -> Tunnel:
    return Tunnel(of.name, of.domain, of.public_key)


def _call(gateway: Gateway, order: dict[str, str]) -> Call:
    return Call(b"", {}, "GET", f"?{urlencode(gateway.notification(order))}")


def _wait_for_record(of: Desk, numbers: list[str]) -> None:
    def is_recorded() -> bool:
        log = of.host.ssh(f"cat {_tunnel(of).callback_log}")
        return all(number in log for number in numbers)

    wait_until(is_recorded, 60, "the record")


def _options(of: Desk) -> list[str]:
    known = ["-o", f"UserKnownHostsFile={of.host.known_hosts}", "-o", "BatchMode=yes"]
    key = ["-i", str(of.home / ".ssh/id_ed25519"), "-o", "IdentitiesOnly=yes"]
    return [*known, *key, "-o", "ExitOnForwardFailure=yes"]


def _ssh(of: Desk, *words: str) -> subprocess.CompletedProcess[str]:
    return _inside(of, ["timeout", "5", "ssh", *_options(of), *words], "")


def _inside(of: Desk, words: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
    command = ["ip", "netns", "exec", of.laptop.space, *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
