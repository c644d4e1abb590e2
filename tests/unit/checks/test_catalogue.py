"""A check has one id and one meaning in every use, and its document in both languages."""

import ast
import re
from pathlib import Path

import pytest

from one_api_infra.checks import catalogue, document
from one_api_infra.checks.verdict import Level

ROOT = Path(catalogue.__file__).parents[2]


def test_ids_are_unique_and_well_formed() -> None:
    ids = [check.id for check in catalogue.CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", identity) for identity in ids)


def test_needs_are_judged_before() -> None:
    observation: set[str] = set()
    for check in catalogue.CHECKS:
        assert set(check.needs) <= observation, check.id
        observation.add(check.id)


def test_every_level_has_checks() -> None:
    assert {check.level for check in catalogue.CHECKS} == set(Level)


def test_problems_of_a_run_are_checks_too() -> None:
    """What stops a deploy bears an id of the catalogue, or names a setting."""
    used = set()
    for path in (ROOT / "one_api_infra").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("catalogue.problem"):
                used.add(ast.literal_eval(node.args[0]))
    assert used
    assert used <= set(catalogue.BY_ID)


@pytest.mark.parametrize(("language", "name"), [("en", "checks.md"), ("zh_CN", "checks.zh-CN.md")])
def test_document_is_up_to_date(language: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_API_INFRA_LANGUAGE", language)
    assert (ROOT / "docs" / name).read_text() == document.text(), (
        "run `python -m one_api_infra.checks.document`"
    )
