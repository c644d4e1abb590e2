"""Every operator-facing text exists in English and in Chinese, complete."""

import re
import string
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from one_api_infra import texts

PACKAGE = Path(texts.__file__).parent
FOLDER = PACKAGE / "locale/zh_CN/LC_MESSAGES"
TABLES = ("domain.py", "settings.py")  # their rows are translated when they are shown


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    with (FOLDER / "one_api_infra.po").open("rb") as stream:
        return read_po(stream)


def messages() -> set[str]:
    """All messages: in ``_("…")``, in the tables of domain and settings, in pages."""
    found = {str(entry[2]) for entry in extract_from_dir(str(PACKAGE))}
    for page in PACKAGE.rglob("*.html.j2"):
        found |= set(re.findall(r'\b_\("([^"]+)"', page.read_text()))
    for name in TABLES:
        source = (PACKAGE / name).read_text()
        rows = re.findall(r'^    \(.*?, "([^"]+)", "([^"]+)"\),$', source, re.M)
        rows += re.findall(r'_matching\(\s*r"[^"]+",\s*"([^"]+)",\s*"([^"]+)"', source)
        found |= {text for row in rows for text in row}
    return found


def test_chinese_is_complete(chinese: Catalog) -> None:
    translated = {str(entry.id): entry.string for entry in chinese if entry.id}
    missing = sorted(text for text in messages() if not translated.get(text))
    assert missing == []
    assert sorted(set(translated) - messages()) == []


def test_placeholders_are_the_same(chinese: Catalog) -> None:
    for entry in chinese:
        assert _placeholders(str(entry.id)) == _placeholders(str(entry.string)), entry.id


def _placeholders(text: str) -> set[str | None]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def test_compiled_catalogue_is_up_to_date(chinese: Catalog) -> None:
    with (FOLDER / "one_api_infra.mo").open("rb") as stream:
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
