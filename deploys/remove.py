"""Removes the site from a server; run it by `one-api-infra remove`, which asks first."""

from pyinfra import host

from one_api_infra.remote import operations, target
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _

site = target.site()
data = host.data.get("_remove_data", "keep")

operations.command(
    name=_("Remove the site"),
    script=paths.agent(f"remove {data}"),
    due=lambda snapshot: paths.ZIPAPP in snapshot.paths,
)
