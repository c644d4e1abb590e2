"""One API itself, without the site: the stand-in, and the binary that ONE_API_BINARY names."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from one_api_infra.lab import process
from one_api_infra.shared import editions
from one_api_infra.shared.editions.edition import Edition
from tests.lab import ledgers, real
from tests.lab.conftest import new_site
from tests.lab.sites import LabSite

PORT = 3100
FOLDER = "/var/lib/contract"
ENVIRONMENT = {
    "PORT": str(PORT),
    "SESSION_SECRET": "0123456789abcdefABCDEF0123456789",
    "USER_TOKEN_SECRET": "abcdefghijklmnopqrstuvwxyz012345",
    "SQLITE_PATH": f"{FOLDER}/one-api.db",
    "DISABLE_TOKEN_ENCODERS": "true",
    "TRUSTED_HEADER": "X-Real-IP",
    "TZ": "Asia/Shanghai",
}


# By these the stand-in is one of Done Hub; the real one passes them over, or is one.
VARIABLES = {"one-hub": {}, "done-hub": {"RELAY_ONLY": "false"}}


def binaries() -> list[str]:
    """What the suite runs on; a missing real binary is not passed over in silence."""
    return [*VARIABLES, "real"]


@dataclass
class OneApi:
    """A fresh One API on a lab host, reached through a tunnel."""

    site: LabSite
    binary: Path
    base: str
    edition: Edition
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One request; no redirect is followed."""
        options |= {"timeout": 10, "allow_redirects": False}
        return self.session.request(method, self.base + path, json=body, **options)

    def start(self, **environment: str) -> None:
        """Start it with more settings; the database stays."""
        given = ENVIRONMENT | VARIABLES[self.edition.name] | environment
        variables = " ".join(f"{k}={v}" for k, v in given.items() if v)
        self.site.host.ssh(
            "systemctl reset-failed contract 2>/dev/null; systemd-run --quiet --unit=contract"
            f" --working-directory={FOLDER} env -i {variables}"
            f" {FOLDER}/one-api --log-dir {FOLDER}/logs"
        )
        process.wait_until(self._is_up, 20, "One API")

    def stop(self) -> None:
        """Stop it."""
        self.site.host.ssh("systemctl stop contract 2>/dev/null || true")

    def login(self, password: str = "123456") -> None:
        """Log in as root and keep the session."""
        body = {"username": "root", "password": password}
        assert self.call("POST", "/api/user/login", body).json()["success"]

    def rows(self, query: str) -> list[list[Any]]:
        """Rows of its database."""
        return self.site.rows(query, f"{FOLDER}/one-api.db")

    def write(self, statement: str) -> None:
        """Change its database behind its back."""
        ledgers.write(self.site, statement, f"{FOLDER}/one-api.db")

    def hold(self, seconds: float) -> None:
        """Let nobody write to its database for so long, from now on."""
        ledgers.hold(self.site, seconds, f"{FOLDER}/one-api.db")

    def _is_up(self) -> bool:
        try:
            return self.call("GET", "/api/status").status_code == 200
        except requests.RequestException:
            time.sleep(0.05)
            return False


@pytest.fixture(scope="module")
def contract_host(lab: Any, prepared: Callable[[str], Path]) -> Iterator[LabSite]:
    """A host with a firewall, so that nobody reaches an unclaimed One API."""
    site = new_site(lab, "contract", "debian-13", "site13.lab.test", of=prepared("debian-13"))
    yield site
    site.host.remove()


@pytest.fixture(scope="module", params=binaries())
def one_api(request: pytest.FixtureRequest, contract_host: LabSite) -> Iterator[OneApi]:
    """A fresh One API for each module and binary."""
    given = os.environ.get("ONE_API_BINARY")
    if request.param == "real" and real.edition() not in VARIABLES:
        pytest.skip("ONE_API_BINARY names no real one-hub or done-hub")
    edition = real.edition() if request.param == "real" else request.param
    binary = Path(given) if request.param == "real" and given else contract_host.lab.stand_in
    host = contract_host.host
    host.ssh(f"rm -rf {FOLDER} && mkdir -p {FOLDER}")
    subprocess.run(
        [*host.ssh_command(), f"cat >{FOLDER}/one-api && chmod 755 {FOLDER}/one-api"],
        input=binary.read_bytes(), check=True,
    )  # fmt: skip
    with _tunnel(contract_host) as base:
        running = OneApi(contract_host, binary, base, editions.get(edition))
        running.session.trust_env = False
        running.stop()
        running.start()
        yield running
        running.stop()


@contextlib.contextmanager
def _tunnel(site: LabSite) -> Iterator[str]:
    """A way to the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:  # two workers have a tunnel each
        local = free.getsockname()[1]
    command = site.host.ssh_command()
    own = [
        *command[:-1],
        "-o",
        "ControlPath=none",
        "-N",
        "-L",
        f"127.0.0.1:{local}:127.0.0.1:{PORT}",
    ]
    tunnel = subprocess.Popen([*own, command[-1]], stdin=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{local}"
    finally:
        tunnel.kill()
        tunnel.wait()
