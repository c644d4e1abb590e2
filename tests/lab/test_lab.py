"""The lab itself: quick clones, eight hosts side by side, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from one_api_infra.lab import cgroup, process
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from tests.lab.sites import ROOT

OWNER = """
import os, sys, time
from one_api_infra.lab.lab import Lab
lab = Lab("killed")
lab.up(owner=os.getpid(), in_memory=True)
lab.create("victim", "debian-13")
lab.laptop("laptop").start("program", ["sleep", "599.25"])
print("ready", flush=True)
time.sleep(600)
"""
# Listens by a thread that outlives the first one, as a killed process' threads may.
LISTENER = """
import ctypes, socket, threading, time
socket.create_server(("127.0.0.1", 0)).detach()
threading.Thread(target=time.sleep, args=(60,)).start()
print("listens", flush=True)
ctypes.CDLL(None).syscall(%d, 0)
"""
EXIT = {"x86_64": 60, "aarch64": 93}[os.uname().machine]  # of one thread


@pytest.fixture
def eight(lab: Lab) -> Iterator[list[Host]]:
    """Eight hosts at once."""
    made: list[Host] = []
    for index in range(8):
        made.append(lab.create(f"many{index}", ("debian-12", "debian-13")[index % 2]))
    yield made
    for host in made:
        host.remove()


def test_eight_hosts_side_by_side(eight: list[Host]) -> None:
    for index, host in enumerate(eight):
        assert host.ssh("hostname").strip() == f"many{index}"
        neighbour = eight[index - 1]
        assert "1 received" in host.ssh(
            f"bash -c 'exec 3<>/dev/tcp/{neighbour.address}/22 && echo 1 received'"
        )
    states = [host.ssh("systemctl is-system-running --wait", check=False) for host in eight]
    assert [state.strip() for state in states] == ["running"] * 8


def test_clones_do_not_see_each_other(lab: Lab) -> None:
    first, second = lab.create("one"), lab.create("two")
    first.ssh("rm /etc/debian_version; echo first >/root/mark")
    assert second.ssh("ls /etc/debian_version /root").split() == ["/etc/debian_version", "/root:"]
    first.remove()
    second.remove()


def test_a_hosts_files_are_of_one_file_system(lab: Lab) -> None:
    """Else restic with ``--one-file-system`` and ``find -xdev`` pass over what was written."""
    host = lab.create("one")
    assert len(set(host.ssh("stat -c %d / /etc/hostname /usr/bin/env").split())) == 1
    host.remove()


def test_process_lives_until_its_last_thread(tmp_path: Path) -> None:
    """Ended too early, a CA's old socket answered for the new one, and reset who had connected."""
    pid = process.start(tmp_path, "listener", [sys.executable, "-c", LISTENER % EXIT])
    stat = Path(f"/proc/{pid}/stat")
    process.wait_until(lambda: ") Z " in stat.read_text(), 10, "its first thread to end")
    assert process.running(tmp_path, "listener") == pid
    process.stop(tmp_path, "listener")
    assert not stat.exists()


def test_units_of_one_name_are_each_hosts_own(lab: Lab) -> None:
    """In one control group for all, killing a unit on one host killed it on every other."""
    first, second = lab.create("one"), lab.create("two")
    for host in (first, second):
        host.ssh("systemd-run --quiet --unit=same sleep 600")
    first.ssh("systemctl kill --signal=KILL same")
    assert second.ssh("systemctl is-active same").strip() == "active"
    first.remove()
    assert second.ssh("systemctl is-active same").strip() == "active"
    second.remove()
    assert not any(folder.exists() for folder in cgroup.folders(f"{lab.name}{first.number}"))


def test_dns_can_be_changed(lab: Lab) -> None:
    host = lab.create("dns")
    for address in ("203.0.113.5", "203.0.113.6"):
        lab.records(**{"changing.lab.test": {"A": [address]}})
        assert host.ssh("getent ahostsv4 changing.lab.test").startswith(address)
    host.remove()


def test_killed_owner_leaves_nothing() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    assert owner.stdout.readline() == "ready\n"
    lab = Lab("killed")
    host = lab.host("victim")
    assert host.is_up
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    process.wait_until(lambda: not lab.directory.exists(), 30, "the lab to be removed")
    time.sleep(0.5)
    assert not Path("/sys/class/net/oai-killed").exists()
    assert not list(Path("/sys/class/net").glob("vb-killed*"))
    assert "one_api_lab_killed" not in process.run("nft", "list", "tables")
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    left = [line for line in commands.stdout.splitlines() if "labs/killed" in line]
    assert left == []
    assert "sleep 599.25" not in commands.stdout
    assert "oai-killed" not in process.run("ip", "netns", "list")
    assert "labs/killed" not in Path("/proc/mounts").read_text()


def test_a_lab_in_use_is_nobody_elses() -> None:
    """Another run of the tests would take it away under the first one's feet."""
    lab = Lab("inuse")
    lab.down()
    with subprocess.Popen(["sleep", "600"]) as owner:
        lab.up(owner=owner.pid)
        for ask in (lab.down, lab.up):
            with pytest.raises(LabError, match=f"in use by process {owner.pid}"):
                ask()
        assert lab.network.is_up
        owner.kill()
    process.wait_until(lambda: not lab.directory.exists(), 30, "the lab to be removed")


def test_what_was_cut_off_is_no_obstacle() -> None:
    """A full disk leaves an empty number; a killed start leaves a bridge that is not up."""
    half, whole = Lab("half"), Lab("whole")
    half.directory.mkdir(parents=True)
    (half.directory / "subnet").touch()
    process.run("ip", "link", "add", "oai-whole", "type", "bridge")
    whole.up(owner=os.getpid())
    assert whole.network.is_up
    assert "one_api_lab_whole" in process.run("nft", "list", "tables")
    for lab in (half, whole):
        lab.down()
        assert not lab.directory.exists()
    assert not Path("/sys/class/net/oai-whole").exists()
