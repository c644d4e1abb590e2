"""Begin what takes long on a blank server: packages, and the virtual environment beside them."""

from pyinfra import local

from one_api_infra.desired import installation
from one_api_infra.remote import operations, target
from one_api_infra.shared import units
from one_api_infra.shared.texts import _

site = target.site()
target.is_first("install")  # not again by system.py
if target.is_first("agent"):
    local.include("./agent.py")

operations.begun(
    name=_("Begin to install packages and the virtual environment, side by side"),
    unit=units.INSTALLATION,
    script=lambda snapshot: installation.script(site, snapshot),
    due=lambda snapshot: installation.is_due(site, snapshot),
)
