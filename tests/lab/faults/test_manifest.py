"""Whatever of ours is removed, cut, edited, closed or masked is seen, and healed by one run.

The faults are made from the manifest that the deploy leaves, so that a new file or unit has its
own without anybody's thinking of it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from one_api_infra.checks import catalogue
from one_api_infra.checks.verdict import State
from one_api_infra.desired import manifest as declared
from one_api_infra.desired.site import Site
from one_api_infra.lab.lab import Lab
from one_api_infra.remote import status
from one_api_infra.shared import plain
from one_api_infra.shared.manifest import Entry, Manifest
from tests.lab.faults.trial import FaultySite, faulty_site
from tests.lab.sites import LabSite

FILE = {
    "removed": "rm -f {path}",
    "empty": "truncate -s 0 {path}",
    "cut": "truncate -s -1 {path}",
    "edited": "echo '# x' >>{path}",
    "a folder": "rm -f {path} && mkdir {path}",
    "a link to nowhere": "ln -sfn /nowhere {path}",
    "closed": "chmod 000 {path}",
    "open": "chmod 666 {path}",
    "another's": "chown games:games {path}",
}
FOLDER = {"closed": "chmod 000 {path}", "another's": "chown games:games {path}"}
UNIT = {
    "stopped": "systemctl stop {path}",
    "disabled": "systemctl disable -q {path}",
    "masked": "systemctl mask -q --runtime {path}; systemctl stop {path}",
}
OF_A_SECRET = {"cut", "edited"}  # its content is in no manifest


def faults(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Each fault: what it is done to, what is done, and the command."""
    for path, entry in manifest.entries.items():
        for name, command in _of(entry).items():
            yield path, name, command.format(path=path)
    for unit in manifest.units:
        for name, command in UNIT.items():
            yield unit, name, command.format(path=unit)
    for user in manifest.users:
        yield user, "deleted", f"sed -i '/^{user}:/d' /etc/passwd"


def _of(entry: Entry) -> dict[str, str]:
    if entry.kind == "d":
        return FOLDER
    return {
        name: command for name, command in FILE.items() if entry.sha256 or name not in OF_A_SECRET
    }


@pytest.fixture(scope="module")
def healthy(prepared: Callable[[str], Path], lab: Lab) -> Iterator[FaultySite]:
    """One copy of the prepared site, with everything that settings can ask for, for all faults."""
    for site in faulty_site(prepared, lab, "manif"):
        site.inventory(
            alert_urls=["json://127.0.0.1:1/"],
            root_password="abcdefgh12",
            waive=[*site.settings.get("waive", ()), "monitor.channel"],  # nobody listens there
        )
        site.converge()
        yield site


def named(site: LabSite) -> list[str]:
    """The checks that fail, in order."""
    verdicts = catalogue.judge(status.observe(site.host.name, site.settings))
    return [each.id for each in verdicts if each.state is State.FAILED]


@pytest.mark.long
@pytest.mark.timeout(0)  # all of them take an hour
def test_whatever_is_broken_is_seen_and_healed(healthy: FaultySite, part: slice | None) -> None:
    assert named(healthy) == []
    manifest = plain.read(Manifest, declared.manifest(Site.parse(healthy.settings)).data.decode())
    every = list(faults(manifest))
    chosen = every[part or slice(None, None, max(len(every) // 12, 1))]
    silent, unhealed = [], []
    for path, name, command in chosen:
        healthy.host.ssh(command, check=False)
        if not named(healthy):
            silent.append(f"{path}: {name}")
        done = healthy.deploy("-y")
        if done.code or named(healthy):
            unhealed.append(f"{path}: {name}: {named(healthy)} {done.stderr[-300:]}")
            print(unhealed[-1], flush=True)
            healthy.rebuild()
            healthy.converge()
    print(f"{len(chosen)} of {len(every)} faults, {len(silent)} silent, {len(unhealed)} not healed")
    assert (silent, unhealed) == ([], [])
