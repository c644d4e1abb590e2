"""Moving a site to another server: what each of the two is given for it."""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import replace

from one_api_infra.desired import nginx, render
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import move, paths, plain, units
from one_api_infra.shared.move import Target
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem

RSYNC = "rsync"
UNITS = (units.GATE_SOCKET, units.GATE, units.MOVE, units.MOVE_SETTLE, units.MOVE_DRAIN)
AUTHORIZED = "/root/.ssh/authorized_keys"


def files(language: str) -> tuple[File, ...]:
    """The units of the server that is left."""
    return (
        render.file(units.path(units.GATE_SOCKET), port=move.GATE_PORT),
        render.file(units.path(units.GATE), gate=paths.MOVE_GATE),
        render.file(
            units.path(units.MOVE),
            language=language,
            switch=paths.agent("move-switch"),
            settle=paths.agent("move-settle"),
        ),
        render.file(
            units.path(units.MOVE_SETTLE),
            language=language,
            begun=paths.MOVE_BEGUN,
            settle=paths.agent("move-settle"),
        ),
        render.file(
            units.path(units.MOVE_DRAIN), language=language, drain=paths.agent("move-drain")
        ),
    )


def write_script(path: str) -> str:
    """The command that writes its input to a file that is root's alone."""
    return f"install -D -m 600 /dev/stdin {path}"


def target_json(target: Target) -> str:
    """Where the site goes, for the old server."""
    return plain.write(target)


def nginx_json(site: Site, snapshot: Snapshot, to: str) -> str:
    """How the old server's nginx hands requests on."""
    return json.dumps(nginx.configuration(site, snapshot, to))


def authorize_script() -> str:
    """The command that lets one key (its input) in, for what a move asks and nothing else."""
    return (
        f"set -e; install -d -m 700 /root/.ssh {paths.MOVE}; touch {AUTHORIZED};"
        f" chmod 600 {AUTHORIZED}; sed -i '/{move.COMMENT}/d' {AUTHORIZED};"
        f' [ -z "$(tail -c1 {AUTHORIZED})" ] || echo >>{AUTHORIZED}; cat >>{AUTHORIZED}'
    )


def authorized(public: str) -> str:
    """The line of ``authorized_keys`` for a public key."""
    command = paths.agent("move-receive")
    return f'restrict,command="{command}" {public} {move.COMMENT}\n'


def unit_script(unit: str) -> str:
    """The command that runs a unit to its end, and says what it said if it fails."""
    journal = f"journalctl -u {unit} -n 15 --no-pager -o cat"
    start = f"systemctl daemon-reload && systemctl start {unit}"
    return f"{start} || {{ {journal} >&2; exit 1; }}"


def drain_script() -> str:
    """The command that waits for the last streams; a unit that tries again is waited for too."""
    wait = f"until grep -q '\"ended\": *[1-9]' {paths.MOVED}; do sleep 1; done"
    return f"systemctl start --no-block {units.MOVE_DRAIN}; sh -c {shlex.quote(wait)}"


def has_left(snapshot: Snapshot) -> bool:
    """Whether the site has left this server."""
    return paths.MOVED in snapshot.paths


def has_arrived(snapshot: Snapshot) -> bool:
    """Whether the site has come to this server."""
    return paths.ARRIVED in snapshot.paths


def lacks_site(site: Site, snapshot: Snapshot) -> tuple[Problem, ...]:
    """A server to which the site has not come must not start one of its own."""
    if not site.moves_from or has_arrived(snapshot):
        return ()
    expected = _("the site that moves here; it has not come")
    remedy = _(
        "`one-api-infra move`; if it failed, mend what the old server's red lines name, and run it"
        " again"
    )
    return (Problem("moves_from", expected, remedy),)


def is_draining(snapshot: Snapshot) -> bool:
    """Whether the site has left this server, but for what was begun here."""
    return has_left(snapshot) and bool(snapshot.probes.get("move_draining"))


def where_dns_leads(site: Site, former: Iterable[str]) -> Site:
    """The new server's settings without the former one, to which DNS must lead no more."""
    left = {*former, site.moves_from}
    own = tuple(each for each in site.public_addresses if each not in left)
    bare = {each: re.sub("/(?:32|128)$", "", each) for each in site.trusted_proxies}
    trusted = tuple(each for each, address in bare.items() if address not in left)
    return replace(site, moves_from=None, public_addresses=own, trusted_proxies=trusted)


def gone(snapshot: Snapshot) -> tuple[Problem, ...]:
    """A server whose site has moved must not serve it again with the data of then."""
    if not has_left(snapshot):
        return ()
    expected = _("a server that has its site; this one's has moved to another")
    remedy = _("take the host out of the inventory, and `moves_from` out of the new one's settings")
    return (Problem("move", expected, remedy),)


def concern(_site: Site) -> Concern:
    """What is looked at."""
    files = (*map(units.path, UNITS), paths.MOVED, paths.ARRIVED)
    ended = f"[ ! -e {paths.MOVED} ] || grep -L '\"ended\": *[1-9]' {paths.MOVED}"
    return Concern(
        beside=SnapshotSpec(paths=files, packages=(RSYNC,), probes={"move_draining": ended})
    )
