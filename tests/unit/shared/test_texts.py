"""Every operator-facing text exists in English and in Chinese, complete."""

import string

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from one_api_infra.shared import texts
from tests import texts as catalogue


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    return catalogue.chinese()


def test_chinese_is_complete(chinese: Catalog) -> None:
    translated = {str(entry.id): entry.string for entry in chinese if entry.id}
    missing = sorted(text for text in catalogue.messages() if not translated.get(text))
    assert missing == []
    assert sorted(set(translated) - catalogue.messages()) == []


def test_placeholders_are_the_same(chinese: Catalog) -> None:
    for entry in chinese:
        assert _placeholders(str(entry.id)) == _placeholders(str(entry.string)), entry.id


def _placeholders(text: str) -> set[str | None]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def test_compiled_catalogue_is_up_to_date(chinese: Catalog) -> None:
    with catalogue.MO.open("rb") as stream:
        compiled = read_mo(stream)
    assert _texts(compiled) == _texts(chinese)


def _texts(catalog: Catalog) -> dict[str, object]:
    return {str(entry.id): entry.string for entry in catalog if entry.id}


def test_language_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in texts.LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert texts._("Remedy") == "Remedy"
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert texts._("Remedy") == "解决办法"
    monkeypatch.setenv("ONE_API_INFRA_LANGUAGE", "en")
    assert texts._("Remedy") == "Remedy"
