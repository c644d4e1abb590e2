"""The host that a deploy file is being run for, and its site."""

from typing import cast
from weakref import WeakKeyDictionary

from pyinfra.api import Host, State
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host, ctx_state

from one_api_infra.desired import manifest
from one_api_infra.desired.resources import File
from one_api_infra.desired.site import Site
from one_api_infra.remote import fast, host_key, include, inventory, snapshot, sudo, timeline
from one_api_infra.shared.validation import Problem, ValidationError

_sites: WeakKeyDictionary[Host, Site] = WeakKeyDictionary()
_manifests: WeakKeyDictionary[Host, File] = WeakKeyDictionary()
_shared: WeakKeyDictionary[State, tuple[Problem, ...]] = WeakKeyDictionary()
_asked: WeakKeyDictionary[Host, set[str]] = WeakKeyDictionary()


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
        include.keep_apart()
        sudo.prepare(host)
        fast.lighten()
        timeline.watch(cast(State, ctx_state.get()))
        snapshot.begin(manifest.snapshot_spec(_sites[host]))
        _manifests[host] = manifest.manifest(_sites[host])  # while its concerns are known
    snapshot.go_on()
    return _sites[host]


def manifest_file() -> File:
    """The manifest of the current host's site."""
    return _manifests[current_host()]


def _check_inventory(state: State) -> None:
    """Refuse shared domains, once: pyinfra loads a named inventory file by itself."""
    if state not in _shared:
        hosts = [(each.name, each.data.dict()) for each in state.inventory]
        _shared[state] = tuple(inventory.shared(hosts))
    if problems := _shared[state]:
        raise ValidationError(problems)


def is_first(name: str) -> bool:
    """Whether this is the first time that the current host's deploys ask for ``name``.

    Every deploy runs alone too, so each brings what it stands on; the whole site brings it once.
    """
    asked = _asked.setdefault(current_host(), set())
    if name in asked:
        return False
    asked.add(name)
    return True


def has(name: str) -> bool:
    """Whether the current host's deploys have asked for ``name``."""
    return name in _asked.get(current_host(), ())


def current_host() -> Host:
    """The host whose greenlet this is."""
    return cast(Host, ctx_host.get())
