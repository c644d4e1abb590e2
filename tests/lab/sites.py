"""Driving a site in the lab: deploy it, call it, look into it by another route."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from one_api_infra.desired.site import Site
from one_api_infra.lab import process
from one_api_infra.lab.gateway import Gateway, Reply
from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from one_api_infra.remote import inventory
from one_api_infra.remote.probe_client import ProbeClient
from one_api_infra.shared import editions
from one_api_infra.shared.editions.api import Api
from tests.lab import forkserver
from tests.lab.databases import Database

ROOT = Path(__file__).parents[2]
BOOT = "systemctl show --property=UserspaceTimestampMonotonic"
DATABASE = "/var/lib/one-api/one-api.db"
PYINFRA = (sys.executable, "-m", "pyinfra")


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    stdout: str
    stderr: str

    @property
    def totals(self) -> dict[str, int]:
        """pyinfra's totals of a ``--json`` run."""
        return dict(json.loads(self.stdout)["results"]["totals"])

    @property
    def changed(self) -> list[str]:
        """The operations of a ``--json`` run that changed something."""
        operations = json.loads(self.stdout)["results"]["operations"]
        return [entry["name"] for entry in operations if entry["success"]]

    @property
    def planned(self) -> list[str]:
        """The operations that a ``--dry --json`` run says would change something."""
        plan = json.loads(self.stdout)["plan"]
        return [entry["name"] for entry in plan if entry["hosts_with_change"]]


@dataclass
class LabSite:
    """One host of the lab and the settings of its site."""

    lab: Lab
    host: Host
    settings: dict[str, Any]
    store: Database | None = None  # None: SQLite

    def use(self, store: Database) -> None:
        """Let the site have another database than SQLite, installed on its own host."""
        store.install()
        self.store = store
        self.settings["database_url"] = store.url

    @property
    def domain(self) -> str:
        """The site's domain."""
        return str(self.settings["domain"])

    @property
    def site(self) -> Site:
        """The site as the settings describe it."""
        return Site.parse(self.settings)

    @property
    def outside(self) -> ProbeClient:
        """The way in from the world."""
        return ProbeClient(self.site)

    def inventory(self, **settings: Any) -> None:
        """Change settings and write the inventory with this host alone."""
        self.settings |= settings
        self.lab.write_inventory({self.host.name: self.settings})

    def deploy(self, *options: str, name: str = "site", **environment: str) -> Result:
        """The literal command, to its end."""
        self.inventory()
        _python, _module, module, *arguments = self.command(*options, name=name)
        done = forkserver.run(
            module, *arguments, cwd=ROOT, environment=self.environment(**environment)
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def command(self, *options: str, name: str = "site") -> list[str]:
        """The literal command."""
        return [*PYINFRA, "inventory.py", f"deploys/{name}.py", *options]

    def environment(self, **more: str) -> dict[str, str]:
        """This process' environment, with the inventory of the lab."""
        own = {"ONE_API_LAB": self.lab.name, "PYINFRA_PROGRESS": "off", "LC_ALL": "C.UTF-8"}
        own[inventory.VARIABLE] = inventory.DEFAULT  # whatever the admin has chosen for the day
        return {**os.environ, **own, **more}

    def converge(self) -> None:
        """Deploy, and insist that it worked."""
        result = self.deploy("-y")
        assert result.code == 0, result.stderr

    def verify(self, *options: str) -> subprocess.CompletedProcess[str]:
        """``pytest tests/server`` against this site."""
        self.inventory()
        # Of this machine's plugins that one alone: the others take as long as the tests' start.
        quiet = ("-q", "-p", "no:cacheprovider", "-p", "testinfra.plugin")
        environment = self.environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        return forkserver.run(
            "pytest", *quiet, "tests/server", *options, cwd=ROOT, environment=environment
        )

    def answers(self) -> bool:
        """Whether the site's status can be read from outside."""
        try:
            return self.outside.get("/api/status").status == 200
        except OSError:
            return False

    def reboot(self) -> None:
        """Reboot the host and wait until the site is back."""
        before = self.host.ssh(BOOT)
        self.host.ssh("systemctl reboot", check=False)
        process.wait_until(lambda: self._has_booted_after(before), 60, "the reboot")
        process.wait_until(self.answers, 30, "the site")

    def _has_booted_after(self, before: str) -> bool:
        now = self.host.ssh(f"{BOOT} && systemctl is-system-running", check=False)
        return "running" in now and before not in now

    @property
    def token(self) -> str:
        """One API's management token, as it stands on the server."""
        return self.host.ssh("cat /etc/one-api/access-token").strip()

    def api(self) -> Api:
        """One API's management API through the site's front door."""
        return _Resolved(self)

    def session(self) -> requests.Session:
        """A client that trusts the lab's roots, and for which the domain leads to this host."""
        made = requests.Session()
        made.trust_env = False
        made.verify = str(self.lab.ca.issuer)
        made.mount("https://", _Adapter(self.host.address, self.domain))
        return made

    def rows(self, query: str, database: str = DATABASE) -> list[list[Any]]:
        """Rows of One API's database, by another way than its own."""
        if self.store and database == DATABASE:
            return self.store.rows(query)
        script = (
            "import json, sqlite3, sys;"
            f"db = sqlite3.connect('file:{database}?mode=ro', uri=True);"
            "print(json.dumps(db.execute(sys.stdin.read()).fetchall()))"
        )
        return list(json.loads(self.host.ssh(f'python3 -c "{script}"', stdin=query)))

    def notified(self, gateway: Gateway, url: str, order: Mapping[str, str]) -> Reply:
        """The gateway's call to ``url``, whose domain leads to this host."""
        adapter = _Adapter(self.host.address, self.domain)
        return gateway.notify(url, order, adapter=adapter)


class _Resolved(Api):
    """Api with the lab's roots, and its domain led to the host without touching this machine."""

    def __init__(self, site: LabSite) -> None:
        edition = editions.get(site.settings.get("edition", "one-hub"))
        super().__init__(edition, f"https://{site.domain}", site.token)
        self.session = site.session()

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        reply = self.session.request(
            method, self.base + path, json=body, headers=self.headers, timeout=self.timeout
        )
        return dict(reply.json())


class _Adapter(requests.adapters.HTTPAdapter):
    """Connects to an address under a name."""

    def __init__(self, address: str, name: str) -> None:
        self.address, self.name = address, name
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(
            *args, **options, server_hostname=self.name, assert_hostname=self.name
        )

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        assert request.url
        request.headers["Host"] = self.name
        request.url = request.url.replace(f"://{self.name}", f"://{self.address}", 1)
        return super().send(request, *args, **options)
