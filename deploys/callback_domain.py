"""The callback domain (回调域名) in One API: ServerAddress and every place of payments."""

from pyinfra import host, local

from one_api_infra import callback_domain, former_domain_files
from one_api_infra.pyinfra import operations, target
from one_api_infra.server import paths
from one_api_infra.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

operations.command(
    name=_("Put the domain into One API, everywhere"),
    script=paths.agent("callback-domain"),
    due=lambda seen: not callback_domain.is_right(site, seen),
)
for file in host.loop(former_domain_files.files()):
    operations.file(name=_("Write {path}", path=file.path), file=file)
operations.unit(
    name=_("Let go of earlier domains by a timer"),
    unit=former_domain_files.TIMER,
    beside=(former_domain_files.SERVICE,),
)
operations.command(
    name=_("Let go of earlier domains that no gateway calls"),
    script=paths.agent("former-domains"),
    due=former_domain_files.are_over,
)
