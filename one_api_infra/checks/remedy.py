"""The commands of a remedy: whose machine each is for, and which only repair what is ours."""

import re
from enum import StrEnum

from one_api_infra.shared.texts import _

COMMAND = re.compile(r"`([^`]+)`")
INVENTORY = "inventory.py"  # in the texts, which know no reader's
PYINFRA = re.compile(rf"pyinfra {INVENTORY} deploys/(\w+)\.py")
# Of those that name no inventory of their own.
OF_INVENTORY = re.compile(
    r"(`one-api-infra (?:callbacks|deploy|order [^\s`]+|prune|rebuild|remove|report|restore"
    r"|rollback|snapshots|status|test-payment))(?=`| --)"
)
# These have commands, which show what would be lost, and ask.
OWN_COMMANDS = {"adopt", "move", "rebuild", "remove", "restore"}
ADMIN = re.compile(r"(?:pyinfra|one-api-infra) ")
UNIT = r"(?:one-api[a-z-]*(?:\.service|\.timer)?|nginx(?:\.service)?|unattended-upgrades\.service)"
OURS = r"/(?:etc|opt|var/lib|var/log)/one-api(?:[A-Za-z0-9_/-]|\.(?!\.))*"
SYSTEMCTL = r"systemctl (?:start|restart|reload|reload-or-restart|unmask|enable(?: --now)?)"
# What does no more than bring back what the deploy has left, and takes nobody's work away.
REPAIRS = re.compile(
    r"pyinfra \S+ deploys/\w+\.py|one-api-infra deploy \S+(?: --only \w+)?"
    r"|one-api-infra (?:restore|rebuild) \S+"
    rf"|{SYSTEMCTL} {UNIT}"
    r"|systemctl daemon-reload"
    rf"|nginx -t && {SYSTEMCTL} nginx"
    rf"|chown (?:-R )?(?:root|one-api): {OURS}"
    r"|chown www-data: /var/lib/nginx/\w+|chmod 700 /var/lib/nginx/\w+"
    rf"|chmod (?:-R )?(?:[0-7]+|u\+rwX) {OURS}"
    rf"|apt-get install -y --no-install-recommends [a-z0-9.+ -]+"
    r"|timedatectl set-ntp true"
)


class Place(StrEnum):
    """Where a command is to be carried out."""

    SERVER = "server"
    ADMIN = "admin"


def named(remedy: str, inventory: str) -> str:
    """The remedy with the inventory that its reader uses.

    Where that is no file of a checkout, there are no ``deploys/`` beside it either.
    """
    if inventory == INVENTORY:
        return remedy
    remedy = OF_INVENTORY.sub(lambda match: f"{match[1]} {inventory}", remedy)
    if not inventory.startswith(("/", "./")):
        return remedy.replace(f"pyinfra {INVENTORY} ", f"pyinfra {inventory} ")
    return PYINFRA.sub(lambda match: _installed(inventory, match[1]), remedy)


def _installed(inventory: str, concern: str) -> str:
    if concern in OWN_COMMANDS:
        return f"one-api-infra {concern} {inventory}"
    only = "" if concern == "site" else f" --only {concern}"
    return f"one-api-infra deploy {inventory}{only}"


def commands(remedy: str) -> tuple[str, ...]:
    """What is to be carried out, in order; a look at a journal mends nothing."""
    return tuple(each for each in COMMAND.findall(remedy) if _is_command(each))


def _is_command(text: str) -> bool:
    return " " in text and not text.startswith(("journalctl ", "dmesg"))


def place(command: str) -> Place:
    """Where a command is to be carried out."""
    return Place.ADMIN if ADMIN.match(command) else Place.SERVER


def deploy(command: str) -> str:
    """The deploy that a command of the admin's machine runs, as ``nginx``."""
    own = "|".join(OWN_COMMANDS)
    found = re.search(rf"deploys/(\w+)\.py|--only (\w+)|one-api-infra ({own}) ", command)
    return found[found.lastindex or 0] if found else "site"


def is_repair(command: str) -> bool:
    """Whether it only repairs what is ours; the rest is for a person to weigh."""
    return REPAIRS.fullmatch(command) is not None


def title(remedy: str) -> str:
    """The remedy after a word about where it is to be carried out."""
    places = {place(each) for each in commands(remedy)}
    if places == {Place.SERVER}:
        return _("Remedy, on the server: {remedy}", remedy=remedy)
    if places == {Place.ADMIN}:
        return _("Remedy, on your own machine: {remedy}", remedy=remedy)
    if places:
        return _("Remedy (`pyinfra` on your own machine, the rest on the server): {remedy}",
                 remedy=remedy)  # fmt: skip
    return _("Remedy: {remedy}", remedy=remedy)
