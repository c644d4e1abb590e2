"""Each service's user tries everything where it may write: nothing of others is read or held up.

While every unit and command runs that is not its own, its files are links to root's, pipes that
never end, devices, or as large as a disk.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from one_api_infra.lab.lab import Lab
from one_api_infra.server import paths
from tests.lab.conftest import new_site
from tests.lab.sites import LabSite

VICTIM, SECRET = "/etc/victim", "what-only-root-may-read"
LONGEST = 5.0  # seconds that a unit or command of somebody else's may be held up
# Root's own, which nobody may hold up; the others' units are in their users' hands.
ROOTS = ("one-api-observe", "one-api-logrotate", "one-api-certificate")
OTHERS = (
    "one-api-database", "one-api-look", "one-api-monitor", "one-api-callbacks", "one-api-logs",
)  # fmt: skip
COMMANDS = ("state", "observe", "order 1", "order-done 1", "report")
TRICKS = {
    "link": f"ln -s {VICTIM}",
    "pipe": "mkfifo",
    "endless": "ln -s /dev/zero",
    "huge": "truncate -s 20G",
    "directory": "mkdir",
}
# Of each file that the user has, and of the names that others look for, one trick.
PLANT = """cd {folder} || exit 0
for name in $(find . -maxdepth 1 ! -name . ! -name '*.db' -type f -printf '%f ') {names}; do
    rm -rf "$name"; {trick} "$name" 2>/dev/null
done
"""
NAMES = "state.json mark outside.json ledger.db started epay-key one_api.prom full x.log lock"
PLACES = (
    ("one-api", paths.DATA), ("one-api", paths.LOGS), ("one-api-callbacks", paths.CALLBACKS),
    ("one-api-monitor", paths.MONITOR), ("one-api-monitor", "/run/one-api-monitor"),
    ("www-data", "/run/one-api-disk"), ("www-data", "/var/lib/nginx/body"),
)  # fmt: skip
WORLD = "find /run /var /etc /opt /tmp -xdev -type f -perm -o=r -newer /etc/victim -print0"


@pytest.fixture(scope="module")
def attacked(lab: Lab, prepared: Callable[[str], Path]) -> Iterator[LabSite]:
    site = new_site(lab, "user", "debian-13", "site13.lab.test", of=prepared("debian-13"))
    site.host.ssh(
        "systemctl stop 'one-api-*.timer'; systemctl start one-api-monitor one-api-callbacks"
    )
    site.host.ssh(f"echo {SECRET} >{VICTIM}; chmod 600 {VICTIM}; touch -d '1 hour ago' {VICTIM}")
    yield site
    site.host.remove()


def _as(user: str, script: str) -> str:
    return f"setpriv --reuid={user} --regid={user} --clear-groups sh -c '{script}'"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("trick", TRICKS)
def test_nothing_of_others_is_read_or_held_up(attacked: LabSite, trick: str) -> None:
    host = attacked.host
    host.ssh("rm -rf /root/kept; mkdir /root/kept")
    before = host.ssh(f"sha256sum {VICTIM}; stat -c '%Y %a %U' {VICTIM}")
    for user, place in PLACES:
        host.ssh(f"mkdir -p /root/kept{place}; cp -a {place}/. /root/kept{place}/")
        script = PLANT.format(folder=place, names=NAMES, trick=TRICKS[trick])
        host.ssh(_as(user, script.replace("'", "'\\''")), check=False)
    told = _run_all(attacked)
    leaked = host.ssh(f"{WORLD} | xargs -0r grep -lF {SECRET} || true")
    assert host.ssh(f"sha256sum {VICTIM}; stat -c '%Y %a %U' {VICTIM}") == before
    assert (SECRET in told, leaked.strip()) == (False, "")
    for _user, place in PLACES:
        host.ssh(f"find {place} -mindepth 1 -delete; cp -a /root/kept{place}/. {place}/")


def _run_all(site: LabSite) -> str:
    """What everything says; none of what is root's may take long."""
    told = [site.host.ssh(f"timeout 8 systemctl start {name} 2>&1", check=False) for name in OTHERS]
    for name in (*ROOTS, *COMMANDS):
        program = f"systemctl start {name}" if name in ROOTS else paths.agent(name)
        begun = time.monotonic()
        told.append(site.host.ssh(f"timeout 20 {program} 2>&1", check=False))
        assert time.monotonic() - begun < LONGEST, (name, told[-1])
        site.host.ssh("systemctl kill --signal=KILL 'one-api-l*.service'", check=False)
    return "\n".join(told)


def test_every_unit_is_hardened(attacked: LabSite) -> None:
    listed = attacked.host.ssh("ls /etc/systemd/system/one-api*.service").split()
    assert len(listed) >= 10
    for path in listed:
        unit = path.rpartition("/")[2]
        words = attacked.host.ssh(f"systemd-analyze security --no-pager {unit} | tail -n 1")
        assert float(words.split(":")[1].split()[0]) <= 2.5, words
