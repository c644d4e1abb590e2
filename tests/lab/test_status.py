"""``one-api-infra status`` as people run it: of a site of ours, and of a bare domain."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from one_api_infra.checks import catalogue
from one_api_infra.shared.texts import translations
from tests.lab.sites import ROOT, LabSite

COMMAND = (str(Path(sys.executable).with_name("one-api-infra")), "status")
# What this site does not have, and nothing else, is not looked at.
SKIPPED = {
    "backup.is_fresh", "backup.is_set", "backup.is_streaming", "backup.journal",
    "backup.repository", "backup.was_restored",
    "cache.answers", "certificate.rehearsal", "database.connections", "dns.delegation",
    "dns.is_public",
    "monitor.channel", "monitor.watchdog", "payment.compliance", "payment.is_enabled",
    "payment.is_secure", "payment.settings", "payment.test", "tunnel.is_ready",
}  # fmt: skip
NOBODY = 240  # an address of the lab at which nothing answers


def status(site: LabSite, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    site.inventory()
    return subprocess.run(
        [*COMMAND, *options], cwd=ROOT, env=site.environment(COLUMNS="200"), input=stdin,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def from_outside(site: LabSite, *resolvers: str) -> list[str]:
    """The options that look at the site as anybody can."""
    found = ["--domain", site.domain, "--ca-file", str(site.lab.ca.issuer)]
    return [*found, *(part for each in resolvers for part in ("--resolver", each))]


def test_healthy_site(site: LabSite) -> None:
    done = status(site, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (verdicts,) = json.loads(done.stdout).values()
    assert [each["id"] for each in verdicts] == [c.id for c in catalogue.CHECKS if c.judge]
    assert {each["state"] for each in verdicts} <= {"ok", "skipped"}
    assert {each["id"] for each in verdicts if each["state"] == "skipped"} == SKIPPED


def test_fault_has_its_remedy_in_both_languages(site: LabSite) -> None:
    site.host.ssh("systemctl stop one-api")
    english = status(site, "--language", "en")
    assert english.returncode == 2
    assert "Begin with one_api.runs: `systemctl start one-api`" in english.stdout
    chinese = status(site, "--language", "zh_CN")
    assert translations("zh_CN").gettext("one-api.service does not run") in chinese.stdout
    assert "先处理 one_api.runs" in chinese.stdout


def test_what_only_repairs_is_carried_out_when_asked(site: LabSite) -> None:
    site.host.ssh("systemctl stop one-api-certificate.timer; rm /opt/one-api-infra/port-guard")
    folder = "/etc/systemd/system/one-api-monitor.timer.d"
    site.host.ssh(f"mkdir {folder}; printf '[Timer]\\nOnCalendar=yearly\\n' >{folder}/x.conf")
    site.host.ssh("systemctl daemon-reload")
    refused = status(site, "--fix", stdin="n\n" * 9)
    assert refused.returncode == 2
    done = status(site, "--fix", stdin="y\n" * 9)
    assert done.returncode == 1, done.stdout + done.stderr  # the drop-in may be meant so
    assert f"This one is for you: `rm {folder}/x.conf`" in done.stderr
    assert "pyinfra inventory/lab.py deploys/site.py" in done.stderr
    site.host.ssh(
        "systemctl is-active one-api-certificate.timer; test -x /opt/one-api-infra/port-guard"
    )


def test_any_site_from_outside(site: LabSite) -> None:
    dns = site.lab.network.service("dns")
    sound = status(site, *from_outside(site, dns))
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "callback.refusal" in sound.stdout
    site.api().set_option("ServerAddress", "http://localhost:3000")
    wrong = status(site, *from_outside(site, dns), "--json")
    assert wrong.returncode == 2
    (verdicts,) = json.loads(wrong.stdout).values()
    assert [v["id"] for v in verdicts if v["state"] == "failed"] == ["server_address.in_use"]


def test_dead_resolver_does_not_blind(site: LabSite) -> None:
    nobody = site.lab.network.address(NOBODY)
    seen = status(site, *from_outside(site, nobody, site.lab.network.service("dns")))
    assert seen.returncode == 0, seen.stdout


@pytest.mark.long
def test_server_that_cannot_be_asked_is_seen_from_outside(site: LabSite) -> None:
    site.settings["ssh_port"] = 2
    seen = status(site, "--json")
    assert seen.returncode == 2, seen.stdout
    (verdicts,) = json.loads(seen.stdout).values()
    states = {each["id"]: each["state"] for each in verdicts}
    assert [check for check, state in states.items() if state == "failed"] == ["system.agent"]
    assert states["callback.refusal"] == "ok"
    assert states["one_api.runs"] == "skipped"


def test_what_is_no_domain_is_refused(site: LabSite) -> None:
    refused = status(site, "--domain", "https://pay.example.com/")
    assert refused.returncode == 2
    assert "remove http:// or https://" in refused.stderr
