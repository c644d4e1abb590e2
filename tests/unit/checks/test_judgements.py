"""Every judgement, without a network: many observations, and the check that names each first."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.checks import agent, catalogue, target
from one_api_infra.checks.dns import proxy
from one_api_infra.checks.name import form
from one_api_infra.checks.observation import ALIAS, Asked, Caa, Exchange, Observation, Port
from one_api_infra.checks.verdict import Check, Finding, Level, State
from one_api_infra.shared import plain, silence
from one_api_infra.shared.server_observation import OneApi, Server
from one_api_infra.shared.unobserved import NOBODY_ASKED, Unobserved
from tests.unit.checks.faults import FAULTS, everywhere, ports
from tests.unit.checks.observations import (
    DOMAIN,
    ENVIRONMENT,
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


def test_sound_site_is_sound() -> None:
    assert wrong(SOUND) == []


def test_probe_is_not_missed_in_a_flood() -> None:
    """The end of the log, in which it is looked for, is a second of a flood."""
    flooded = server(callback_log={"probes": []}, callbacks={"state": {"strangers": 4000.0}})
    assert wrong(flooded) == ["ledger.flood"]


def test_a_gateway_without_a_query_is_no_fault() -> None:
    none = {"title": "1 epay", "reason": silence.NO_QUERY, "has_told": False}
    for silent, state, named in (
        ([none], State.OK, "1 epay"),
        ([none | {"has_told": True}], State.WARNING, "1 epay"),  # it has moved
        ([none, none | {"title": "2 epay", "reason": "HTTP 403"}], State.WARNING, "2 epay"),
    ):
        found = verdict(server(callbacks={"state": {"silent": silent}}), "ledger.can_ask")
        assert (found.state, named in found.cause) == (state, True)


@pytest.mark.parametrize("error", ["timeout", "SERVFAIL"])
@pytest.mark.parametrize("role", ["own", "public", "authoritative"])
def test_half_a_dns_answer_is_none_to_compare(role: str, error: str) -> None:
    both = everywhere(HERE, "2606::1")
    half = Asked(DOMAIN, role, "x", (HERE,), error)
    assert (
        verdict(replace(both, asked=(*both.asked, half)), "dns.resolvers_agree").state is State.OK
    )
    assert verdict(replace(both, asked=(*both.asked, half)), "dns.authoritative").state is State.OK


@pytest.mark.parametrize(("observation", "identity"), FAULTS, ids=lambda value: str(value)[:40])
def test_fault_is_named_first(observation: Observation, identity: str) -> None:
    assert wrong(observation)[:1] == [identity]
    found = verdict(observation, identity)
    assert found.cause
    assert found.remedy
    assert "{" not in found.cause + found.remedy


def test_every_check_that_is_judged_was_seen_red() -> None:
    judged = {check.id for check in catalogue.CHECKS if check.judge}
    # These follow from others: what names them first is another check.
    later = {"dns.is_not_proxied", "server_address.in_use", "one_api.batch_update"}
    elsewhere = {"system.agent", "system.look"}  # see below
    assert judged - {identity for _observation, identity in FAULTS} == later | elsewhere
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


def test_a_site_of_somebody_else_is_judged_from_outside_alone() -> None:
    observation = replace(SOUND, server=Unobserved("", "outside"))
    assert wrong(observation) == []
    assert verdict(observation, "one_api.runs").state is State.SKIPPED
    assert verdict(observation, "callback.refusal").state is State.OK
    assert REFUSAL


@pytest.mark.parametrize("fault", ["unreachable", "sudo", "silent", "garbled", "older"])
def test_a_server_that_is_not_asked_is_a_failure(fault: str) -> None:
    assert wrong(replace(SOUND, server=Unobserved("why", fault))) == ["system.agent"]


@pytest.mark.parametrize(
    ("output", "error", "fault"),
    [
        (plain.write(SERVER), "", ""),
        (plain.write(SERVER).replace('"now"', '"then"'), "", "garbled"),
        (plain.write(SERVER).replace('"shape": "', '"shape": "0'), "", "older"),
        ('{"now": 1}', "", "older"),
        ("", "", "garbled"),
        ("[1]", "", "garbled"),
        ("", "sudo: a password is required", "sudo"),
        ("", "ssh: connect to host x port 22: Connection refused", "unreachable"),
        ("", "root@x: Permission denied (publickey).", "unreachable"),
        ("", "no answer by ssh within 15 s", "unreachable"),
        ("", "sh: 1: /opt/one-api-infra/venv/bin/python: not found", "silent"),
        ("", "zipfile.BadZipFile: File is not a zip file", "silent"),
    ],
)
def test_what_the_agent_says_is_taken_whole_or_named(output: str, error: str, fault: str) -> None:
    found = agent.parse(output, error)
    assert getattr(found, "fault", "") == fault


def test_nothing_from_outside_is_a_failure_of_its_own() -> None:
    assert wrong(Observation(SOUND.target, NOW, server=SERVER, outside_error="x")) == [
        "system.look"
    ]


PARTS = [field.name for field in fields(Server) if "Unobserved" in str(field.type)]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_could_not_be_looked_at_is_a_failure(part: str) -> None:
    observation = replace(SOUND, server=replace(SERVER, **{part: Unobserved("why")}))  # type: ignore[arg-type]
    found = [each for each in catalogue.judge(observation) if each.state is State.FAILED]
    # The account matters only where CAA records name one.
    assert found or part == "acme_account"
    assert all("why" in each.cause for each in found)


def test_books_that_cannot_be_read_are_a_failure() -> None:
    assert isinstance(SERVER.one_api, OneApi)
    unread = replace(SERVER.one_api, stored=Unobserved("why"))
    assert wrong(replace(SOUND, server=replace(SERVER, one_api=unread)))[0] == (
        "server_address.stored"
    )


def test_a_check_that_dies_has_failed() -> None:
    def dies(_observation: Observation) -> Finding:
        raise KeyError("x")

    (found,) = catalogue.judge(SOUND, [Check("a.b", Level.HOST, "", {}, dies)])
    assert found.state is State.FAILED
    assert "KeyError" in found.cause


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
    told = server(one_api={"stored": {"places": [stored]}}).server
    observation = replace(
        SOUND,
        callbacks=(exchange,),
        status=exchange,
        caa=(Caa(DOMAIN, DOMAIN, tuple(records)),),
        server=told,
    )
    assert len(catalogue.judge(observation)) == len(catalogue.judge(SOUND))
    assert plain.read(Observation, plain.write(observation)) == observation


SIX = "2606:2800:21f::9"
BOTH = replace(SOUND, target=replace(SOUND.target, addresses=(HERE, SIX)))


@pytest.mark.parametrize(
    ("own", "verdicts"),
    [
        (Asked(DOMAIN, "own", "x", (HERE,)), ()),  # a router that filters AAAA
        (Asked(DOMAIN, "own", "x", (HERE, SIX)), ()),
        (Asked(DOMAIN, "own", "x", ("93.184.215.15",)), ("dns.points_here", "dns.resolvers_agree")),
    ],
)
def test_of_its_own_resolver_each_family_that_it_tells_counts(
    own: Asked, verdicts: tuple[str, ...]
) -> None:
    others = [replace(each, addresses=(HERE, SIX)) for each in SOUND.asked if each.role != "own"]
    seen = replace(BOTH, asked=(own, *others))
    failed = {each.id for each in catalogue.judge(seen) if each.state is State.FAILED}
    assert {each for each in failed if each.startswith("dns.")} == set(verdicts)


def test_a_zones_server_that_knows_but_an_alias_says_nothing_of_addresses() -> None:
    made = [
        replace(each, addresses=(), error=ALIAS) if each.role == "authoritative" else each
        for each in SOUND.asked
    ]
    told = {each.id: each.state for each in catalogue.judge(replace(SOUND, asked=tuple(made)))}
    assert told["dns.authoritative"] is told["dns.resolvers_agree"] is State.OK


def test_a_server_behind_a_nat_does_not_know_by_which_address_it_is_reached() -> None:
    seen = replace(everywhere(HERE), target=replace(SOUND.target, addresses=(SIX,)))
    assert "remove the A record" in verdict(seen, "dns.points_here").remedy
    behind = replace(seen, target=replace(seen.target, behind_nat=(4,)))
    assert verdict(behind, "dns.points_here").state is State.OK
    known = replace(behind.target, addresses=(SIX, "93.184.215.15"))
    assert verdict(replace(behind, target=known), "dns.points_here").state is State.FAILED


def test_no_remedy_names_a_private_address() -> None:
    seen = replace(everywhere(HERE), target=replace(SOUND.target, addresses=("100.64.0.9",)))
    assert "100.64.0.9" not in verdict(seen, "dns.points_here").remedy


OURS = ("pyinfra ", "one-api-infra", "systemctl start one-api", "one-api-firewall")


@pytest.mark.parametrize(("seen", "identity"), FAULTS)
def test_owners_of_other_sites_are_told_no_command_of_ours(
    seen: Observation, identity: str
) -> None:
    foreign = replace(seen, target=target.of_domain(DOMAIN), server=NOBODY_ASKED)
    for each in catalogue.judge(foreign):
        if each.state in {State.FAILED, State.WARNING}:
            assert not [name for name in OURS if name in each.remedy], (identity, each)


@pytest.mark.parametrize(
    ("seen", "identity"), [each for each in FAULTS if each[1].startswith("certificate.")]
)
def test_a_certificate_that_somebody_else_manages_is_not_ours_to_obtain(
    seen: Observation, identity: str
) -> None:
    external = replace(seen, target=replace(seen.target, certificate_file="/etc/ssl/x.pem"))
    for each in catalogue.judge(external):
        if each.level is Level.TLS and each.state in {State.FAILED, State.WARNING}:
            assert "deploys/certificate.py" not in each.remedy, (identity, each)
            assert "one-api-certificate" not in each.remedy, (identity, each)


@pytest.mark.parametrize(
    "records",
    [
        ("letsencrypt.org", "pki.goog; accounturi=https://pki/acct/9"),
        (
            "letsencrypt.org; accounturi=https://ca/acct/1",
            "letsencrypt.org; accounturi=https://x/2",
        ),
        ("letsencrypt.org", "letsencrypt.org; accounturi=https://x/2"),
    ],
)
def test_an_account_is_bound_by_our_cas_records_alone(records: tuple[str, ...]) -> None:
    made = Caa(DOMAIN, DOMAIN, tuple((0, "issue", each) for each in records))
    assert verdict(replace(SOUND, caa=(made,)), "dns.caa_account").state is State.OK


def test_a_profile_that_was_wished_is_no_fault() -> None:
    """Without it in certbot's notes the deploy would obtain the certificate anew."""
    notes = {"authenticator": "webroot", "required_profile": "shortlived"}
    assert verdict(server(renewal={"notes": notes}), "certificate.notes").state is State.OK
