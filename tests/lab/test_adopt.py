"""A One API that somebody has set up by hand becomes the site, in the layouts that people have.

There is no Docker engine here: a container's process stands as Docker leaves it (its control
group, its own mounts, a volume), and `docker` is a script that stops and starts it. The stand-in
keeps SQLite alone: layouts with a database server want a real One API (``ONE_API_BINARY``).
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from one_api_infra.lab.process import wait_until
from tests.lab import databases, real
from tests.lab.backups import APT
from tests.lab.sites import DATABASE, ROOT, LabSite
from tests.lab.test_status import COMMAND

SECRET = "adopted-Canary_5.of-people-who-set-it-by-hand"
ID = "c0ffee" + "0" * 58
NGINX = """
server {{
    listen 80;
    server_name {domain};
    location / {{ proxy_pass http://127.0.0.1:3000; }}
}}
"""
UNIT = f"""
[Service]
WorkingDirectory=/opt/ai
Environment=USER_TOKEN_SECRET={SECRET} SESSION_SECRET=random_string DISABLE_TOKEN_ENCODERS=true
ExecStart=/opt/ai/one-api --port 3000
Restart=always
[Install]
WantedBy=multi-user.target
"""
CONTAINER = f"""#!/bin/sh
exec setsid -f systemd-run --quiet --scope --unit=docker-{ID} unshare -m sh -c \
'mkdir -p /data && mount --bind {{volume}} /data && cd /data && exec /opt/ai/one-api --port 3000' \
</dev/null >/dev/null 2>&1
"""
DOCKER = f"""#!/bin/sh
case $1 in
stop) systemctl stop docker-{ID}.scope ;;
start) . /root/environment; /root/container ;;
esac
"""
# 1Panel's OpenResty is a container in the host's own network.
OPENRESTY = "systemd-run --quiet --unit=openresty python3 -m http.server 80"
PROXY = "openresty.service"
HOSTS = "printf '127.0.0.1 mysql\\n127.0.0.1 postgres\\n127.0.0.1 redis\\n' >>/etc/hosts"
SETUP = """curl -fsS -H 'Content-Type: application/json' http://127.0.0.1:3000/api/setup -d \
'{"username":"root","password":"adopted12","confirmPassword":"adopted12"}'"""


@dataclass(frozen=True)
class Layout:
    """How it was set up: the commands, the host's folder that its container sees as /data, and
    where its database lies: a file, or a kind of server."""

    set_up: str
    database: str
    volume: str = "/srv/ai"
    edition: str = "one-hub"
    proxy: str = ""

    @property
    def is_on_a_server(self) -> bool:
        """Whether its database is on a server."""
        return self.database in databases.KINDS


BY_HAND = """cd /opt/ai && . /root/environment && cp /root/environment env
setsid -f ./one-api --port 3000 </dev/null >/dev/null 2>&1"""
TIKTOKEN = "TIKTOKEN_CACHE_DIR"  # names the folder of both files for a real one-api
START = ". /root/environment; /root/container"
PANEL = "/opt/1panel/apps/one-api/one-api/data"
LAYOUTS = {
    "a process in a screen": Layout(BY_HAND, "/opt/ai/one-api.db"),
    "a process in a screen, one-api": Layout(BY_HAND, "/opt/ai/one-api.db", edition="one-api"),
    "a unit of our name behind nginx": Layout(
        f"{APT} nginx >/dev/null 2>&1;"
        " ln -s ../sites-available/ai /etc/nginx/sites-enabled/ai; systemctl reload nginx;"
        " systemctl daemon-reload && systemctl enable -q --now one-api",
        "/opt/ai/one-api.db",
    ),
    "a container": Layout(START, "/srv/ai/one-api.db"),
    "1Panel": Layout(
        f"{OPENRESTY}; {START}", f"{PANEL}/one-api.db", volume=PANEL, proxy=PROXY
    ),
    "a container and MySQL": Layout(f"{HOSTS}; {START}", "mariadb"),
    "New API, PostgreSQL and Redis": Layout(
        f"{HOSTS}; {APT} redis-server >/dev/null 2>&1; {START}", "postgresql", edition="new-api"
    ),
}  # fmt: skip


@pytest.fixture(params=list(LAYOUTS), ids=list(LAYOUTS))
def theirs(request: pytest.FixtureRequest, blank: Callable[[str], LabSite]) -> LabSite:
    """A host where it runs, with a user of its own."""
    layout = LAYOUTS[request.param]
    if (layout.is_on_a_server or layout.edition != "one-hub") and real.edition() != layout.edition:
        pytest.skip(f"ONE_API_BINARY names no real {layout.edition}")
    site = blank("debian-13")
    site.settings |= {"_layout": layout, "edition": layout.edition}
    site.host.ssh(f"apt-get -qq update && {APT} python3 curl >/dev/null 2>&1")
    site.host.ssh(f"mkdir -p /opt/ai {layout.volume} /etc/nginx/sites-available")
    if layout.edition == "one-api":
        site.settings["tiktoken_data"] = os.environ[TIKTOKEN]
        shutil.copytree(os.environ[TIKTOKEN], site.host.root / "opt/ai/tiktoken")
    shutil.copy(site.lab.settings()["artifact"], site.host.root / "opt/ai/one-api")
    is_unit = "unit" in request.param
    for path, text in (
        ("/opt/ai/one-api", ""),
        ("/root/environment", environment(site, layout)),
        ("/etc/nginx/sites-available/ai", NGINX.format(domain=site.domain)),
        ("/etc/systemd/system/one-api.service", UNIT if is_unit else ""),
        ("/root/container", CONTAINER.format(volume=layout.volume)),
        ("/usr/local/bin/docker", DOCKER),
    ):
        write = f"cat >{path} && " if text else ""
        if text or "one-api.service" not in path:
            site.host.ssh(f"{write}chmod 755 {path}", stdin=text)
    site.host.ssh(f"systemctl daemon-reload; {layout.set_up}")
    wait_until(lambda: old_answers(site), 60, "the old One API")
    if layout.edition == "new-api":
        site.host.ssh(SETUP)
    change(site, layout, "UPDATE users SET quota = 42 WHERE id = 1")
    return site


def environment(site: LabSite, layout: Layout) -> str:
    """The variables that it is given, as a shell reads them."""
    given = {"USER_TOKEN_SECRET": SECRET, "SESSION_SECRET": SECRET}
    given["DISABLE_TOKEN_ENCODERS"] = "true"  # the lab's hosts cannot fetch them
    if layout.is_on_a_server:
        site.use(databases.KINDS[layout.database](site.host))
        assert site.store
        name = {"mariadb": "mysql", "postgresql": "postgres"}[layout.database]
        given["SQL_DSN"] = site.store.url.replace("127.0.0.1", name)
    if layout.edition == "one-api":
        given[TIKTOKEN] = "/opt/ai/tiktoken"
    if layout.edition == "new-api":
        given["REDIS_CONN_STRING"] = "redis://redis"
        site.settings["redis_url"] = "redis://127.0.0.1:6379"
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in given.items())


def change(site: LabSite, layout: Layout, statement: str) -> None:
    """Change the old one's database behind its back."""
    if site.store:
        site.store.write(statement)
        return
    script = f"import sqlite3; db = sqlite3.connect({layout.database!r})"
    site.host.ssh("python3 -", stdin=f"{script}; db.execute({statement!r}); db.commit()")


def old_answers(site: LabSite) -> bool:
    told = site.host.ssh("curl -fsS http://127.0.0.1:3000/api/status || true", check=False)
    return '"success"' in told


def command(site: LabSite, *options: str) -> subprocess.CompletedProcess[str]:
    """``one-api-infra adopt``, to its end."""
    site.inventory()
    return subprocess.run(
        [COMMAND[0], "adopt", *options], cwd=ROOT, env=site.environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def users(site: LabSite, place: str) -> list[list[object]]:
    """Whom it knows; the last column is root's password."""
    return site.rows("SELECT id, username, quota, password FROM users ORDER BY id", place)


@pytest.mark.long
def test_adopted_and_back(theirs: LabSite) -> None:
    site, layout = theirs, theirs.settings.pop("_layout")
    place = DATABASE if layout.is_on_a_server else layout.database
    before = users(site, place)
    site.settings["edition"] = "new-api" if layout.edition == "one-api" else "one-api"
    refused = command(site, "--yes")
    assert refused.returncode == 1
    assert '"edition"' in refused.stderr
    site.settings["edition"] = layout.edition
    shown = command(site)
    assert shown.returncode == 1
    assert layout.is_on_a_server or layout.database in shown.stderr
    assert SECRET not in shown.stderr + shown.stdout
    if layout.proxy:
        held = command(site, "--yes")
        assert held.returncode == 1
        assert "80" in held.stderr, held.stderr
        site.host.ssh(f"systemctl stop {layout.proxy}")
    assert old_answers(site)

    done = command(site, "--yes")
    assert done.returncode == 0, done.stderr[-3000:]
    assert site.answers()
    assert [row[:3] for row in users(site, DATABASE)] == [row[:3] for row in before]
    assert SECRET in site.host.ssh("cat /etc/one-api/secrets.env")
    again = site.deploy("-y", "--json")
    assert again.code == 0, again.stderr
    assert again.changed == []
    assert layout.is_on_a_server or users(site, place) == before

    back = command(site, "--back", "--yes")
    assert back.returncode == 0, back.stderr
    wait_until(lambda: old_answers(site), 30, "the old One API")
    begun_anew = site.deploy("-y")
    assert (begun_anew.code, "was started again" in begun_anew.stderr) == (1, True)
    assert not site.host.ssh("systemctl is-active one-api || true").startswith("active") or (
        "/opt/ai" in site.host.ssh("systemctl show -P ExecStart one-api")
    )

    # What it did since then is adopted, not what was adopted before.
    if layout.proxy:  # some are gone as soon as they have been stopped
        site.host.ssh(f"systemctl stop {layout.proxy} 2>/dev/null || true")
    if not layout.is_on_a_server:
        statement = "UPDATE users SET quota = quota + 77 WHERE id = 1"
        code = (
            f"import sqlite3; c = sqlite3.connect('{place}'); c.execute('{statement}'); c.commit()"
        )
        site.host.ssh(f'python3 -c "{code}"')
    since = users(site, place)
    done = command(site, "--yes")
    assert done.returncode == 0, done.stderr[-3000:]
    assert [row[:3] for row in users(site, DATABASE)] == [row[:3] for row in since]
    assert site.deploy("-y", "--json").changed == []
