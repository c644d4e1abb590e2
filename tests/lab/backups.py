"""A site with a backup, and another host of the lab that keeps repositories."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from tests.lab.sites import LabSite

FOLDER = "/srv/backup"
PASSWORD = "backup-canary-5XK2"
KEEPER = "keeper"  # a user of the other host
SERVE = "rclone serve restic --stdio --append-only /srv/backup"
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
    # As on every ordinary server: ssh and rclone need not choose the same kind.
    host.ssh("ssh-keygen -A >/dev/null && systemctl restart ssh")
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


@dataclass(frozen=True)
class Elsewhere:
    """Another host of the lab, which keeps what a site's backup sends by ssh."""

    host: Host
    key: Path

    def keep(self, site: LabSite, *, forced: bool = False, streamed: bool = True) -> None:
        """Let a site's backup go there, and make one; ``forced``: it may only add."""
        if forced:
            self.host.ssh(f"apt-get -qq update && {APT} rclone restic >/dev/null 2>&1")
        public = self.key.with_suffix(".pub").read_text().strip()
        keeper(self.host, public, SERVE if forced else "")
        login = f"{KEEPER}@{self.host.address}"
        repository = f"rclone+ssh://{login}" if forced else f"sftp:{login}:{FOLDER}"
        prune = "admin" if forced else "server"
        known = settings(repository, backup_prune=prune, backup_stream=streamed)
        site.inventory(**known, backup_ssh_key_file=str(self.key))
        site.converge()
        # Two minutes after the deploy the timer would make one more, of what a test wants lost;
        # one that has begun by then is waited for by the next line.
        site.host.ssh("systemctl stop one-api-backup.timer")
        back_up(site)

    def files(self) -> set[str]:
        """What stands in the repository, but for locks."""
        listed = self.host.ssh(f"find {FOLDER} -type f").splitlines()
        return {each for each in listed if "/locks/" not in each}


def destroyed(lab: Lab, site: LabSite, name: str) -> LabSite:
    """Pull the plug; a blank host, to which the domain leads, with the same settings."""
    site.host.stop()
    host = lab.create(name, "debian-13")
    lab.point(site.domain, host)
    return LabSite(lab, host, site.settings | host.connection())
