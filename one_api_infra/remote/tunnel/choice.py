"""Which tunnel of an inventory is the developer's, and by which key they open it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from one_api_infra.desired import settings
from one_api_infra.desired.parsers import refuse
from one_api_infra.shared.texts import _
from one_api_infra.shared.tunnel import Tunnel
from one_api_infra.shared.validation import ValidationError

KEYS = Path.home() / ".ssh"


@dataclass(frozen=True)
class Choice:
    """A tunnel, the host that gives it, and the private key; None leaves it to ssh's agent."""

    tunnel: Tunnel
    host: str
    data: Mapping[str, Any]
    key: Path | None


def choose(
    hosts: Sequence[tuple[str, Mapping[str, Any]]], name: str | None, folder: Path = KEYS
) -> Choice:
    """The tunnel of that name; without one the only one, or the one whose key is in ``folder``.

    ValidationError where that leaves none or several.
    """
    found = [
        Choice(each, host, data, private_key(each.key, folder))
        for host, data in hosts
        for each in settings.tunnels(data)
        if name in {None, each.name}
    ]
    mine = found if len(found) == 1 else [each for each in found if each.key]
    if len(mine) == 1:
        return mine[0]
    raise _unclear(hosts, found)


def _unclear(
    hosts: Sequence[tuple[str, Mapping[str, Any]]], found: Sequence[Choice]
) -> ValidationError:
    names = [each.name for _host, data in hosts for each in settings.tunnels(data)]
    if not names:
        remedy = _('add "tunnels" to the host: {where}', where="docs/development.md")
        return refuse("tunnels", _("a host with a tunnel"), remedy)
    several = {each.tunnel.name for each in found}
    if len(several) == 1 and len(found) > 1:
        hosts_of = ", ".join(each.host for each in found)
        expected = _("one host with this tunnel; there are {hosts}", hosts=hosts_of)
        return refuse("tunnels", expected, _("leave it in one host's settings"))
    expected = _("one tunnel; there are {names}", names=", ".join(names))
    if found:
        return refuse("--name", expected, _("add --name {name}", name=found[0].tunnel.name))
    return refuse("--name", expected, _("add --name {name}", name=names[0]))


def private_key(public: str, folder: Path) -> Path | None:
    """The private key that belongs to a public one, where both stand in a folder."""
    body = public.split()[:2]
    for path in sorted(folder.glob("*.pub")):
        if path.read_text(errors="replace").split()[:2] == body and path.with_suffix("").exists():
            return path.with_suffix("")
    return None
