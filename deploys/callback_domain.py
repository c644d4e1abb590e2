"""The callback domain (回调域名) in One API: ServerAddress and every place of payments."""

from pyinfra import local

from one_api_infra.desired import callback_domain, former_domains
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

operations.command(
    name=_("Put the domain into One API, everywhere"),
    script=paths.agent("callback-domain"),
    due=lambda snapshot: not callback_domain.is_right(site, snapshot),
    follows=(),
    keeps_files=True,
    stays_due=True,
    asks=lambda _snapshot: True,
    writes=True,  # One Hub is started anew: which of two instances nginx asks
)
operations.files(name=_("Write the units of earlier domains"), files=former_domains.files())
operations.unit(
    name=_("Let go of earlier domains by a timer"),
    unit=units.FORMER_DOMAINS_TIMER,
    beside=(units.FORMER_DOMAINS,),
)
operations.command(
    name=_("Let go of earlier domains that no gateway calls"),
    script=paths.agent("former-domains"),
    due=former_domains.are_over,
    follows=(),
    keeps_files=True,
)
