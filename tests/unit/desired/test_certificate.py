"""When a certificate is obtained, and which external ones are refused."""

from dataclasses import replace
from typing import Any

import pytest

from one_api_infra.desired.certificate import external_problems, is_due, is_obsolete, packages
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import plain, units
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.state import State
from tests.unit.examples import NOW, certificate, site

EXTERNAL = {
    "certificate": "external",
    "certificate_file": "/etc/ssl/x.pem",
    "certificate_key_file": "/etc/ssl/x.key",
}


def external(**values: Any) -> Certificate:
    return certificate(**({"certificate_file": "/etc/ssl/x.pem"} | values))


def look(*certificates: Certificate) -> Snapshot:
    state = plain.write(State(certificates, renewal={"key_type": "ecdsa"}, has_account=True))
    return Snapshot(probes={"state": (state,), "time": (str(NOW),)})


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"self_signed": True}, "certificate.external"),
        ({"not_after": NOW - 1}, "certificate.external"),
        ({"key_matches": False}, "certificate.external"),
        ({"names": ("other.site-example.com",)}, "certificate.external"),
    ],
)
def test_external_is_refused(values: dict[str, Any], check: str) -> None:
    (problem,) = external_problems(site(**EXTERNAL), look(external(**values)))
    assert problem.path == check
    assert problem.remedy


def test_external_is_taken() -> None:
    assert external_problems(site(**EXTERNAL), look(certificate(), external())) == ()
    assert external_problems(site(), look()) == ()


def test_missing_external_files() -> None:
    (problem,) = external_problems(site(**EXTERNAL), look())
    assert "/etc/ssl/x.pem" in problem.remedy


@pytest.mark.parametrize(
    ("found", "due"),
    [
        ([], True),
        ([certificate()], False),
        ([certificate(not_after=NOW - 1)], True),
        ([certificate(key_matches=False)], True),
        ([certificate(names=("pay.site-example.com", "more.site-example.com"))], True),
        ([certificate(name="old.site-example.com")], True),
    ],
)
def test_when_one_is_obtained(found: list[Certificate], due: bool) -> None:
    assert is_due(site(), look(*found)) == due


def test_earlier_domains_are_obsolete() -> None:
    assert not is_obsolete(site(), look(certificate()))
    assert is_obsolete(site(), look(certificate(), certificate(name="old.site-example.com")))


@pytest.mark.parametrize(
    ("noted", "settings", "due"),
    [
        ({}, {}, True),
        ({"server": "https://other.site-example.com/dir"}, {}, True),
        ({"key_type": "ecdsa"}, {"key_type": "rsa"}, True),
        ({"key_type": "ecdsa"}, {}, False),
        ({"required_profile": "None"}, {"acme_profile": "tlsserver"}, True),
    ],
)
def test_another_wish_means_another_certificate(
    noted: dict[str, str], settings: dict[str, str], due: bool
) -> None:
    snapshot = look(certificate())
    state = replace(snapshot.state(), renewal=noted, has_account=True)
    snapshot = Snapshot(probes=snapshot.probes | {"state": (plain.write(state),)})
    assert is_due(site(**settings), snapshot) == due


def test_a_blank_server_gets_the_distributions_certbot_along_with_the_rest() -> None:
    busy = Snapshot(units={units.INSTALLATION: {"ActiveState": "active"}})
    assert packages(busy) == ()
    assert packages(Snapshot()) == ("certbot",)
