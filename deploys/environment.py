"""The virtual environment and the agent's bytecode: what obtains the certificate, and is quick."""

from pyinfra import local

from one_api_infra.desired import installation, system
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
target.is_first("environment")  # not again by system.py
if target.is_first("agent"):
    local.include("./agent.py")

operations.command(
    name=_("nginx and certbot are there"),
    script=installation.serving_script(),
    due=lambda snapshot: snapshot.is_active(units.INSTALLATION),
    follows=(),
)
operations.command(
    name=_("Build the virtual environment"),
    script=system.venv_script(site),
    due=lambda snapshot: system.is_venv_due(site, snapshot),
    follows=(),
    keeps_files=True,
)
operations.command(
    name=_("Compile the agent"),
    script=paths.agent("compile"),
    due=lambda snapshot: not system.is_compiled(snapshot),
    follows=(),
    keeps_files=True,
    stays_due=True,
    is_asked=False,
)
