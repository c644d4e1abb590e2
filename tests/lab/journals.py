"""What the hosts of a failed test had to say, kept beside the checkout."""

from collections.abc import Iterator
from pathlib import Path

from one_api_infra.lab.errors import LabError
from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from tests.lab.sites import ROOT

FOLDER = ROOT / "build" / "journals"
LINES = 25  # that the report shows; the file has all
READ = "journalctl --boot --no-pager --output=short-iso 2>/dev/null"
OURS = f"{READ} --priority=warning --lines={LINES}"


def keep(lab: Lab, test: str) -> Iterator[tuple[str, str]]:
    """Write down each running host's journal; its name and its last warnings, for the report."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for host in (each for each in lab.hosts() if each.is_up):
        path = FOLDER / f"{test}-{host.name}.log"
        path.write_text(_asked(host, READ))
        yield f"journal of {host.name}: {_shown(path)}", _asked(host, OURS)


def _asked(host: Host, command: str) -> str:
    try:
        return host.ssh(command, check=False)
    except LabError as error:
        return f"{error}\n"


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))
