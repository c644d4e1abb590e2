"""Removes the site from a server; run it by `one-api-infra remove`, which asks first."""

from pyinfra import host

from one_api_infra.pyinfra import operations, target
from one_api_infra.server import paths
from one_api_infra.texts import _

site = target.site()
data = host.data.get("_remove_data", "keep")

operations.command(
    name=_("Remove the site"),
    script=paths.agent(f"remove {data}"),
    due=lambda seen: paths.BUNDLE in seen.paths,
)
