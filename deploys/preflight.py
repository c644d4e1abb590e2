"""What must hold before anything is changed."""

from one_api_infra.checks import target as targets
from one_api_infra.checks.observers import dns
from one_api_infra.desired import move, preflight
from one_api_infra.remote import address, operations, target
from one_api_infra.shared.texts import _

site = target.site()
known = targets.of_settings(site.public())
connected_to = address.of(target.current_host())

target.is_first("gone")
operations.failure(name=_("This server has its site"), problems=move.gone, probes=False)
operations.failure(
    name=_("Preflight: the server and the domain are fit for a site"),
    problems=lambda snapshot: preflight.judge(site, snapshot, dns.gather(known), connected_to),
    waive=site.waive,
)
