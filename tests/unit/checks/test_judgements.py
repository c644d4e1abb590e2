"""Every judgement, without a network: many observations, and the check that names each first."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.checks import agent, catalogue
from one_api_infra.checks.dns import proxy
from one_api_infra.checks.name import form
from one_api_infra.checks.observation import Asked, Caa, Exchange, Observation, Port
from one_api_infra.checks.verdict import Check, Finding, Level, State
from one_api_infra.shared import plain, silence
from one_api_infra.shared.server_observation import OneApi, Server
from one_api_infra.shared.unobserved import Unobserved
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
