"""A site with a backup, and another host of the lab that keeps repositories."""

import subprocess
from pathlib import Path
from typing import Any

from one_api_infra.lab.host import Host
from tests.lab.sites import LabSite

FOLDER = "/srv/backup"
PASSWORD = "backup-canary-5XK2"
KEEPER = "keeper"  # a user of the other host
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"


def settings(*repositories: str, **more: Any) -> dict[str, Any]:
    """The settings of a site with these repositories."""
    return {"backup": list(repositories), "backup_password": PASSWORD, "waive": [], **more}


def key(folder: Path) -> Path:
    """A new ssh key without a passphrase."""
    path = folder / "backup_ed25519"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def keeper(host: Host, public: str, forced: str = "") -> None:
    """Let a host keep what comes by ssh with a key; ``forced`` is the only command it may run."""
    options = f'restrict,command="{forced}" ' if forced else ""
    host.ssh(f"useradd -m {KEEPER} && install -d -o {KEEPER} -m 700 /home/{KEEPER}/.ssh {FOLDER}")
    host.ssh(f"cat >/home/{KEEPER}/.ssh/authorized_keys", stdin=f"{options}{public}\n")


def back_up(site: LabSite) -> None:
    """A run now."""
    journal = "journalctl -u one-api-dump -u one-api-backup -n 30 --no-pager -o cat"
    site.host.ssh(f"systemctl start one-api-backup || {{ {journal} >&2; exit 1; }}")


def restic(host: Host, command: str, repository: str = FOLDER) -> str:
    """restic by hand, as an admin would."""
    own = f"RESTIC_PASSWORD={PASSWORD} restic -q --no-cache -r {repository}"
    return host.ssh(f"{own} {command}")
