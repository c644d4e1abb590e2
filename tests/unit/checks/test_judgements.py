"""Every judgement, without a network: many observations, and the check that names each first."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.checks import catalogue
from one_api_infra.checks.dns import proxy
from one_api_infra.checks.name import form
from one_api_infra.checks.observation import Asked, Caa, Exchange, Observation, Port
from one_api_infra.checks.verdict import State
from tests.unit.checks.observations import (
    DAY,
    DISK,
    DOMAIN,
    HERE,
    REFUSAL,
    SERVER,
    SHAKE,
    SOUND,
    server,
    verdict,
    wrong,
)
from tests.unit.examples import NOW


def asked(*addresses: str, role: str = "own", error: str = "") -> Observation:
    others = tuple(each for each in SOUND.asked if each.role != role)
    return replace(SOUND, asked=(Asked(DOMAIN, role, "x", addresses, error), *others))


def everywhere(*addresses: str, error: str = "") -> Observation:
    made = (replace(each, addresses=addresses, error=error) for each in SOUND.asked)
    return replace(SOUND, asked=tuple(made))


def caa(*records: str) -> Observation:
    made = tuple((0, *record.split(" ", 1)) for record in records)
    return replace(SOUND, caa=(Caa(DOMAIN, "site-example.com", made),))  # type: ignore[arg-type]


def ports(*changed: Port) -> Observation:
    kept = {(port.address, port.number): port for port in (*SOUND.ports, *changed)}
    return replace(SOUND, ports=tuple(kept.values()))


def shake(**changed: object) -> Observation:
    return replace(SOUND, handshakes=(replace(SHAKE, **changed),))  # type: ignore[arg-type]


def callback(status: int = 200, body: str = "{}", error: str = "", **headers: str) -> Observation:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    made = Exchange("GET", f"https://{DOMAIN}/x", status, named, body, error)
    return replace(SOUND, callbacks=(*SOUND.callbacks, made))


def place(value: str, kind: str = "payment") -> Observation:
    stored = {"kind": kind, "key": "1", "value": value, "wanted": f"https://{DOMAIN}"}
    return server(one_api={"places": [stored]})


ENVIRONMENT = SERVER["one_api"]["environment"]


def store(**changed: object) -> Observation:
    """The database told otherwise."""
    return server(one_api={"database": {**SERVER["one_api"]["database"], **changed}})


def own(**headers: str) -> dict[str, str]:
    return {"x_oneapi_request_id": "1", **headers}


HTML = "<html>Just a moment...</html>"
FAULTS: list[tuple[Observation, str]] = [
    (server(now=NOW + DAY), "system.clock"),
    (server(clock_is_kept=False), "system.clock"),
    (server(disk={"/var": 12.0}), "system.disk"),
    (server(disk={"/var": 1000.0}, disk_size={"/var": 90_000.0}), "system.disk"),
    (server(minutes_to_full={"/": 20.0}), "system.disk"),
    (server(published=["8080/tcp"]), "firewall.docker"),
    (server(callbacks={"strangers": 150.0}), "ledger.flood"),
    (server(callbacks={"is_behind": True}), "ledger.flood"),
    (server(memory_available=1.0), "system.memory"),
    (place("", "option"), "server_address.stored"),
    (place("http://localhost"), "callback_domain.stored"),
    (replace(SOUND, bogus=(DOMAIN,)), "dns.dnssec"),
    (everywhere(error="NXDOMAIN"), "dns.resolves"),
    (everywhere(error="timeout"), "dns.resolves"),
    (everywhere("10.0.0.1"), "dns.is_public"),
    (everywhere("151.101.1.1"), "dns.points_here"),
    (everywhere(HERE, "2606:2800:21f::9"), "dns.points_here"),
    (everywhere("104.16.0.1"), "dns.points_here"),
    (asked("151.101.1.1", role="public"), "dns.resolvers_agree"),
    (asked(error="SERVFAIL", role="authoritative"), "dns.authoritative"),
    (caa('issue ca.example'), "dns.caa"),
    (caa("issue ;"), "dns.caa"),
    (caa("issue letsencrypt.org; accounturi=https://ca/acct/2"), "dns.caa_account"),
    (server(one_api={"is_active": False}), "one_api.runs"),
    (server(one_api={"error": "timeout"}), "one_api.runs"),
    (server(holders={"80": "caddy"}), "network.port_taken"),
    (ports(Port(HERE, 443, "closed")), "network.https_open"),
    (ports(Port(HERE, 80, "filtered")), "network.http_open"),
    (ports(Port("2606::1", 443, "filtered")), "network.https_open_ipv6"),
    (ports(Port("2606::1", 80, "closed")), "network.http_open_ipv6"),
    (ports(Port(HERE, 3000, "open")), "network.one_api_closed"),
    (shake(error="timeout"), "certificate.is_served"),
    (shake(error="unrecognized name"), "certificate.is_served"),
    (shake(is_self_signed=True), "certificate.self_signed"),
    (shake(not_after=NOW - 1), "certificate.in_time"),
    (shake(not_before=NOW + 1), "certificate.in_time"),
    (shake(names=("x.com",)), "certificate.names"),
    (shake(names=()), "certificate.names"),
    (shake(errors=(20,), chain_length=1), "certificate.chain"),
    (shake(errors=(20,)), "certificate.trusted"),
    (shake(errors=(19,)), "certificate.trusted"),
    (shake(not_after=NOW + 2 * DAY), "certificate.life_left"),
    (shake(serial="bb"), "certificate.served_is_on_disk"),
    (server(certificates=[{**DISK, "key_matches": False}]), "certificate.key_matches"),
    (shake(protocols=("TLSv1.3",)), "tls.protocols"),
    (shake(protocols=("TLSv1", "TLSv1.2", "TLSv1.3")), "tls.protocols"),
    (shake(serial_without_sni="cc"), "tls.without_sni"),
    (callback(error="closed"), "callback.answered"),
    (callback(502), "callback.answered"),
    (callback(301, location="https://x"), "callback.no_redirect"),
    (callback(503, HTML), "callback.no_challenge"),
    (callback(403, "no", server="cloudflare"), "callback.no_challenge"),
    (callback(401, "no", www_authenticate="Basic"), "callback.no_challenge"),
    (callback(429), "callback.no_rate_limit"),
    (callback(405), "callback.methods"),
    (callback(200, "<!DOCTYPE html>", **own()), "callback.no_html"),
    (callback(200, "x", **own(content_encoding="gzip")), "callback.not_compressed"),
    (callback(200, "success"), "callback.refusal"),
    (callback(500, "{}", **own()), "callback.refusal"),
    (replace(SOUND, status=Exchange("GET", "x", 200, {}, "<html>")), "one_api.status"),
    (server(one_api={"is_ours": False}), "one_api.is_claimed"),
    (server(one_api={"in_database": "https://x.com"}), "one_api.options_in_step"),
    (server(one_api={"payments": [{"id": 1, "type": "epay", "enable": False, "missing": []}]}),
     "payment.is_enabled"),
    (server(one_api={"payments": [{"id": 1, "type": "epay", "enable": True, "missing": ["key"]}]}),
     "payment.settings"),
    (server(one_api={"environment": {**ENVIRONMENT, "GLOBAL_API_RATE_LIMIT": "300"}}),
     "one_api.rate_limit"),
    (store(error="OperationalError: timed out"), "database.answers"),
    (store(at=NOW - DAY), "database.answers"),
    (server(one_api={"database": {}}), "database.answers"),
    (store(limit=50), "database.connections"),
    (store(clients=2), "database.connections"),
    (server(one_api={"environment": {}}), "database.connections"),
    (store(cache={"error": "ConnectionError"}), "cache.answers"),
    (server(one_api={"canary": "dead"}), "one_api.secrets"),
    (server(one_api={"canary": "missing"}), "one_api.secrets"),
    (server(one_api={"is_compliant": False}), "payment.compliance"),
    (server(one_api={"payments": [{"id": 1, "type": "epay", "enable": True, "missing": [],
                                   "is_plain": True}]}), "payment.is_secure"),
    (server(callbacks={"is_blind": True}), "ledger.can_judge"),
    (server(callback_log={"probes": []}), "callback_log.has_probe"),
    (server(renewal_unit={"is_active": False}), "certificate.timer"),
    (server(renewal_unit={"result": "exit-code"}), "certificate.renewal"),
    (server(renewal_unit={"ran": NOW - 2 * DAY}), "certificate.renewal"),
    (server(renewal_unit={"hook": {"ok": False, "message": "x", "can_run": True}}),
     "certificate.hook"),
    (server(renewal_unit={"hook": {"ok": True, "message": "", "can_run": False}}),
     "certificate.hook"),
    (server(nginx={"is_loaded": False}), "nginx.is_loaded"),
    (server(firewall=False), "firewall.is_loaded"),
    (server(port_guard=False), "firewall.is_loaded"),
    (server(failed_units=["x.service"]), "system.units"),
    (server(callbacks={"ran": NOW - 3600}), "ledger.is_fresh"),
    (server(callbacks={"is_active": False}), "ledger.is_fresh"),
    (server(callbacks={"cases": 2}), "ledger.has_no_case"),
    (server(monitor={"ran": NOW - 3600}), "monitor.ran"),
    (server(monitor={"is_active": False}), "monitor.ran"),
    (server(monitor={"undelivered": ["1 (json)"]}), "monitor.channel"),
]  # fmt: skip


def test_sound_site_is_sound() -> None:
    assert wrong(SOUND) == []


def test_probe_is_not_missed_in_a_flood() -> None:
    """The end of the log, in which it is looked for, is a second of a flood."""
    flooded = server(callback_log={"probes": []}, callbacks={"strangers": 4000.0})
    assert wrong(flooded) == ["ledger.flood"]


@pytest.mark.parametrize("error", ["timeout", "SERVFAIL"])
@pytest.mark.parametrize("role", ["own", "public", "authoritative"])
def test_half_a_dns_answer_is_none_to_compare(role: str, error: str) -> None:
    both = everywhere(HERE, "2606::1")
    half = Asked(DOMAIN, role, "x", (HERE,), error)
    assert (
        verdict(replace(both, asked=(*both.asked, half)), "dns.resolvers_agree").state is State.OK
    )
    assert verdict(replace(both, asked=(*both.asked, half)), "dns.authoritative").state is State.OK


@pytest.mark.parametrize(("seen", "identity"), FAULTS, ids=lambda value: str(value)[:40])
def test_fault_is_named_first(seen: Observation, identity: str) -> None:
    assert wrong(seen)[:1] == [identity]
    found = verdict(seen, identity)
    assert found.cause
    assert found.remedy
    assert "{" not in found.cause + found.remedy


def test_every_check_that_is_judged_was_seen_red() -> None:
    judged = {check.id for check in catalogue.CHECKS if check.judge}
    # These follow from others: what names them first is another check.
    later = {"dns.is_not_proxied", "server_address.in_use", "one_api.batch_update"}
    assert judged - {identity for _seen, identity in FAULTS} == later
    assert "dns.is_not_proxied" in wrong(everywhere("104.16.0.1"))
    told = replace(SOUND.status, body='{"data": {"server_address": "x"}}')  # type: ignore[type-var]
    assert wrong(replace(SOUND, status=told)) == ["server_address.in_use"]
    batched = server(one_api={"environment": {**ENVIRONMENT,
                                              "GLOBAL_WEB_RATE_LIMIT": "5000",
                                              "BATCH_UPDATE_ENABLED": "true"}})  # fmt: skip
    assert wrong(batched) == ["one_api.batch_update"]


def test_what_a_failure_explains_is_skipped_and_names_it() -> None:
    found = verdict(ports(Port(HERE, 443, "closed")), "callback.refusal")
    assert found.state is State.SKIPPED
    assert "network.https_open" in found.cause


def test_waived_failure_is_shown_and_fails_nothing() -> None:
    waived = replace(SOUND, target=replace(SOUND.target, waive=("certificate.names",)))
    found = verdict(replace(waived, handshakes=(replace(SHAKE, names=("x.com",)),)),
                    "certificate.names")  # fmt: skip
    assert found.state is State.SKIPPED
    assert "x.com" in found.cause


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (f"https://{DOMAIN}", None),
        ("", "empty"),
        ("   ", "empty"),
        (DOMAIN, "scheme_missing"),
        (f"http://{DOMAIN}", "http"),
        (f"https://{DOMAIN}/", "slash"),
        (f"https://{DOMAIN}/v1", "path"),
        (f"https://{DOMAIN}/api/payment/notify/", "path"),
        (f"https://{DOMAIN}:8443", "port"),
        (f"https://{DOMAIN}:99999", "port"),
        ("http://localhost:3000", "local"),
        ("http://127.0.0.1:3000", "local"),
        ("https://192.168.1.2", "local"),
        ("https://other.com", "elsewhere"),
        ("https://[bad", "port"),
    ],
)
def test_stored_form(value: str, fault: str | None) -> None:
    assert form(value, f"https://{DOMAIN}") == fault


def test_proxies_are_known_by_their_addresses() -> None:
    assert proxy("104.16.1.1") == "Cloudflare"
    assert proxy("2606:4700::1") == "Cloudflare"
    assert proxy(HERE) is None
    assert proxy("no address") is None


def test_an_agent_of_before_hurts_nobody() -> None:
    found = verdict(replace(SOUND, server={"now": NOW, "monitor": {}}), "monitor.ran")
    assert found.state is State.SKIPPED
    assert "deploy first" in found.cause


def test_a_site_of_somebody_else_is_judged_from_outside_alone() -> None:
    seen = replace(SOUND, server={}, server_error="from outside")
    assert wrong(seen) == []
    assert verdict(seen, "one_api.runs").state is State.SKIPPED
    assert verdict(seen, "callback.refusal").state is State.OK
    assert REFUSAL


TEXT = st.text(max_size=60)


@given(
    st.builds(
        Exchange,
        st.just("GET"),
        TEXT,
        st.integers(0, 999),
        st.dictionaries(st.sampled_from(["location", "content-encoding", "server", "x"]), TEXT),
        TEXT,
        st.sampled_from(["", "timeout"]),
    ),
    st.lists(st.tuples(st.integers(0, 255), st.sampled_from(["issue", "iodef"]), TEXT), max_size=4),
    TEXT,
)
def test_nothing_that_is_seen_hurts_the_judgement(
    exchange: Exchange, records: list[tuple[int, str, str]], value: str
) -> None:
    stored = {"kind": "payment", "key": "1", "value": value, "wanted": f"https://{DOMAIN}"}
    told = server(one_api={"places": [stored]}).server
    seen = replace(
        SOUND,
        callbacks=(exchange,),
        status=exchange,
        caa=(Caa(DOMAIN, DOMAIN, tuple(records)),),
        server=told,
    )
    assert len(catalogue.judge(seen)) == len(catalogue.judge(SOUND))
    assert Observation.parse(json.loads(json.dumps(asdict(seen)))).callbacks == (exchange,)
