"""Every check of ``tests/server`` can fail: each fault is put in, named, and taken out again."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from one_api_infra.shared import paths
from tests.lab.conftest import new_site
from tests.lab.payments import add_payment
from tests.lab.sites import LabSite

DATABASE = "/var/lib/one-api/one-api.db"
SQL = (
    "python3 -c \"import sqlite3; db = sqlite3.connect('{db}'); db.execute('{sql}'); db.commit()\""
)
RELOAD = "systemctl reload nginx; sleep 0.3"
NGINX = "/etc/nginx/one-api"


def edit(path: str, expression: str, after: str = "true") -> tuple[str, str]:
    """Change a file by sed, and the way back."""
    kept = "/root/kept"
    keep = f"cp -a --remove-destination $(readlink -f {path}) {kept}"
    do = f"{keep} && sed -i '{expression}' {path} && {after}"
    return do, f"cat {kept} >$(readlink -f {path}) && {after}"


def nginx(name: str, expression: str) -> tuple[str, str]:
    """Change a part of nginx' configuration and load it."""
    return edit(f"{NGINX}/{name}.conf", expression, RELOAD)


@dataclass(frozen=True)
class Fault:
    """A fault: what does it, what takes it away, and the checks that must go red."""

    name: str
    do: str
    undo: str
    checks: tuple[str, ...]


def fault(name: str, commands: tuple[str, str], *checks: str) -> Fault:
    return Fault(name, *commands, checks)


FAULTS = (
    fault(
        "package",
        ("dpkg --force-depends -r logrotate tzdata >/dev/null 2>&1",
         "apt-get -qq install -y logrotate tzdata >/dev/null 2>&1"),
        "test_package_is_installed", "test_logs_are_rotated",
        "test_server_knows_its_time_zones",
    ),
    fault("mode", ("chmod 755 /etc/one-api", "chmod 700 /etc/one-api"),
          "test_path_is_roots_and_has_its_mode"),
    fault("failed unit",
          ("systemd-run --quiet --unit=broken false; sleep 0.3", "systemctl reset-failed broken"),
          "test_no_unit_has_failed"),
    fault("updates", edit("/etc/apt/apt.conf.d/52one-api-infra", "s/1/0/"),
          "test_security_updates_install_themselves"),
    fault("journal",
          edit("/etc/systemd/journald.conf.d/one-api-infra.conf", "s/500M/600G/",
               "systemctl restart systemd-journald && sleep 0.5"),
          "test_journal_has_a_limit"),
    fault("table",
          (f"nft flush ruleset; {paths.PORT_GUARD} --remove",
           "systemctl restart one-api-firewall"),
          "test_rules_are_loaded_and_drop_by_default", "test_nothing_else_answers",
          "test_nothing_else_answers_over_ipv6", "test_one_api_is_closed_from_outside"),
    fault("firewall unit",
          ("systemctl disable --quiet one-api-firewall",
           "systemctl enable --quiet one-api-firewall"),
          "test_rules_come_back_after_a_reboot"),
    fault("roll-back",
          ("systemd-run --quiet --unit=one-api-firewall-rollback --on-active=600 true",
           "systemctl stop one-api-firewall-rollback.timer"),
          "test_no_roll_back_is_pending"),
    fault("nginx stopped", ("systemctl disable --quiet --now nginx",
                            "systemctl enable --quiet --now nginx"),
          "test_web_ports_answer", "test_web_ports_answer_over_ipv6",
          "test_service_is_enabled_and_runs", "test_status_answers_through_the_site",
          "test_chain_is_complete_and_trusted", "test_http_2_is_offered",
          "test_status_names_the_domain", "test_login_is_limited_but_works"),
    fault("one-api stopped",
          ("systemctl disable --quiet --now one-api",
           "systemctl enable --quiet --now one-api; sleep 1"),
          "test_service_is_enabled_and_runs", "test_status_answers_through_the_site",
          "test_default_password_is_refused", "test_callback_routes_answer_as_one_api_does",
          "test_refusal_arrives_as_plain_bytes", "test_login_is_limited_but_works"),
    fault("unit not hardened, as root",
          ("mkdir -p /etc/systemd/system/one-api.service.d && printf"
           " '[Service]\\nUser=root\\nProtectSystem=no\\nSystemCallFilter=\\nPrivateUsers=no\\n"
           "CapabilityBoundingSet=~\\nNoNewPrivileges=no\\nRestrictNamespaces=no\\n'"
           " >/etc/systemd/system/one-api.service.d/x.conf && systemctl daemon-reload"
           " && systemctl restart one-api && sleep 1",
           "rm -r /etc/systemd/system/one-api.service.d && systemctl daemon-reload"
           " && systemctl restart one-api && sleep 1"),
          "test_runs_as_a_user_without_a_shell", "test_unit_is_hardened"),
    fault("restarts",
          ("for i in 1 2 3 4 5; do systemctl kill -s KILL one-api; sleep 2.6; done",
           "systemctl restart one-api; sleep 1"),
          "test_restarts_have_not_piled_up"),
    fault("release",
          ("cp -a /opt/one-api/current/ /root/release && touch -h /opt/one-api/current && sleep 1"
           " && ln -sfn $(readlink /opt/one-api/current) /opt/one-api/current"
           # Beside it, then renamed: a program that runs cannot be written to.
           " && cp -a /root/release/one-api /opt/one-api/current/new"
           " && echo '#' >>/opt/one-api/current/new"
           " && mv /opt/one-api/current/new /opt/one-api/current/one-api",
           "cp -a /root/release/one-api /opt/one-api/current/new"
           " && mv /opt/one-api/current/new /opt/one-api/current/one-api"
           " && systemctl restart one-api"
           " && sleep 1"),
          "test_what_runs_is_what_is_installed", "test_executable_is_named_after_its_content"),
    fault("data", ("chmod 755 /var/lib/one-api", "chmod 700 /var/lib/one-api"),
          "test_data_is_its_own_alone"),
    fault("configuration broken", ("echo 'nonsense;' >/etc/nginx/conf.d/x.conf",
                                   "rm /etc/nginx/conf.d/x.conf"),
          "test_configuration_is_sound", "test_what_is_loaded_is_what_is_on_disk"),
    fault("headers", nginx("headers", "s/max-age=63072000/max-age=1/;s/nosniff/x/;s/strict-o/o/"),
          "test_header_is_served"),
    fault("version shown", nginx("site", "s/server_tokens off/server_tokens on/"),
          "test_header_is_served"),
    fault("no redirect", nginx("site", "s/return 301 .*;/return 200 hello;/"),
          "test_port_80_leads_to_https"),
    fault("no http2", nginx("site", "s/http2 on/http2 off/;s/ssl http2/ssl/"),
          "test_http_2_is_offered"),
    fault("default servers",
          nginx("site", "s/return 444/return 200 hello/;s/ssl_reject_handshake on/"
                "ssl_certificate \\/etc\\/one-api-infra\\/letsencrypt\\/live\\/site13.lab.test"
                "\\/fullchain.pem;ssl_certificate_key \\/etc\\/one-api-infra\\/letsencrypt\\/live"
                "\\/site13.lab.test\\/privkey.pem/"),
          "test_a_foreign_name_gets_no_answer", "test_a_foreign_name_gets_no_certificate"),
    fault("callback log", ("chmod 644 /var/log/one-api-infra/callbacks.log",
                           "chmod 640 /var/log/one-api-infra/callbacks.log"),
          "test_callback_log_is_private"),
    fault("old protocols", nginx("tls", "s/TLSv1.2 TLSv1.3/TLSv1.3/"), "test_protocol"),
    fault("another certificate",
          ("cd /etc/one-api-infra/letsencrypt/live/site13.lab.test && cp -aL fullchain.pem /root/f"
           " && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 9 -keyout /root/k"
           " -addext subjectAltName=DNS:x.test -out /root/c 2>/dev/null"
           " && cat /root/c >fullchain.pem && cp -aL privkey.pem /root/p"
           " && cat /root/k >privkey.pem"
           f" && chmod 644 privkey.pem && {RELOAD}",
           "cd /etc/one-api-infra/letsencrypt/live/site13.lab.test && cat /root/f >fullchain.pem"
           f" && cat /root/p >privkey.pem && chmod 600 privkey.pem && {RELOAD}"),
          "test_chain_is_complete_and_trusted", "test_callback_domain_is_covered",
          "test_key_type_is_the_chosen_one", "test_key_matches_and_is_private"),
    fault("certificate not loaded",
          ("cd /etc/one-api-infra/letsencrypt/live/site13.lab.test && cp -aL fullchain.pem /root/f"
           " && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 9 -keyout /root/k"
           " -out /root/c 2>/dev/null && cat /root/c >fullchain.pem",
           "cd /etc/one-api-infra/letsencrypt/live/site13.lab.test && cat /root/f >fullchain.pem"),
          "test_wire_is_disk", "test_key_matches_and_is_private"),
    fault("timer", ("systemctl disable --quiet --now one-api-certificate.timer",
                    "systemctl enable --quiet --now one-api-certificate.timer"),
          "test_timer_is_enabled_and_has_a_next_time"),
    fault("hook",
          ("chmod -x /etc/one-api-infra/letsencrypt/renewal-hooks/deploy/one-api-infra",
           "chmod +x /etc/one-api-infra/letsencrypt/renewal-hooks/deploy/one-api-infra"),
          "test_hook_can_run"),
    fault("stray lineage", ("touch /etc/one-api-infra/letsencrypt/renewal/z.conf",
                            "rm /etc/one-api-infra/letsencrypt/renewal/z.conf"),
          "test_certbot_knows_one_lineage"),
    fault("renewal failed",
          ("cp /etc/one-api-infra/acme-ca.pem /root/ca; touch /etc/one-api-infra/letsencrypt/"
           "renewal/z.conf; systemctl start one-api-certificate",
           "rm /etc/one-api-infra/letsencrypt/renewal/z.conf; systemctl start one-api-certificate"),
          "test_last_renewal_did_not_fail", "test_no_unit_has_failed"),
    fault("another domain in the database",
          (SQL.format(db=DATABASE, sql="UPDATE options SET value = 1"
                      " WHERE key = char(83,101,114,118,101,114,65,100,100,114,101,115,115)")
           + "; systemctl restart one-api; sleep 1",
           paths.agent("callback-domain")),
          "test_database_holds_the_domain", "test_status_names_the_domain"),
    fault("another domain in a payment row",
          (SQL.format(db=DATABASE, sql="UPDATE payments SET notify_domain = 3"),
           f"systemctl restart one-api; sleep 1; {paths.agent('callback-domain')}"),
          "test_payment_rows_hold_the_domain"),
    fault("site file", edit("/etc/one-api-infra/site.json", "s/site13/other/"),
          "test_site_file_holds_the_domain"),
    fault("redirect on callbacks",
          nginx("callbacks", "s/proxy_pass .*;/return 301 https:\\/\\/x.test;/"),
          "test_callback_routes_answer_as_one_api_does"),
    fault("default password",
          ("systemctl stop one-api; cp -a /var/lib/one-api /root/data;"
           " rm /var/lib/one-api/one-api.db*; systemctl start one-api; sleep 1.5",
           "systemctl stop one-api; rm /var/lib/one-api/one-api.db*;"
           " cp -a /root/data/. /var/lib/one-api; systemctl start one-api; sleep 1"),
          "test_default_password_is_refused", "test_database_holds_the_domain"),
    fault("open metrics", nginx("web", "s/return 404/return 200 open/"),
          "test_set_up_page_is_closed"),
    fault("gzip on callbacks",
          nginx("callbacks", "s/proxy_set_header Accept-Encoding \"\"/"
                "proxy_set_header Accept-Encoding gzip/"),
          "test_callback_routes_answer_as_one_api_does"),
)  # fmt: skip


# What cannot be broken here: a container has its host's clock, and the disk is this machine's.
# ``test_life_is_left`` and worker generations are broken by the tests of the renewal, the backup's
# and the tunnels' by their own tests: here is none. A host that is away is seen red by a test of
# the commands.
NOT_HERE = {
    "test_clock_agrees_with_this_machine",
    "test_disk_has_room",
    "test_it_is_started_by_itself",
    "test_its_keys_are_roots_alone",
    "test_life_is_left",
    "test_no_worker_of_long_ago_is_left",
    "test_record_is_not_the_worlds",
    "test_restic_reads_the_repository",
    "test_ssh_answers",
    "test_sshd_lets_it_forward_to_its_own_folder_alone",
    "test_user_has_no_shell_and_no_password",
    "test_what_was_missed_is_sent_by_a_timer",
}
seen_red: set[str] = set()


@pytest.fixture(scope="module")
def broken_site(prepared: Callable[[str], Path], lab: Lab) -> Iterator[LabSite]:
    """One copy of the prepared site for all faults."""
    layer = prepared("debian-13")
    site = new_site(lab, "broken", "debian-13", "site13.lab.test", of=layer)
    add_payment(site, Gateway(lab.ca.issuer))
    yield site
    site.host.remove()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_seen(broken_site: LabSite, fault: Fault) -> None:
    site = broken_site
    wanted = " or ".join(fault.checks)
    site.host.ssh(fault.do, check=False)
    try:
        verified = site.verify("-k", wanted)
    finally:
        site.host.ssh(fault.undo, check=False)
    red = set(re.findall(r"^FAILED \S+?::(\w+)|^ERROR \S+?::(\w+)", verified.stdout, re.M))
    names = {name for pair in red for name in pair if name}
    seen_red.update(names)
    assert set(fault.checks) <= names, verified.stdout


def test_every_check_was_seen_red(broken_site: LabSite) -> None:
    listed = broken_site.verify("--collect-only")
    every = set(re.findall(r"::(test_\w+)", listed.stdout))
    assert len(every) > 40
    assert every - seen_red - NOT_HERE == {"test_check"}  # seen red by tests/lab/faults
    whole = broken_site.verify()
    assert whole.returncode == 0, whole.stdout
