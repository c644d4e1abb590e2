"""The callback domain (回调域名) in One API: where it stands, what is wrong, what mends it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from one_api_infra.editions.edition import Edition
from one_api_infra.place import Place
from one_api_infra.resources import Wanted
from one_api_infra.server import paths

if TYPE_CHECKING:  # the server has this module, but not these
    from one_api_infra.site import Site
    from one_api_infra.snapshot import Snapshot


def places(
    edition: Edition,
    options: Mapping[str, str],
    payments: Sequence[Mapping[str, Any]],
    origin: str,
    callback_origin: str,
) -> tuple[Place, ...]:
    """Every place of the domain, with what stands there and what should.

    The wanted form is ``https://DOMAIN`` without a slash: one-hub and new-api put the path
    behind the stored value as it is, so that a bare domain gives a notify URL without a scheme
    and a slash at the end one with ``//``, which is answered by the web page.
    """
    wanted = dict.fromkeys(edition.address_options, origin)
    wanted |= dict.fromkeys(edition.callback_options, callback_origin)
    found = [Place("option", key, options.get(key, ""), value) for key, value in wanted.items()]
    found += [
        Place("payment", str(row["id"]), row.get("notify_domain") or "", callback_origin)
        for row in payments
    ]
    return tuple(found)


def is_right(site: "Site", seen: "Snapshot") -> bool:
    """Whether every place holds the right form, and this node of One API uses it."""
    told = seen.state().one_api
    in_use = told.server_address == site.origin and not told.restart_due
    return bool(told.places) and in_use and all(place.is_right for place in told.places)


def wanted() -> Wanted:
    """One look at One API: options, payment rows, root, readiness."""
    command = f"[ ! -e {paths.SITE} ] || [ ! -x {paths.PYTHON} ] || {paths.agent('state')}"
    return Wanted(probes={"state": command})
