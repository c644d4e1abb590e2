"""What the server's program imports is in the extra ``server``, and pinned with its sums."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from one_api_infra.shared import paths

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "one_api_infra"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / f"templates{paths.REQUIREMENTS}").read_text()
ON_THE_SERVER = ("shared", "checks", "server")


def plain(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    """The names of all modules that come from elsewhere."""
    found: set[str] = set()
    for folder in ON_THE_SERVER:
        for path in (PACKAGE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {each.name.partition(".")[0] for each in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"one_api_infra"}


def test_all_that_is_imported_is_in_the_extra() -> None:
    known = packages_distributions()
    wanted = {plain(known[name][0]) for name in imported()}
    named = (re.match(r"[\w.-]+", each) for each in PROJECT["optional-dependencies"]["server"])
    assert wanted - {plain(each[0]) for each in named if each} == set()


def test_the_extra_is_pinned_with_sums() -> None:
    pinned = {plain(name) for name in re.findall(r"^([\w.-]+)==", LOCK, re.M)}
    named = (re.match(r"[\w.-]+", each) for each in PROJECT["optional-dependencies"]["server"])
    assert {plain(each[0]) for each in named if each} - pinned == set()
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\w)", LOCK)[1:])
