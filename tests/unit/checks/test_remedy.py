"""Remedies: their commands can be carried out as printed, for every fault of the catalogue."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from one_api_infra.checks import catalogue, remedy
from one_api_infra.checks.remedy import Place
from one_api_infra.checks.verdict import OF_ANY
from one_api_infra.cli.deploy import CONCERNS
from one_api_infra.cli.lazy import names

ROOT = Path(__file__).parents[3]
# A person fills these in, and the text says so.
BY_HAND = ("docker run", "export ")
PROGRAMS = {
    "apt-get", "chmod", "chown", "dig", "docker", "du", "grep", "ip", "journalctl", "mount", "mv",
    "nginx",
    "one-api-infra", "pyinfra", "rm", "ss", "ssh", "sysctl", "systemctl", "systemd-cgtop",
    "timedatectl",
}  # fmt: skip


def printed() -> Iterator[tuple[str, str]]:
    """Each command of each remedy, with the check that prints it."""
    for check in catalogue.CHECKS:
        for fault in (*check.faults.values(), *OF_ANY.values()):
            for command in remedy.commands(fault.remedy):
                yield check.id, command


COMMANDS = sorted({command for _id, command in printed()})


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_one(command: str) -> None:
    if command.startswith(BY_HAND) or command.startswith("{"):
        return
    assert command.split(maxsplit=1)[0] in PROGRAMS
    if command.startswith("pyinfra "):
        _program, inventory, deploy = command.split()
        assert (inventory, (ROOT / deploy).is_file()) == (remedy.INVENTORY, True)


@pytest.mark.parametrize(
    ("command", "is_repair"),
    [
        ("pyinfra inventory/production.py deploys/site.py", True),
        ("systemctl restart nginx", True),
        ("systemctl enable --now one-api-monitor.timer", True),
        ("nginx -t && systemctl reload nginx", True),
        ("chown -R one-api: /var/lib/one-api", True),
        ("chmod 600 /etc/one-api-infra/letsencrypt/live/x.com/privkey.pem", True),
        ("systemctl stop perl.service", False),
        ("systemctl restart mysql", False),
        ("rm /etc/systemd/system/one-api.service.d/x.conf", False),
        ("kill 77", False),
        ("chmod 600 /var/lib/one-api/../../../etc/shadow", False),
        ("systemctl restart nginx; reboot", False),
        ("chown root: /etc/passwd", False),
    ],
)
def test_repairs_alone_are_offered(command: str, is_repair: bool) -> None:
    assert remedy.is_repair(command) == is_repair


def test_reader_sees_their_own_inventory() -> None:
    text = "`pyinfra inventory.py deploys/nginx.py`, then `systemctl reload nginx`"
    shown = remedy.named(text, "inventory/production.py")
    first, second = remedy.commands(shown)
    assert first == "pyinfra inventory/production.py deploys/nginx.py"
    assert (remedy.place(first), remedy.place(second)) == (Place.ADMIN, Place.SERVER)
    assert remedy.title(shown).startswith("Remedy (`pyinfra` on your own machine")
    assert remedy.title("`systemctl reload nginx`").startswith("Remedy, on the server")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`one-api-infra order 17 --done`", "`one-api-infra order 17 a.py --done`"),
        ("`one-api-infra prune` frees it", "`one-api-infra prune a.py` frees it"),
        ("`one-api-infra adopt b.py --back`", "`one-api-infra adopt b.py --back`"),
        ("`one-api-infra order` and", "`one-api-infra order` and"),
        ("`one-api-infra report b.py`", "`one-api-infra report b.py`"),
    ],
)
def test_a_command_of_ours_names_the_inventory_too(text: str, shown: str) -> None:
    assert remedy.named(text, "a.py") == shown
    assert remedy.named(text, remedy.INVENTORY) == text


@pytest.mark.parametrize(
    "path", sorted((ROOT / "deploys").glob("*.py")), ids=lambda path: path.stem
)
def test_every_deploy_has_a_command_where_there_is_no_checkout(path: Path) -> None:
    shown = remedy.named(f"`pyinfra inventory.py deploys/{path.name}`", "/srv/production.py")
    (command,) = remedy.commands(shown)
    words = command.split()
    assert words[:1] == ["one-api-infra"]
    assert words[1] in names()
    if "--only" in words:
        assert words[-1] in CONCERNS
    assert remedy.deploy(command) == path.stem
    assert remedy.place(command) is Place.ADMIN
