"""Putting the domain into One API through its own API, and reading it back."""

from pathlib import Path

from one_api_infra.server import database, former_domains
from one_api_infra.server.local import CommandError, api, edition, site, write
from one_api_infra.shared import paths
from one_api_infra.shared.callback_domain import places
from one_api_infra.shared.editions.api import Api
from one_api_infra.shared.place import Place
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _


def observe(site: SiteFile, client: Api) -> tuple[Place, ...]:
    """The places of the domain as One API tells them."""
    kind = edition(site)
    payments = client.payments() if kind.payment_rows else []
    return places(kind, client.options(), payments, site.origin, site.callback_origin)


def apply() -> None:
    """Mend every place that is not right, restart One API where it needs it, and read back."""
    current = site()
    client = api(current)
    for place in observe(current, client):
        if not place.is_right:
            _mend(client, place)
    if Path(paths.RESTART_DUE).exists():
        from one_api_infra.server import upgrade  # noqa: PLC0415  # what only looks needs it not

        upgrade.activate(Path(paths.CURRENT).readlink().name)
    former_domains.left()
    database.state(fresh=True)  # what others read tells of the new domain at once
    wrong = [place for place in observe(current, client) if not place.is_right]
    address = client.status()["server_address"]
    if wrong or address != current.origin:
        shown = ", ".join(f'{place} = "{place.value}"' for place in wrong) or address
        raise CommandError(
            _(
                "One API said success, but the domain did not arrive: {shown}.\n"
                "Remedy: look for a database error in `journalctl -u one-api`, then run again.",
                shown=shown,
            )
        )


def _mend(client: Api, place: Place) -> None:
    if place.kind == "payment":
        client.set_notify_domain(int(place.key), place.wanted)
        return
    if client.edition.restart_on_domain:
        # Noted before the change: a run that dies in between still owes the restart.
        write(paths.RESTART_DUE, "the domain was changed\n")
    client.set_option(place.key, place.wanted)
