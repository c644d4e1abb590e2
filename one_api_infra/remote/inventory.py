"""Inventories: the environment is chosen by a variable, and one without hosts is refused."""

import difflib
import functools
import os
import runpy
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from one_api_infra.desired import project
from one_api_infra.desired.domain import Domain
from one_api_infra.desired.parsers import is_line, refuse
from one_api_infra.desired.site import INVENTORY, Site
from one_api_infra.remote import fast
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

REFUSED = 2
VARIABLE = "ONE_API_INFRA_ENVIRONMENT"
DEFAULT = "lab"
Hosts = list[tuple[str, dict[str, Any]]]


def in_use() -> str:
    """The inventory of this run of pyinfra, as its reader would name it."""
    return shown(given())


def given() -> Path:
    """The inventory file of this run of pyinfra."""
    return next((Path(each) for each in sys.argv[1:] if each.endswith(".py")), Path(INVENTORY))


def shown(path: Path) -> str:
    """An inventory file by its name in the checkout; the chosen environment's own file."""
    full = path.resolve()
    if project.IS_PACKAGED or not full.is_relative_to(project.ROOT):
        return str(full)
    if full == project.ROOT / INVENTORY:
        return f"inventory/{os.environ.get(VARIABLE, DEFAULT)}.py"
    return str(full.relative_to(project.ROOT))


def load(inventory_file: str) -> Hosts:
    """The hosts of the chosen environment, for pyinfra: a refused one is a message and exit 2."""
    fast.lighten()  # before pyinfra makes its hosts of them
    try:
        return chosen(inventory_file)
    except ValidationError as error:
        print(str(error).lstrip("\n"), file=sys.stderr)
        raise SystemExit(REFUSED) from None


def chosen(inventory_file: str) -> Hosts:
    """The chosen environment's hosts; ValidationError if there are none or one is invalid."""
    name = os.environ.get(VARIABLE, DEFAULT)
    folder = Path(inventory_file).resolve().parent / "inventory"
    path = folder / f"{name}.py"
    if not path.exists():
        raise ValidationError([_missing(folder, name)])
    hosts = read(path)
    if not hosts:
        expected = _("at least one host in {path}", path=path)
        remedy = _("`one-api-infra lab up`") if name == DEFAULT else _("add a host to `hosts`")
        others = sorted(each.stem for each in folder.glob("*.py") if each.stem != name)
        if own := [each for each in others if "." not in each]:
            remedy = _("name yours: `export {variable}={name}`", variable=VARIABLE, name=own[0])
        raise ValidationError([Problem("hosts", expected, remedy)])
    judge(hosts)
    return [(name, fast.immediate(data)) for name, data in hosts]


def judge(hosts: Hosts) -> None:
    """ValidationError with all that is wrong with the settings of all hosts."""
    if problems := [problem for name, data in hosts for problem in _of_site(name, data)]:
        raise ValidationError(problems)


def _of_site(name: str, data: Mapping[str, Any]) -> Iterable[Problem]:
    """What is wrong with a host's settings, before anybody connects to it."""
    try:
        Site.parse(data)
    except ValidationError as error:
        yield from (replace(each, path=f"{name}: {each.path}") for each in error.problems)


def read(path: Path) -> Hosts:
    """The hosts in an inventory file with their settings; ValidationError if it is unusable."""
    return parse(_run(path).get("hosts", []))


def parse(found: Any) -> Hosts:
    """The hosts of what an inventory file calls ``hosts``."""
    if not isinstance(found, list | tuple):
        raise refuse("hosts", _("a list"), _("write it in square brackets"))
    hosts = [_host(entry, f"hosts[{index}]") for index, entry in enumerate(found)]
    if problems := [*_named_twice(hosts), *shared(hosts)]:
        raise ValidationError(problems)
    return hosts


def _run(path: Path) -> Mapping[str, Any]:
    """The names that the file defines."""
    if path.is_dir():
        remedy = _("name a file such as inventory/production.py")
        raise refuse(str(path), _("an inventory file, not a folder"), remedy)
    try:
        written = path.stat().st_mtime_ns
        return _once(str(path), written, os.environ.get(VARIABLE))
    except ValidationError:
        raise
    except OSError as error:
        expected = _("an inventory file: {error}", error=error.strerror)
        raise refuse(
            str(path), expected, _("name a file such as inventory/production.py")
        ) from None
    except KeyError as error:
        expected = _("the environment variable or key {name}", name=error)
        remedy = _("set it: `export {name}=…`", name=error.args[0])
        raise refuse(str(path), expected, remedy) from None
    except Exception as error:  # the admin's own code
        expected = _("Python that runs: {error}", error=f"{type(error).__name__}: {error}")
        raise refuse(str(path), expected, _("mend that line of the file")) from None


@functools.cache
def _once(path: str, written: int, environment: str | None) -> Mapping[str, Any]:
    """What a file defines, as it was written: one that asks for a password asks once."""
    return runpy.run_path(path)


def _host(entry: Any, path: str) -> tuple[str, dict[str, Any]]:
    name: Any = entry
    data: Any = {}
    if isinstance(entry, list | tuple) and len(entry) == 2:
        name, data = entry
    if not is_line(name, 253) or not name or not isinstance(data, Mapping):
        expected = _('a host as ("name", {{settings}}), not {kind}', kind=type(entry).__name__)
        raise refuse(path, expected, _('write ("198.51.100.10", {"domain": "pay.example.com"})'))
    data = dict(data)
    if isinstance(data.get("ssh_config_file"), str):  # pyinfra takes ~ for a folder's name
        data["ssh_config_file"] = str(Path(data["ssh_config_file"]).expanduser())
    return str(name), data


def _named_twice(hosts: Hosts) -> Iterable[Problem]:
    names = [name for name, _data in hosts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(name, _("a host of that name once"), _("remove the second entry"))


def shared(hosts: Hosts) -> Iterable[Problem]:
    """Domains that more than one host is to serve: certificates and callbacks would go astray."""
    owners: dict[str, str] = {}
    left = {old for old, _new in moves(hosts)}
    for name, data in hosts:
        if name in left:
            continue
        for setting in ("domain", "callback_domain"):
            domain = _name(data.get(setting) or "")
            if domain and owners.setdefault(domain, name) != name:
                expected = _("a domain of one host; {other} has it too", other=owners[domain])
                yield Problem(f"{name}.{setting}", expected, _("give each host its own domain"))


def _name(value: object) -> str:
    """A domain as DNS knows it; what is none is refused elsewhere."""
    text = str(value).lower()
    try:
        return str(Domain.parse(text, "domain", lab=True))
    except ValidationError:
        return text


def moves(hosts: Hosts) -> list[tuple[str, str]]:
    """The hosts whose site moves to another of these: the names of each old one and new one."""
    return [
        (old, new)
        for new, data in hosts
        if data.get("moves_from")
        for old, theirs in hosts
        if not theirs.get("moves_from") and data.get("domain") == theirs.get("domain")
    ]


def _missing(folder: Path, name: str) -> Problem:
    there = sorted(path.stem for path in folder.glob("*.py") if not path.stem.endswith(".example"))
    expected = _("an environment of {folder}: {names}", folder=folder, names=", ".join(there))
    near = difflib.get_close_matches(name, there, n=1) or [DEFAULT]
    example = folder / f"{name}.example.py"
    remedy = f"{VARIABLE}={near[0]}"
    if example.exists():
        remedy = _("cp {example} {path}", example=example, path=folder / f"{name}.py")
    return Problem(VARIABLE, expected, remedy)
