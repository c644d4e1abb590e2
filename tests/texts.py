"""The messages of the sources and their Chinese: ``python -m tests.texts`` brings both together.

New messages are added without a translation and listed, those that are gone are dropped, and the
compiled catalogue is written.
"""

import re
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from one_api_infra.cli import commands
from one_api_infra.cli.translated import help_of
from one_api_infra.shared import texts

PACKAGE = Path(texts.__file__).parents[1]
FOLDER = PACKAGE / "shared/locale/zh_CN/LC_MESSAGES"
PO, MO = FOLDER / "one_api_infra.po", FOLDER / "one_api_infra.mo"
TABLES = (
    "desired/domain.py",
    "desired/parsers.py",
    "desired/settings.py",
)  # their rows are translated when they are shown


def messages() -> set[str]:
    """All messages: in ``_("…")``, in the tables of domain, parsers and settings, in pages."""
    folders = (PACKAGE, PACKAGE.parent / "deploys")
    found = {str(entry[2]) for folder in folders for entry in extract_from_dir(str(folder))}
    found |= set(help_of(commands))
    for page in PACKAGE.rglob("*.html.j2"):
        found |= set(re.findall(r'\b_\("([^"]+)"', page.read_text()))
    for name in TABLES:
        source = (PACKAGE / name).read_text()
        rows = re.findall(r'^    \(.*?, "([^"]+)", "([^"]+)"\),$', source, re.M)
        rows += re.findall(r'\bmatching\(\s*r"[^"]+",\s*"([^"]+)",\s*"([^"]+)"', source)
        found |= {text for row in rows for text in row}
    return found


def chinese() -> Catalog:
    """The catalogue as it stands in the repository."""
    with PO.open("rb") as stream:
        return read_po(stream)


def update() -> list[str]:
    """Bring the catalogue up to date; what has no Chinese yet."""
    catalog, wanted = chinese(), messages()
    for gone in {str(entry.id) for entry in catalog if entry.id} - wanted:
        catalog.delete(gone)
    missing = sorted(text for text in wanted if text not in catalog or not catalog[text].string)
    for text in missing:
        catalog.add(text)
    header, _blank, _rows = PO.read_bytes().partition(b"\n\n")  # Babel would invent an author
    with PO.open("wb") as stream:
        stream.write(header + b"\n\n")
        write_po(stream, catalog, sort_output=True, width=0, omit_header=True)
    with MO.open("wb") as stream:
        write_mo(stream, catalog)
    return missing


if __name__ == "__main__":
    print(*(update() or ["All texts have their Chinese."]), sep="\n")
