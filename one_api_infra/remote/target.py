"""The host that a deploy file is being run for: its site, and its one snapshot."""

from typing import cast
from weakref import WeakKeyDictionary

from pyinfra.api import FactBase, Host, State, StringCommand
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host, ctx_state
from typing_extensions import override

from one_api_infra.desired import manifest, snapshot
from one_api_infra.desired.resources import SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.remote import fast, host_key, inventory, sudo, timeline
from one_api_infra.shared.validation import Problem, ValidationError

_sites: WeakKeyDictionary[Host, Site] = WeakKeyDictionary()
_snapshots: WeakKeyDictionary[Host, dict[bool, snapshot.Snapshot]] = WeakKeyDictionary()
_shared: WeakKeyDictionary[State, tuple[Problem, ...]] = WeakKeyDictionary()
_asked: WeakKeyDictionary[Host, set[str]] = WeakKeyDictionary()


class SnapshotFact(FactBase[snapshot.Snapshot]):
    """Everything declared for a site, read by one command."""

    @override
    def command(self, wanted: SnapshotSpec) -> StringCommand:
        return StringCommand(snapshot.script(wanted))

    @override
    def process(self, output: list[str]) -> snapshot.Snapshot:
        return snapshot.parse(output)


def site() -> Site:
    """The current host's site; settings are validated and templates rendered once, up front."""
    host = current_host()
    if host not in _sites:
        try:
            _sites[host] = Site.parse(host.data.dict(), inventory.in_use())
            _check_inventory(cast(State, ctx_state.get()))
            host_key.check(host)
            manifest.check(_sites[host])
        except ValidationError as error:
            raise DeployError(f"{host.name}: {error}") from None
        sudo.prepare(host)
        fast.lighten()
        timeline.watch(cast(State, ctx_state.get()))
    return _sites[host]


def _check_inventory(state: State) -> None:
    """Refuse shared domains, once: pyinfra loads a named inventory file by itself."""
    if state not in _shared:
        hosts = [(each.name, each.data.dict()) for each in state.inventory]
        _shared[state] = tuple(inventory.shared(hosts))
    if problems := _shared[state]:
        raise ValidationError(problems)


def gather(*, probes: bool = True, files: bool = False) -> snapshot.Snapshot:
    """The current host's snapshot; read at the first call, and again where what it saw may be over.

    An operation that compares nothing but paths says ``probes=False``. What probes saw is over
    when a command has run, and for those who say ``files=True`` when a file was written, too.

    What was seen while the run was prepared is not used while it is carried out: a human may
    have taken minutes to say yes.
    """
    host = current_host()
    seen = _snapshots.setdefault(host, {})
    executing = cast(State, ctx_state.get()).is_executing
    known = seen.get(executing)
    is_over = known and ((probes and known.is_stale) or (files and bool(known.written)))
    if known is None or is_over:
        seen[executing] = host.get_fact(SnapshotFact, wanted=manifest.snapshot_spec(site()))
    return seen[executing]


def forget() -> None:
    """Look anew at the next question, whatever it is: paths and units have changed."""
    _snapshots.pop(current_host(), None)


def is_first(name: str) -> bool:
    """Whether this is the first time that the current host's deploys ask for ``name``.

    Every deploy runs alone too, so each brings what it stands on; the whole site brings it once.
    """
    asked = _asked.setdefault(current_host(), set())
    if name in asked:
        return False
    asked.add(name)
    return True


def current_host() -> Host:
    """The host whose greenlet this is."""
    return cast(Host, ctx_host.get())
