"""What must hold before anything is changed."""

from one_api_infra import dns, preflight
from one_api_infra.pyinfra import address, operations, target

site = target.site()
connected_to = address.of(target.current_host())

operations.failure(
    name="Preflight: the server and the domain are fit for a site",
    problems=lambda seen: preflight.judge(
        site, seen, dns.ask(site.domains, site.dns_resolvers), connected_to
    ),
)
