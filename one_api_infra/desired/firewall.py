"""The firewall: ssh on the port in use, 80, 443 and what the admin opens; all else is closed."""

import re

from one_api_infra.desired import render
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths, units, upgrade

SSH_SOCKET = "ssh.socket"
ROLLBACK = "one-api-firewall-rollback"
ROLLBACK_SECONDS = 45
LISTENER = re.compile(r'(?P<address>\S+):(?P<port>\d+)\s+\S+\s*(?:users:\(\("(?P<name>[^"]+)")?')
LOOPBACK = ("127.", "::1", "::ffff:127.")
LINK_NAMES = 5355  # of the local link (LLMNR): systemd-resolved listens there on TCP too
CLIENT_PORTS = (68, 123, 546, 5353, LINK_NAMES)  # DHCP, NTP as a client, names of the local link
GUARD_PRIORITY = 31  # of the routing rule: after the kernel's "local", before any of the admin's
EPHEMERAL = 32768  # Linux' first port for clients
CANDIDATE = f"{paths.FIREWALL}.candidate"
MARK = paths.FIREWALL_LOADED
RULES_SUM = "nft -t list table inet one_api_infra 2>&1 | sha256sum"
PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


def listeners(snapshot: Snapshot, protocol: str = "tcp") -> dict[int, str]:
    """The ports that listen on more than loopback, with the program that holds each."""
    found: dict[int, str] = {}
    for line in snapshot.probes.get("listeners", ()):
        match = LISTENER.search(line.split(maxsplit=4)[-1]) if line.startswith(protocol) else None
        if match and not match["address"].strip("[]").startswith(LOOPBACK):
            found[int(match["port"])] = match["name"] or "?"
    return found


def udp_listeners(snapshot: Snapshot) -> dict[int, str]:
    """The same for UDP; the ports that the kernel hands to clients are no servers."""
    held = listeners(snapshot, "udp")
    lowest = int(snapshot.probe("ephemeral_ports") or EPHEMERAL)
    of_kernel = {port: "kernel" for port, name in held.items() if name == "?"}  # WireGuard's
    return {port: name for port, name in held.items() if port < lowest} | of_kernel


def ssh_ports(snapshot: Snapshot) -> tuple[int, ...]:
    """The ports of sshd, and those of ``ssh.socket`` on which something listens."""
    held = listeners(snapshot)
    sshd = {port for port, name in held.items() if name == "sshd"}
    socket = {int(port) for port in re.findall(r":(\d+)", snapshot.unit(SSH_SOCKET, "Listen"))}
    return tuple(sorted(sshd | (socket & set(held))))


def ports(site: Site, snapshot: Snapshot) -> tuple[int, ...]:
    """The open TCP ports."""
    return tuple(sorted({*ssh_ports(snapshot), 80, 443, *site.open_tcp_ports}))


def closed(site: Site, snapshot: Snapshot) -> dict[str, str]:
    """Servers of the admin's that the firewall would cut off without being told to.

    By port (``6379``, ``51820/udp``) the program that listens there.
    """
    if snapshot.is_active(units.FIREWALL):
        return {}
    kept = {LINK_NAMES, *ports(site, snapshot), *site.ports}
    tcp = {str(port): name for port, name in listeners(snapshot).items() if port not in kept}
    kept_udp = {*CLIENT_PORTS, *site.open_udp_ports}
    udp = {f"{p}/udp": name for p, name in udp_listeners(snapshot).items() if p not in kept_udp}
    return dict(sorted({**tcp, **udp}.items()))


def rules(site: Site, snapshot: Snapshot) -> File:
    """The rules; for a snapshot without ssh (``manifest.check``) port 22 stays open."""
    opened = ports(site, snapshot) if ssh_ports(snapshot) else (22, 80, 443, *site.open_tcp_ports)
    return render.file(
        paths.FIREWALL,
        "600",
        ports=opened,
        udp_ports=site.open_udp_ports,
        connections=site.connections_per_address,
        proxies=site.proxies,
        payments_from=upgrade.PAYMENTS_FROM,
    )


def files(site: Site) -> tuple[File, ...]:
    """The guard of One API's port, and the unit that loads all before the network is up."""
    guard = render.file(paths.PORT_GUARD, "755", ports=site.ports, priority=GUARD_PRIORITY)
    return guard, render.file(
        units.path(units.FIREWALL), rules=paths.FIREWALL, guard=paths.PORT_GUARD
    )


def is_due(site: Site, snapshot: Snapshot) -> bool:
    """Whether what is loaded differs from what should be: the table, the file, unit or guard."""
    sums = [line.split()[0] for line in snapshot.probes.get("firewall", ()) if line]
    loaded = len(sums) == 2 and sums[0] == sums[1] and snapshot.probe("port_guard") == "stands"
    written = all(snapshot.has_file(file) for file in (rules(site, snapshot), *files(site)))
    runs = snapshot.is_active(units.FIREWALL) and snapshot.starts_at_boot(units.FIREWALL)
    return not (loaded and written and runs)


def track_script() -> str:
    """Let the kernel know the connections that are open, in the place of the rules to come.

    The rules let established ones live. One that the kernel has not seen is none: the next packet
    of a transfer that pauses just then would be dropped, and each that repeats it.
    """
    table = "inet one_api_infra"
    return (
        f"nft list table {table} >/dev/null 2>&1 || nft 'add table {table};"
        f" add chain {table} output {{ type filter hook output priority filter; policy accept; }};"
        f" add rule {table} output ct state established accept'"
    )


def apply_script() -> str:
    """Read rules from standard input (base64), check them, arm the roll-back, load them."""
    back = "nft delete table inet one_api_infra;"
    back += f" [ ! -e {paths.FIREWALL} ] || nft -f {paths.FIREWALL}"
    return (
        f"set -e; umask 077; base64 -d >{CANDIDATE}; nft -c -f {CANDIDATE};"
        f" systemctl stop {ROLLBACK}.timer 2>/dev/null || true;"
        f" systemctl reset-failed {ROLLBACK}.service 2>/dev/null || true;"
        f" systemd-run --quiet --collect --unit={ROLLBACK} --on-active={ROLLBACK_SECONDS}"
        f" --timer-property=AccuracySec=1s /bin/sh -c '{back}'; nft -f {CANDIDATE}"
    )


def confirm_script() -> str:
    """Disarm the roll-back and keep the rules; only a new connection may run this."""
    return (
        f"set -e; systemctl stop {ROLLBACK}.timer; mv -fT {CANDIDATE} {paths.FIREWALL};"
        # To enable it lets systemd read all units anew.
        f" systemctl enable --quiet {units.FIREWALL}; systemctl start {units.FIREWALL};"
        # Not restarted: One API requires the unit, and would be restarted with it.
        f" systemctl reload {units.FIREWALL};"
        f" {RULES_SUM} >{MARK}"
    )


def concern(site: Site) -> Concern:
    """The firewall's part; its rules follow from what listens on the server."""
    return Concern(
        files=files(site),
        units=(units.FIREWALL,),
        beside=SnapshotSpec(
            paths=(paths.FIREWALL,),
            units=(SSH_SOCKET,),
            probes={
                "listeners": "ss -Htulnp",
                "ephemeral_ports": f"read low high <{PORT_RANGE}; echo $low",
                "firewall": f"{RULES_SUM}; cat {MARK} 2>&1",
                "port_guard": f"{paths.PORT_GUARD} --check 2>/dev/null && echo stands || echo gone",
            },
        ),
    )
