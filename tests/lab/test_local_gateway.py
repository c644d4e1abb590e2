"""The gateways on one machine: every button against One API, by what its database says."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from one_api_infra.lab import stand_in
from one_api_infra.lab.local.acts import ACTS
from one_api_infra.lab.process import wait_until
from one_api_infra.shared.texts import translations
from tests.lab import real
from tests.lab.test_status import COMMAND

TITLES = ("epay", "Alipay", "WeChat Pay", "Stripe")
CREDITED = {"pay", "twice", "amount"}  # One Hub compares no amount, as its own callback does


@dataclass
class Shop:
    """A One API on this machine, the page, and a browser without pictures."""

    database: Path
    base: str
    page: str
    session: requests.Session = field(default_factory=requests.Session)

    def look(self, path: str = "/") -> str:
        return self.session.get(f"{self.page}{path}", timeout=20).text

    def press(self, path: str, form: dict[str, str], **headers: str) -> requests.Response:
        return self.session.post(f"{self.page}{path}", form, headers=headers, timeout=30)

    def rows(self, query: str) -> list[Any]:
        with sqlite3.connect(self.database, timeout=9) as database:
            return database.execute(query).fetchall()

    def choices(self) -> dict[str, str]:
        """Gateways' titles, with the value of each one's button."""
        found = re.findall(r'name="row" value="([^"]*)">([^<]+)<', self.look("/?language=en"))
        return {title: row for row, title in found}

    def ordered(self, title: str) -> str:
        """A new order's number."""
        known = {number for (number,) in self.rows("SELECT trade_no FROM orders")}
        self.press("/order", {"row": self.choices()[title]})
        (made,) = {n for (n,) in self.rows("SELECT trade_no FROM orders")} - known
        return str(made)

    def status(self, number: str) -> str:
        ((status,),) = self.rows(f"SELECT status FROM orders WHERE trade_no = '{number}'")
        return str(status)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[Path]:
    """A program of ours, ended as Ctrl-C does; the file that holds what it says."""
    said = folder / f"{Path(command[0]).name}.log"
    with said.open("w") as stream, subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment}, text=True,
        stdout=stream, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield said
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder, port, listen = tmp_path_factory.mktemp("local"), free_port(), free_port()
    binary = os.environ.get("ONE_API_BINARY") if real.edition() == "one-hub" else None
    program = binary or str(stand_in.build(folder / "one-api"))
    roots, database = folder / ".cache/one-api-infra/gateway/roots.pem", folder / "one-api.db"
    variables = {
        "PORT": str(port), "SESSION_SECRET": "x" * 32, "SQLITE_PATH": str(database),
        "USER_TOKEN_SECRET": "abcdefghijklmnopqrstuvwxyz012345", "DISABLE_TOKEN_ENCODERS": "true",
        "HTTPS_PROXY": f"http://127.0.0.1:{listen}", "SSL_CERT_FILE": str(roots),
        "GLOBAL_API_RATE_LIMIT": "10000", "HOME": str(folder),
    }  # fmt: skip
    made = Shop(database, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{listen}")
    words = ["gateway", "--port", str(port), "--listen", str(listen)]
    with running([program], folder, **variables):
        wait_until(lambda: answers(made.base), 30, "One API")
        with running([COMMAND[0], *words], folder, HOME=str(folder)) as said:
            wait_until(lambda: "Open" in said.read_text(), 30, "the page")
            yield made
        assert made.rows("SELECT count(*) FROM payments WHERE deleted_at IS NULL") == [(0,)]


def answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/api/status", timeout=2).status_code == 200
    except requests.RequestException:
        return False


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("act", [each for each in ACTS if each != "late"])
def test_each_button_does_what_it_says(shop: Shop, title: str, act: str) -> None:
    number = shop.ordered(title)
    assert shop.status(number) == "pending"
    text = shop.press("/act", {"number": number, "act": act}).text
    assert text.count(f'value="{number}"') == 1, re.findall(r"poor.>[^<]*", text)
    assert shop.status(number) == ("success" if act in CREDITED else "pending")


@pytest.mark.long
def test_late_is_credited_later(shop: Shop) -> None:
    number = shop.ordered("epay")
    shop.press("/act", {"number": number, "act": "late"})
    assert shop.status(number) == "pending"
    wait_until(lambda: shop.status(number) == "success", 30, "the late call")


def test_a_payer_comes_by_one_apis_own_form(shop: Shop) -> None:
    api, body = requests.Session(), {"uuid": shop.choices()["epay"], "amount": 1}
    login = {"username": "root", "password": "123456"}
    api.post(f"{shop.base}/api/user/login", json=login, timeout=9)
    made = api.post(f"{shop.base}/api/user/order", json=body, timeout=9).json()
    data = made["data"]["data"]
    assert data["url"] == f"{shop.page}/submit.php"
    foreign = {"Origin": shop.base}
    text = shop.press("/submit.php", data["params"], **foreign).text
    assert data["params"]["return_url"] in text
    number = data["params"]["out_trade_no"]
    refused = shop.press("/act", {"number": number, "act": "pay"}, **foreign)
    assert (refused.status_code, shop.status(number)) == (403, "pending")
    shop.press("/act", {"number": number, "act": "pay"}, Origin=shop.page)
    assert shop.status(number) == "success"


def test_a_strangers_page_can_do_nothing(shop: Shop) -> None:
    number = shop.ordered("epay")
    forged = {"out_trade_no": number, "return_url": "javascript:alert(1)", "sign": "x"}
    assert "javascript" not in shop.press("/submit.php", forged, Origin="http://evil.test").text
    name = {"Host": f"evil.test:{shop.page.rpartition(':')[2]}"}
    for path in ("/act", "/order", "/submit.php"):
        refused = shop.press(path, {"number": number, "act": "pay"}, Origin="http://evil.test")
        rebound = shop.press(path, {"number": number, "act": "pay"}, **name)
        assert (refused.status_code if path != "/submit.php" else 403) == 403
        assert rebound.status_code == 403
    assert shop.status(number) == "pending"


def test_a_real_site_is_refused_and_left_as_it_is(shop: Shop, tmp_path: Path) -> None:
    api = requests.Session()
    login = {"username": "root", "password": "123456"}
    api.post(f"{shop.base}/api/user/login", json=login, timeout=9)

    def address(value: str) -> None:
        body = {"key": "ServerAddress", "value": value}
        api.put(f"{shop.base}/api/option/", json=body, timeout=9)

    before = shop.rows("SELECT * FROM payments")
    address("https://shop.example.com")
    port = shop.base.rpartition(":")[2]
    command = [COMMAND[0], "gateway", "--port", port, "--listen", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path,
                          env={**os.environ, "HOME": str(tmp_path)})  # fmt: skip
    address("http://localhost:3000")
    assert (done.returncode, done.stdout) == (1, "")
    assert "shop.example.com" in done.stderr
    assert shop.rows("SELECT * FROM payments") == before


def test_the_page_speaks_both_languages(shop: Shop) -> None:
    chinese = translations("zh_CN").gettext
    text = shop.look("/?language=zh_CN")
    for words in ("Payment gateways on this machine", "A new order", *ACTS.values()):
        assert chinese(words) != words
        assert chinese(words) in text
