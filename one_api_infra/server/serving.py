"""Which instance of One API gets what is new: the one, but for a while in an upgrade."""

import contextlib
from pathlib import Path

from one_api_infra.shared import paths, plain, units, upgrade
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.upgrade import Upgrade


def under_way() -> Upgrade | None:
    """The upgrade that is on its way, if there is one."""
    with contextlib.suppress(OSError, PlainError):
        return plain.read(Upgrade, Path(paths.UPGRADE).read_text())
    return None


def port(site: SiteFile) -> int:
    """The port at which One API is to be asked now."""
    return upgrade.serving(under_way(), site.one_api_port, site.one_api_second_port)


def unit() -> str:
    """The unit of the instance that is to be asked now."""
    current = under_way()
    return units.SECOND if current and current.phase in upgrade.BESIDE else units.ONE_API


def upstream(site: SiteFile) -> str:
    """nginx' part that says where requests go now."""
    return upgrade.served(under_way(), site.one_api_port, site.one_api_second_port)
