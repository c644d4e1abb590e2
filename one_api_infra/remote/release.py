"""One API's release and its tiktoken data, fetched on the admin's machine."""

from pathlib import Path

from pyinfra.api.exceptions import DeployError

from one_api_infra.desired import artifact as artifacts
from one_api_infra.desired import preflight, project, tiktoken
from one_api_infra.desired.resources import File
from one_api_infra.desired.site import INVENTORY, Site
from one_api_infra.remote import inventory
from one_api_infra.remote.snapshot import gather
from one_api_infra.shared.validation import ValidationError

LOCK = "artifacts.lock.json"


def artifact(site: Site) -> artifacts.Artifact:
    """The executable for the current host."""
    try:
        return artifacts.obtain(site, _architecture(site), _lock())
    except ValidationError as error:
        raise DeployError(str(error)) from None


def tiktoken_files(site: Site) -> tuple[File, ...]:
    """The tiktoken data that One API would otherwise fetch when it starts."""
    try:
        return tiktoken.files(site)
    except ValidationError as error:
        raise DeployError(str(error)) from None


def _architecture(site: Site) -> str:
    """The server's, asked only where the choice of the release depends on it."""
    if site.artifact:
        return "amd64"
    found = gather().probe("architecture")
    if problems := tuple(preflight.architecture(found)):
        raise ValidationError(problems)
    return found


def _lock() -> Path:
    """The lock file stands beside the inventory, or in the checkout's folder of inventories."""
    given = inventory.given().resolve()
    folder = "inventory" if given == project.ROOT / INVENTORY else ""
    return given.parent / folder / LOCK
