"""What the check of tunnels asks: sshd's rules as sshd reads them, certificates, sockets."""

import socket
import time
from fnmatch import fnmatch
from pathlib import Path

from one_api_infra.server import certificate
from one_api_infra.server.local import CommandError, run
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.server_observation import TunnelState
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.tunnel import CALLBACKS, Tunnel

SSHD = "/usr/sbin/sshd"
SECONDS = 2.0


def observe(site: SiteFile) -> tuple[TunnelState, ...]:
    """Each tunnel."""
    found = {each.name: each for each in certificate.of_certbot()} if site.tunnels else {}
    return tuple(_state(each, found.get(each.lineage)) for each in site.tunnels)


def _state(each: Tunnel, found: Certificate | None) -> TunnelState:
    rules = _rules(each.user)
    is_fit = bool(found and found.is_valid(time.time()) and found.covers([each.domain]))
    return TunnelState(
        name=each.name,
        domain=each.domain,
        user=each.user,
        has_rules=has_rules(rules, each) and Path(each.key_file).exists(),
        is_barred=is_barred(rules, each.user),
        has_certificate=is_fit,
        is_served=found is not None and certificate.on_the_wire(each.domain) == found.serial,
        is_open=_is_open(each.socket(CALLBACKS)),
    )


def _rules(user: str) -> list[str]:
    """sshd's settings for a user, as on disk. CommandError if it reads none."""
    code, output = run(SSHD, "-T", "-C", f"user={user},host=a,addr=192.0.2.1")
    if code:
        raise CommandError(output)
    return output.lower().splitlines()


def has_rules(rules: list[str], each: Tunnel) -> bool:
    """Whether sshd keeps the user in its folder, without a program."""
    folder = each.folder.rpartition("/")[0]
    wanted = (f"chrootdirectory {folder}/%u", "forcecommand /usr/sbin/nologin", "maxsessions 0",
              "disableforwarding no")  # fmt: skip
    return all(line in rules for line in wanted)


def is_barred(rules: list[str], user: str) -> bool:
    """Whether a list of users or groups keeps it out; its group is named as the user."""
    lists: dict[str, list[str]] = {}
    for line in rules:
        name, _blank, pattern = line.partition(" ")
        lists.setdefault(name, []).extend(pattern.split())
    for kind in ("users", "groups"):
        allowed, denied = lists.get(f"allow{kind}"), lists.get(f"deny{kind}", [])
        if allowed and not any(fnmatch(user, each.partition("@")[0]) for each in allowed):
            return True
        if any(fnmatch(user, each.partition("@")[0]) for each in denied):
            return True
    return False


def _is_open(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        try:
            connection.connect(path)
        except OSError:
            return False
    return True
