"""One API's release and its tiktoken data, fetched on the admin's machine."""

from pathlib import Path

from pyinfra.api.exceptions import DeployError

from one_api_infra import artifact as artifacts
from one_api_infra import tiktoken
from one_api_infra.checks import preflight
from one_api_infra.problems import InvalidError
from one_api_infra.pyinfra.target import look
from one_api_infra.resources import File
from one_api_infra.site import Site

LOCK = "artifacts.lock.json"


def artifact(site: Site) -> artifacts.Artifact:
    """The executable for the current host."""
    try:
        return artifacts.obtain(site, _architecture(site), _lock())
    except InvalidError as error:
        raise DeployError(str(error)) from None


def tiktoken_files(site: Site) -> tuple[File, ...]:
    """The tiktoken data that One API would otherwise fetch when it starts."""
    try:
        return tiktoken.files(site)
    except InvalidError as error:
        raise DeployError(str(error)) from None


def _architecture(site: Site) -> str:
    """The server's, asked only where the choice of the release depends on it."""
    if site.artifact:
        return "amd64"
    found = look().probe("architecture")
    if problems := tuple(preflight.architecture(found)):
        raise InvalidError(problems)
    return found


def _lock() -> Path:
    """The lock file stands beside the inventories."""
    return Path(__file__).parents[2] / "inventory" / LOCK
