"""The one look at each host: begun as soon as its settings are known, awaited where it is needed.

Meanwhile this machine reads the deploys and imports what they stand on.
"""

import time
from dataclasses import replace
from typing import Any, cast
from weakref import WeakKeyDictionary, WeakSet

import gevent  # type: ignore[import-untyped]
from pyinfra.api import FactBase, Host, State, StringCommand
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_config, ctx_host, ctx_state
from typing_extensions import override

from one_api_infra.desired import snapshot
from one_api_infra.desired.resources import SnapshotSpec
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.remote import compression
from one_api_infra.shared.paths import STATE_LEFT

_wanted: WeakKeyDictionary[Host, SnapshotSpec] = WeakKeyDictionary()
_begun: WeakKeyDictionary[Host, gevent.Greenlet] = WeakKeyDictionary()
_seen: WeakKeyDictionary[Host, dict[bool, Snapshot]] = WeakKeyDictionary()
_at: WeakKeyDictionary[Host, float] = WeakKeyDictionary()
_executing: WeakSet[Host] = WeakSet()

FRESH = 60.0  # seconds
CARRY_OUT_AND_ASK = f"""\
export {STATE_LEFT}=$(mktemp) || exit
trap 'rm -f "${STATE_LEFT}"' EXIT
(
{{command}}
)
code=$?
[ $code = 0 ] || exit $code
{{asks}}"""


class SnapshotFact(FactBase[Snapshot]):
    """Everything declared for a site, read by one command."""

    @override
    def command(self, wanted: SnapshotSpec) -> StringCommand:
        return StringCommand(_script(wanted))

    @override
    def process(self, output: list[str]) -> Snapshot:
        return _read(output)


class AskingCommand(StringCommand):
    """A command and, if it succeeds, the look after it, in one journey.

    ``probes``: it changes nothing but what they see.
    """

    def __init__(self, command: str, *, probes: bool = False, **options: Any) -> None:
        wanted = _wanted[_host()]
        self.probes = probes
        spec = SnapshotSpec(probes=wanted.probes) if probes else wanted
        super().__init__(asking(command, spec), **options)

    @override
    def execute(
        self, state: State, host: Host, connector_arguments: ConnectorArguments
    ) -> tuple[bool, CommandOutput]:
        done, output = super().execute(state, host, connector_arguments)
        if done:
            known, found = _seen[host][True], _read(output.stdout_lines)
            if self.probes:
                found = replace(known, probes=found.probes, written=set(), is_stale=False)
            _seen[host] = {True: replace(found, outdated=known.outdated)}
        return done, output


def asking(command: str, wanted: SnapshotSpec) -> str:
    """The script that runs a command, and then looks; its exit code is the command's."""
    left = f'[ -s "${STATE_LEFT}" ] && cat "${STATE_LEFT}" || {wanted.probes["state"]}'
    asks = _script(replace(wanted, probes={**wanted.probes, "state": left}))
    return CARRY_OUT_AND_ASK.format(command=command, asks=asks)


def begin(wanted: SnapshotSpec) -> None:
    """Begin to look at the current host, for whoever is the first to ask."""
    host = _host()
    _wanted[host] = wanted
    _begun[host] = gevent.spawn(_look, host, ctx_config.get())


def go_on() -> None:
    """Let a look that has begun get a step further: who reads deploys waits for nobody."""
    if _host() in _begun:
        gevent.sleep(0)


def gather(*, probes: bool = True, files: bool = False) -> Snapshot:
    """The current host's snapshot; read at the first call, and again where what it saw may be over.

    An operation that compares nothing but paths says ``probes=False``. What probes saw is over
    when a command has run, and for those who say ``files=True`` when a file was written, too.

    What was seen before a human was asked is not used afterwards: it may have taken minutes.
    """
    host, state = _host(), cast(State, ctx_state.get())
    phase = state.is_executing or not state.should_check_for_changes()
    if state.is_executing:
        _let_go_of_what_is_old(host)
    seen = _seen.setdefault(host, {})
    known = seen.get(phase)
    if known is None or _is_over(known, probes=probes, files=files):
        seen[phase] = _awaited(host) or _looked(host)
        if known:
            seen[phase].outdated.update(known.outdated)
    return seen[phase]


def _is_over(known: Snapshot, *, probes: bool, files: bool) -> bool:
    return known.is_old or (probes and known.is_stale) or (files and bool(known.written))


def _let_go_of_what_is_old(host: Host) -> None:
    """Once, when the run begins to change the host: to prepare itself it may have fetched much."""
    if host not in _executing:
        _executing.add(host)
        if host in _at and time.monotonic() - _at[host] > FRESH:
            forget()


def _look(host: Host, config: Any) -> Snapshot | Exception:
    """The snapshot, or what is to be raised where somebody waits for it."""
    with ctx_config.use(config), ctx_host.use(host):
        try:
            return _looked(host)
        except Exception as error:  # whatever it is, it is told there
            return error


def _looked(host: Host) -> Snapshot:
    found = host.get_fact(SnapshotFact, wanted=_wanted[host])
    _at[host] = time.monotonic()
    return found


def _awaited(host: Host) -> Snapshot | None:
    """What a look that has begun came to; None where there is none."""
    begun = _begun.pop(host, None)
    # Not its truth: a greenlet that has ended is false.
    found: Snapshot | Exception | None = None if begun is None else begun.get()
    if isinstance(found, Exception):
        raise found
    return found


def forget() -> None:
    """Look anew at the next question, whatever it is: paths and units have changed."""
    for known in _seen.get(_host(), {}).values():
        known.is_old = True
    _begun.pop(_host(), None)


def _host() -> Host:
    return cast(Host, ctx_host.get())


def _script(wanted: SnapshotSpec) -> str:
    return compression.asked(snapshot.script(wanted))


def _read(lines: list[str]) -> Snapshot:
    return snapshot.parse(compression.answered(lines))
