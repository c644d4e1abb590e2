"""Each service's user tries everything where it may write: nothing of others is read or held up.

While every unit and command runs that is not its own, its files are links to root's, pipes that
never end, devices, or as large as a disk.
"""

import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from one_api_infra.shared import paths
from tests.lab import opens
from tests.lab.conftest import new_site
from tests.lab.sites import LabSite

# By local.read_of: O_NOFOLLOW, regular files of their owner's alone, 64 KiB.
READ_WITHOUT_LINKS = {
    paths.PROBE_MARK, paths.MONITOR_STATE, paths.CALLBACKS_STATE, paths.DATABASE,
}  # fmt: skip
RESTART = "systemctl restart one-api nginx one-api-firewall one-api-disk; sleep 1"
VICTIM, SECRET = "/etc/victim", "what-only-root-may-read"
LONGEST = 15.0  # seconds that a unit or command of somebody else's may be held up
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
# For ever: each file of its own is now a link, now a pipe, now what it was.
SWAP = f"""
import os, sys
folder = sys.argv[1]
names = {{each.name for each in os.scandir(folder) if each.is_file()}}
names = {{name for name in names if not name.endswith(".db")}} | set({NAMES!r}.split())
kept = {{name: open(f"{{folder}}/{{name}}", "rb").read() if os.path.isfile(f"{{folder}}/{{name}}")
        else b"x" for name in names}}
def put(name, make):
    other = f"{{folder}}/.swap"
    make(other)
    os.replace(other, f"{{folder}}/{{name}}")
while True:
    for name, data in kept.items():
        put(name, lambda path: os.symlink("{VICTIM}", path))
        put(name, lambda path: open(path, "wb").write(data))
        put(name, os.mkfifo)
"""
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


@pytest.mark.long
@pytest.mark.timeout(300)
def test_root_opens_nothing_where_another_may_write(attacked: LabSite) -> None:
    """While each unit and command runs, the deploy and the verification too."""
    host = attacked.host
    steps: list[Callable[[], object]] = [
        lambda name=name: host.ssh(f"systemctl start {name}")  # type: ignore[misc]
        for name in (*OTHERS, *ROOTS)
    ]
    steps += [
        lambda name=name: host.ssh(paths.agent(name))  # type: ignore[misc]
        for name in COMMANDS
    ]
    steps += [attacked.converge, attacked.verify, lambda: host.ssh(RESTART)]
    with opens.noted(host, ("/", "/run", "/tmp")) as found:
        for step in steps:
            step()
    assert len(found) > 1000  # it did look
    theirs = {
        (each.path, each.program) for each in found if each.uid == 0 and _is_theirs(host, each)
    }
    assert {path for path, _program in theirs} <= READ_WITHOUT_LINKS, theirs


def _is_theirs(host: Host, opened: opens.Open) -> bool:
    """Whether another user than root can change what this path leads to."""
    # But the root directory, which is a link here.
    folders = [opens.root(host) / each.relative_to("/") for each in Path(opened.path).parents[:-1]]
    for folder in folders:
        try:
            state = folder.stat(follow_symlinks=False)
        except OSError:
            return False  # a private mount, which is gone with its unit
        by_group = state.st_mode & 0o020 and state.st_gid
        by_all = state.st_mode & 0o002 and not state.st_mode & stat.S_ISVTX
        if state.st_uid or by_group or by_all:
            return True
    return False


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_changes_between_look_and_open_gains_nothing(attacked: LabSite) -> None:
    host = attacked.host
    host.ssh("rm -rf /root/kept; mkdir /root/kept; cat >/root/swap.py", stdin=SWAP)
    before = host.ssh(f"sha256sum {VICTIM}; stat -c '%Y %a %U' {VICTIM}")
    for number, (user, place) in enumerate(PLACES):
        host.ssh(f"mkdir -p /root/kept{place}; cp -a {place}/. /root/kept{place}/")
        unit = f"systemd-run --quiet --unit=swap{number} --uid={user} -p StandardInput=file:"
        host.ssh(f"[ ! -d {place} ] || {unit}/root/swap.py python3 - {place}")
    told = "".join(_run_all(attacked) for _again in range(2))
    swapping = host.ssh("systemctl is-active 'swap*' | grep -c ^active")
    host.ssh("systemctl kill --signal=KILL 'swap*'; sleep 0.2; systemctl reset-failed 'swap*'")
    assert int(swapping) >= len(PLACES) - 2  # the two of /run come and go with their unit
    leaked = host.ssh(f"{WORLD} | xargs -0r grep -lF {SECRET} || true")
    assert host.ssh(f"sha256sum {VICTIM}; stat -c '%Y %a %U' {VICTIM}") == before
    assert (SECRET in told, leaked.strip()) == (False, "")
    for _user, place in PLACES:
        host.ssh(f"find {place} -mindepth 1 -delete; cp -a /root/kept{place}/. {place}/")


def test_every_unit_is_hardened(attacked: LabSite) -> None:
    listed = attacked.host.ssh("ls /etc/systemd/system/one-api*.service").split()
    assert len(listed) >= 10
    for path in listed:
        unit = path.rpartition("/")[2]
        words = attacked.host.ssh(f"systemd-analyze security --no-pager {unit} | tail -n 1")
        assert float(words.split(":")[1].split()[0]) <= 2.5, words
