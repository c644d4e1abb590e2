"""A tunnel beside a site: neither disturbs the other, its check names what is wrong, it goes."""

import json
import re
from typing import Any

import pytest

from one_api_infra.shared import paths
from tests.lab.sites import LabSite
from tests.lab.test_status import status

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzlVq0eQx0nJYvvhbbJ0p1gPz0bZs7lXqLZC1yEv0dX carol"
USER = "one-api-tunnel-carol"
BAR = "/etc/ssh/sshd_config.d/00-admin.conf"
LIVE = f"{paths.LETSENCRYPT}/live/{USER}"


@pytest.mark.long
@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_a_tunnel_beside_a_site(clone: Any, system: str) -> None:
    site: LabSite = clone(system)
    site.lab.point("carol.lab.test", site.host)
    site.settings["tunnels"] = {"carol": {"domain": "carol.lab.test", "key": KEY}}
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
    assert _ready(site) == ("ok", "carol is away")
    words = site.host.ssh("systemd-analyze security --no-pager one-api-tunnel | tail -n 1")
    assert float(re.findall(r"[0-9]+\.[0-9]", words)[0]) <= 2.5, words
    _each_fault_is_named(site)
    site.settings["tunnels"] = {}
    assert site.deploy("-y", name="tunnel").code == 0
    site.host.ssh("nginx -t && systemctl reload nginx")
    assert site.deploy("-y", "--json").changed == []
    assert site.host.ssh(f"ls {paths.FORMER} 2>/dev/null; getent passwd | grep tunnel; :") == ""
    assert site.host.ssh(f"ls -d {paths.TUNNELS} {paths.TUNNEL_SSH} {LIVE} 2>/dev/null; :") == ""
    assert site.verify().returncode == 0


def _each_fault_is_named(site: LabSite) -> None:
    site.host.ssh(f"echo 'AllowUsers root' >{BAR}")
    state, cause = _ready(site)
    assert (state, "AllowUsers" in cause) == ("failed", True)
    site.host.ssh(f"sed -i 's/$/ {USER}/' {BAR} && systemctl reload ssh")
    assert _ready(site)[0] == "ok"
    site.host.ssh(f"printf 'Match User {USER}\\n ForceCommand /bin/sh\\n' >{BAR}")
    assert "other rules" in _ready(site)[1]
    site.host.ssh(f"rm {BAR}")
    new = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 9 -keyout {LIVE}/privkey.pem"
    )
    names = "-addext subjectAltName=DNS:carol.lab.test"
    site.host.ssh(f"{new} -out {LIVE}/fullchain.pem {names} 2>/dev/null")
    assert "another certificate" in _ready(site)[1]
    site.host.ssh(f"rm {LIVE}/fullchain.pem")
    assert "no certificate" in _ready(site)[1]
    site.converge()
    assert _ready(site) == ("ok", "carol is away")


def _ready(site: LabSite) -> tuple[str, str]:
    (verdicts,) = json.loads(status(site, "--json", "--language", "en").stdout).values()
    (verdict,) = (each for each in verdicts if each["id"] == "tunnel.is_ready")
    return verdict["state"], verdict.get("cause", "")
