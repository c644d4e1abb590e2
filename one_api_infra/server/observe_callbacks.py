"""What the checks want to know of the callback service; loads nothing of what it runs."""

import contextlib

from one_api_infra.server.local import read_of, run
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.server_observation import Callbacks, CallbacksState
from one_api_infra.shared.site_file import SiteFile

USER = "one-api-callbacks"


def observe(site: SiteFile) -> Callbacks | None:
    """How the callback service is; None where it is off."""
    if site.callbacks == "off":
        return None
    state = CallbacksState()
    # Without a readable file the state is that of a service that never ran. Any user here may read
    # the result: it is parsed strictly, so that only numbers and booleans pass.
    with contextlib.suppress(OSError, PlainError):
        state = plain.read(CallbacksState, read_of(USER, paths.CALLBACKS_STATE))
    is_active = run("systemctl", "is-active", units.CALLBACKS_TIMER)[0] == 0
    return Callbacks(is_active, state)
