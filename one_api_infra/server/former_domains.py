"""Earlier domains on the server: their certificates kept, and let go of when nobody calls."""

import shutil
import time
from pathlib import Path

from one_api_infra.server import certificate, nginx
from one_api_infra.server.callbacks.order import Status
from one_api_infra.server.local import CommandError, edition, site, write
from one_api_infra.shared import former_domains, nginx_release, paths, tunnel
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.site_file import SiteFile

SINCE = "since"
NOT_TOLD = (ApiError, CommandError, OSError, LookupError, TypeError, ValueError)


def keep(site: SiteFile) -> None:
    """Copy certbot's certificates for earlier names before certbot deletes or replaces them.

    A copy is not renewed: a certificate lives longer than a gateway calls.
    """
    own = {site.domain, site.callback_domain}
    for each in certificate.of_certbot():
        is_former = set(each.host_names) - own and not each.name.startswith(tunnel.PREFIX)
        if is_former and each.is_valid(time.time()):
            folder = Path(paths.FORMER, each.name)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(folder / "fullchain.pem", Path(each.certificate_file).read_bytes(), 0o644)
            write(folder / "privkey.pem", Path(each.key_file).read_bytes())
            if not (folder / SINCE).exists():
                write(folder / SINCE, str(time.time()))


def observe() -> tuple[Certificate, ...]:
    """The kept certificates."""
    folders = sorted(Path(paths.FORMER).glob("*/fullchain.pem"))
    found = (certificate.read(each.parent.name, each, each.with_name("privkey.pem"))
             for each in folders)  # fmt: skip
    return tuple(each for each in found if each)


def awaited(site: SiteFile) -> tuple[str, ...]:
    """The earlier domains at which a gateway may still call."""
    own = {site.domain, site.callback_domain}
    there = [each for each in observe() if set(each.host_names) - own]
    if not there:
        return ()
    now, created = time.time(), _created(site)
    return tuple(
        each.name
        for each in there
        if each.is_valid(now)
        and former_domains.is_awaited(
            (since(each.name),) if created is None else created, since(each.name), now
        )
    )


def _created(site: SiteFile) -> tuple[float, ...] | None:
    """When the pending orders were made; None where the orders cannot tell."""
    if not edition(site).order_source:
        return None
    try:
        from one_api_infra.server import callback_service  # noqa: PLC0415  # few need it

        orders = callback_service.source(site).orders(time.time() - former_domains.GIVE_UP)
        return tuple(each.created for each in orders if each.status is Status.PENDING)
    except NOT_TOLD:
        return None


def left() -> None:
    """Note that One API tells gateways the new domain from now on."""
    for each in observe():
        write(Path(paths.FORMER, each.name, SINCE), str(time.time()))


def since(name: str) -> float:
    """When the site left a domain."""
    path = Path(paths.FORMER, name, SINCE)
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0


def let_go() -> None:
    """Stop serving the earlier domains that nobody calls any more, and forget them."""
    current = site()
    kept = awaited(current)
    gone = [path for path in Path(paths.FORMER).glob("*") if path.name not in kept]
    if not gone:
        return
    configuration = nginx.brought()
    parts = configuration["parts"]
    if former_domains.PART in parts:
        text = former_domains.without(parts[former_domains.PART], [path.name for path in gone])
        parts[former_domains.PART] = text
        nginx.let_serve(configuration | {"release": nginx_release.name(parts)}, staged=False)
    for path in gone:
        shutil.rmtree(path)
