"""Inventories: the environment is chosen by a variable, and one without hosts is refused."""

import difflib
import os
import runpy
from pathlib import Path
from typing import Any

from one_api_infra.problems import InvalidError, Problem
from one_api_infra.pyinfra import fast
from one_api_infra.texts import _

VARIABLE = "ONE_API_INFRA_ENVIRONMENT"
DEFAULT = "lab"
Hosts = list[tuple[str, dict[str, Any]]]


def load(inventory_file: str) -> Hosts:
    """The hosts of the chosen environment; pyinfra itself would do nothing and exit 0."""
    name = os.environ.get(VARIABLE, DEFAULT)
    folder = Path(inventory_file).resolve().parent / "inventory"
    path = folder / f"{name}.py"
    if not path.exists():
        raise InvalidError([_missing(folder, name)])
    hosts = read(path)
    if not hosts:
        expected = _("at least one host in {path}", path=path)
        remedy = _("`one-api-infra lab up`") if name == DEFAULT else _("add a host to `hosts`")
        raise InvalidError([Problem("hosts", expected, remedy)])
    return [(name, fast.immediate(data)) for name, data in hosts]


def read(path: Path) -> Hosts:
    """The hosts that an inventory file names, each with its settings."""
    found = runpy.run_path(str(path)).get("hosts", [])
    return [(entry, {}) if isinstance(entry, str) else entry for entry in found]


def _missing(folder: Path, name: str) -> Problem:
    there = sorted(path.stem for path in folder.glob("*.py") if not path.stem.endswith(".example"))
    expected = _("an environment of {folder}: {names}", folder=folder, names=", ".join(there))
    near = difflib.get_close_matches(name, there, n=1) or [DEFAULT]
    example = folder / f"{name}.example.py"
    remedy = f"{VARIABLE}={near[0]}"
    if example.exists():
        remedy = _("cp {example} {path}", example=example, path=folder / f"{name}.py")
    return Problem(VARIABLE, expected, remedy)
