"""Removes the site from a server; run it by `one-api-infra remove`, which asks first."""

from pyinfra import host

from one_api_infra.desired import remove
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _

site = target.site()
data = host.data.get("_remove_data", "keep")

operations.failure(
    name=_("What is to be deleted is ours"),
    problems=lambda snapshot: remove.unknown(snapshot) if data == "delete" else (),
    probes=False,
)
operations.command(
    name=_("Remove the site"), script=paths.agent(f"remove {data}"), due=remove.is_due
)
operations.command(
    name=_("Delete what a removal has kept"),
    script=remove.DELETE_KEPT,
    due=lambda snapshot: data == "delete" and remove.has_kept(snapshot),
)
