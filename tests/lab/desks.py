"""A developer's desk: One API on a laptop behind a NAT, and the tunnel that gives it a name."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from one_api_infra.lab import process
from one_api_infra.lab.gateways import Alipay, Call, Stripe, Wxpay
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.laptop import Laptop
from one_api_infra.lab.process import run, wait_until
from one_api_infra.remote.probe_client import Answer
from one_api_infra.shared import editions
from one_api_infra.shared.editions.api import DEFAULT_PASSWORD, Api
from tests.lab import real
from tests.lab.sites import LabSite

PORT = 3000
PASSWORD = "developers-own"  # of the lab
COMMAND = str(Path(sys.executable).with_name("one-api-infra"))
Account = Alipay | Wxpay | Stripe


def binary(lab: Lab) -> str:
    """The real One Hub, if there is one."""
    is_real = real.edition() == "one-hub"
    return os.environ["ONE_API_BINARY"] if is_real else str(lab.stand_in)


@dataclass
class Desk(LabSite):
    """``host`` is the server, ``domain`` the tunnel's."""

    laptop: Laptop = None  # type: ignore[assignment]  # always given
    name: str = ""
    rows_of: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.laptop.directory

    @property
    def public_key(self) -> str:
        key = self.home / ".ssh/id_ed25519"
        if not key.exists():
            key.parent.mkdir(mode=0o700)
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", key)
        return key.with_suffix(".pub").read_text().strip()

    @property
    def setting(self) -> dict[str, dict[str, str]]:
        """What the server's inventory says of it."""
        return {self.name: {"domain": self.domain, "key": self.public_key}}

    def begin(self) -> None:
        """Start One API."""
        words = ["env", "-C", str(self.home), binary(self.lab)]  # it writes logs where it is
        self.laptop.start("one-api", words, self.variables)
        wait_until(self._is_up, 30, "One API")
        if not (self.home / "cookies").exists():
            self._claim()

    def _claim(self) -> None:
        """Another password for root than One API's first one."""
        base, jar = f"http://127.0.0.1:{PORT}/api/user", str(self.home / "cookies")
        words = ["curl", "-sf", "-b", jar, "-c", jar, "-H", "Content-Type: application/json", "-d"]
        login = {"username": "root", "password": DEFAULT_PASSWORD}
        self.inside(*words, json.dumps(login), f"{base}/login")
        body = {"username": "root", "display_name": "Root User", "password": PASSWORD}
        self.inside(*words, json.dumps(body), "-X", "PUT", f"{base}/self")

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PORT": str(PORT), "SESSION_SECRET": "x" * 32, "SQLITE_PATH": str(self.home / "db"),
            "USER_TOKEN_SECRET": "abcdefghijklmnopqrstuvwxyz012345", "HOME": str(self.home),
            "DISABLE_TOKEN_ENCODERS": "true", "SSL_CERT_FILE": str(self.lab.ca.trusted),
            "GLOBAL_API_RATE_LIMIT": "30000", "GLOBAL_WEB_RATE_LIMIT": "30000",
            "SQLITE_BUSY_TIMEOUT": "30000", "TRUSTED_HEADER": "X-Real-IP",
        }  # fmt: skip

    def _is_up(self) -> bool:
        url = f"http://127.0.0.1:{PORT}/api/status"
        done = self.inside("curl", "-s", "-o", "/dev/null", url, check=False)
        return done == 0

    def inside(self, *words: str, check: bool = True) -> int:
        """Run a program on the laptop; its exit code."""
        command = ["ip", "netns", "exec", self.laptop.space, *words]
        return subprocess.run(command, check=check, capture_output=True).returncode

    def option(self, key: str) -> str:
        return str(self.rows(f"SELECT value FROM options WHERE key = '{key}'")[0][0])

    def interrupt(self, name: str) -> None:
        """Let a program end by itself."""
        pid = process.running(self.home, name)
        assert pid
        os.kill(pid, signal.SIGTERM)  # SIGINT is ignored below a job in the background

    def open(self, *options: str) -> None:
        """Open the tunnel, and wait until the world gets through."""
        path = self.home / "development.py"
        data = {**self.host.connection(), "tunnels": self.setting, "lab": True}
        data |= {"trusted_ca_file": str(self.lab.ca.issuer)}
        path.write_text(f"hosts = [({self.host.name!r}, {data!r})]\n")
        before = len(self.states("open")) if (self.home / "tunnel.log").exists() else 0
        words = [COMMAND, "tunnel", str(path), "--json", *options]
        self.laptop.start("tunnel", words, self.developer)
        wait_until(lambda: len(self.states("open")) > before, 30, "the tunnel")

    @property
    def developer(self) -> dict[str, str]:
        """The variables of the developer's shell."""
        return {"HOME": str(self.home), "LC_ALL": "C.UTF-8", "ONE_API_PASSWORD": PASSWORD}

    def told(self) -> list[dict[str, Any]]:
        """What the command has said so far."""
        lines = self.laptop.said("tunnel").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def states(self, state: str) -> list[str]:
        return [each["words"] for each in self.told() if each.get("state") == state]

    def callbacks(self) -> list[dict[str, Any]]:
        return [each for each in self.told() if "gateway" in each]

    @cached_property
    def token(self) -> str:
        """Root's management token, by the public name."""
        api = Api(editions.get("one-hub"), f"https://{self.domain}")
        session = self.session()
        body = {"username": "root", "password": PASSWORD}
        assert session.post(f"{api.base}/api/user/login", json=body).json()["success"]
        return str(session.get(f"{api.base}/api/user/token").json()["data"])

    def rows(self, query: str, database: str = "") -> list[list[Any]]:
        with sqlite3.connect(self.home / (database or "db"), timeout=9) as found:
            return [list(row) for row in found.execute(query).fetchall()]

    def add(self, kind: str, row: dict[str, Any]) -> None:
        """A payment row, as a developer adds it: without a notify domain."""
        assert self.api().request("POST", "/api/payment/", row)["success"]
        made = next(each for each in self.api().payments() if each["type"] == kind)
        self.rows_of[kind] = made["uuid"]

    def order(self, kind: str) -> dict[str, str]:
        body = {"uuid": self.rows_of[kind], "amount": 10}
        answer = self.api().request("POST", "/api/user/order", body)
        assert answer["success"], answer
        data = answer["data"]["data"]
        ((number, money),) = self.rows(
            "SELECT trade_no, order_amount FROM orders ORDER BY id DESC LIMIT 1"
        )
        return {"out_trade_no": number, "money": f"{money:.2f}", **(data.get("params") or {})}

    def notify_url(self, kind: str) -> str:
        """Where a gateway calls: by what stands in One API's database."""
        ((domain,),) = self.rows(
            f"SELECT notify_domain FROM payments WHERE uuid = '{self.rows_of[kind]}'"
        )
        return f"{domain}/api/payment/notify/{self.rows_of[kind]}"

    def status(self, number: str) -> str:
        ((status,),) = self.rows(f"SELECT status FROM orders WHERE trade_no = '{number}'")
        return str(status)

    def quota(self) -> int:
        return int(self.rows("SELECT quota FROM users WHERE id = 1")[0][0])

    def called(self, kind: str, call: Call) -> Answer:
        """A gateway's call; status 0 if there is no answer."""
        path = "/" + self.notify_url(kind).split("/", 3)[3]
        try:
            return self.outside.request(
                call.method, "https", path + call.query, call.headers, call.body
            )
        except OSError:
            return Answer(0, {}, b"")


def desk(lab: Lab, server: LabSite, name: str, domain: str) -> Desk:
    """A laptop with One API, whose name leads to the server."""
    lab.point(domain, server.host)
    settings = server.host.connection() | lab.settings() | {"domain": domain}
    made = Desk(lab, server.host, settings, laptop=lab.laptop(name), name=name)
    made.begin()
    return made
