"""The callback domain (回调域名) in One API: ServerAddress and every place of payments."""

from pyinfra import local

from one_api_infra import callback_domain
from one_api_infra.pyinfra import operations, target
from one_api_infra.server import paths

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

operations.command(
    name="Put the domain into One API, everywhere",
    script=paths.agent("callback-domain"),
    due=lambda seen: not callback_domain.is_right(site, seen),
)
