"""An inventory that ``init`` writes is Python, and holds what was given."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example as seen
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.cli.init import EXAMPLE, running
from one_api_infra.desired.site import Site
from one_api_infra.remote import example, inventory

GIVEN = {"ssh_user": "root", "domain": "pay.example-site.com", "acme_email": "a@example-site.com"}
TEXT = EXAMPLE.read_text()


def written(path: Path, host: str, settings: Mapping[str, object]) -> inventory.Hosts:
    path.write_text(example.inventory(TEXT, str(path), host, settings))
    return inventory.read(path)


def test_smallest(tmp_path: Path) -> None:
    ((host, data),) = written(tmp_path / "site.py", "198.51.100.7", GIVEN)
    assert host == "198.51.100.7"
    assert data == GIVEN
    assert Site.parse(data)


def test_all_that_can_be_given(tmp_path: Path) -> None:
    more = {"ssh_port": 2222, "ssh_key": "~/.ssh/key", "_sudo": True, "edition": "new-api"}
    ((_host, data),) = written(tmp_path / "site.py", "pay.example-site.com", GIVEN | more)
    assert data == GIVEN | more


@given(key=st.text(st.characters(codec="utf-8")))
@seen(key='a"b\\c\n中')
def test_any_text_arrives_as_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, key: str
) -> None:
    path = tmp_path_factory.mktemp("init") / "site.py"
    ((_host, data),) = written(path, "198.51.100.7", GIVEN | {"ssh_key": key})
    assert data["ssh_key"] == key


@pytest.mark.parametrize(
    ("answer", "edition"),
    [
        ('{"data": {"PaymentUSDRate": 7}}', "one-hub"),
        ("<html>", None),
        ('{"data": null}', None),
        ("[]", None),
        ("", None),
    ],
)
def test_the_edition_that_runs_is_told_by_its_status(answer: str, edition: str | None) -> None:
    assert running(answer) == edition
