"""A One API that somebody has set up by hand becomes the site, in the layouts that people have.

There is no Docker engine here: a container's process stands as Docker leaves it (its control
group, its own mounts, a volume), and `docker` is a script that stops and starts it.
"""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from one_api_infra.lab.process import wait_until
from tests.lab.backups import APT
from tests.lab.sites import ROOT, LabSite
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
Environment=USER_TOKEN_SECRET={SECRET} SESSION_SECRET=random_string
ExecStart=/opt/ai/one-api --port 3000
Restart=always
[Install]
WantedBy=multi-user.target
"""
CONTAINER = f"""#!/bin/sh
docker() {{ :; }}
exec setsid -f systemd-run --quiet --scope --unit=docker-{ID} unshare -m sh -c \
'mkdir -p /data && mount --bind /srv/ai /data && cd /data && \
exec env USER_TOKEN_SECRET={SECRET} /opt/ai/one-api --port 3000' \
</dev/null >/dev/null 2>&1
"""
DOCKER = f"""#!/bin/sh
case $1 in
stop) systemctl stop docker-{ID}.scope ;;
start) /root/container ;;
esac
"""


@dataclass(frozen=True)
class Layout:
    """How it was set up: the commands, and where its database lies."""

    set_up: str
    database: str


LAYOUTS = {
    "a process in a screen": Layout(
        f"cd /opt/ai && echo 'USER_TOKEN_SECRET={SECRET}' >env && USER_TOKEN_SECRET={SECRET}"
        " setsid -f ./one-api --port 3000 </dev/null >/dev/null 2>&1",
        "/opt/ai/one-api.db",
    ),
    "a unit of our name behind nginx": Layout(
        f"{APT} nginx >/dev/null 2>&1;"
        " ln -s ../sites-available/ai /etc/nginx/sites-enabled/ai; systemctl reload nginx;"
        " systemctl daemon-reload && systemctl enable -q --now one-api",
        "/opt/ai/one-api.db",
    ),
    "a container": Layout("/root/container", "/srv/ai/one-api.db"),
}


@pytest.fixture(params=list(LAYOUTS.values()), ids=list(LAYOUTS))
def theirs(request: pytest.FixtureRequest, blank: Callable[[str], LabSite]) -> LabSite:
    """A host where it runs, with a user of its own."""
    layout: Layout = request.param
    site = blank("debian-13")
    site.settings["_layout"] = layout
    root = site.host.root
    site.host.ssh(f"apt-get -qq update && {APT} python3 curl >/dev/null 2>&1")
    site.host.ssh("mkdir -p /opt/ai /srv/ai /etc/nginx/sites-available && systemctl daemon-reload")
    shutil.copy(site.lab.settings()["artifact"], root / "opt/ai/one-api")
    site.host.ssh("chmod 755 /opt/ai/one-api")
    for path, text, mode in (
        ("/etc/nginx/sites-available/ai", NGINX.format(domain=site.domain), "644"),
        ("/etc/systemd/system/one-api.service", UNIT if "unit of" in request.node.name else "", ""),
        ("/root/container", CONTAINER, "755"),
        ("/usr/local/bin/docker", DOCKER, "755"),
    ):
        if text:
            site.host.ssh(f"cat >{path} && chmod {mode or '644'} {path}", stdin=text)
    site.host.ssh(layout.set_up)
    wait_until(lambda: old_answers(site), 30, "the old One API")
    script = (
        "import sqlite3; db = sqlite3.connect(%r);"
        "db.execute(\"INSERT INTO users (username, quota) VALUES ('theirs', 42)\"); db.commit()"
    )
    site.host.ssh(f"python3 - <<'E'\n{script % layout.database}\nE")
    return site


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


@pytest.mark.long
def test_adopted_and_back(theirs: LabSite) -> None:
    site, layout = theirs, theirs.settings.pop("_layout")
    before = site.rows("SELECT id, username, quota, password FROM users", layout.database)
    site.settings["edition"] = "new-api"
    refused = command(site, "--yes")
    assert refused.returncode == 1
    assert '"edition"' in refused.stderr
    site.settings["edition"] = "one-hub"
    shown = command(site)
    assert shown.returncode == 1
    assert layout.database in shown.stderr
    assert SECRET not in shown.stderr + shown.stdout
    assert old_answers(site)

    done = command(site, "--yes")
    assert done.returncode == 0, done.stderr[-3000:]
    assert site.answers()
    after = site.rows("SELECT id, username, quota, password FROM users")
    assert [row[:3] for row in after] == [row[:3] for row in before]
    assert SECRET in site.host.ssh("cat /etc/one-api/secrets.env")
    again = site.deploy("-y", "--json")
    assert again.code == 0, again.stderr
    assert again.changed == []
    assert site.rows("SELECT id, username, quota, password FROM users", layout.database) == before

    back = command(site, "--back", "--yes")
    assert back.returncode == 0, back.stderr
    wait_until(lambda: old_answers(site), 30, "the old One API")
    assert not site.host.ssh("systemctl is-active one-api || true").startswith("active") or (
        "/opt/ai" in site.host.ssh("systemctl show -P ExecStart one-api")
    )
