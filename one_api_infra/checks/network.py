"""Level 3: the ports, from outside."""

import re

from one_api_infra.checks.observation import Observation, Port
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Judge, Level, Skip
from one_api_infra.shared import units
from one_api_infra.shared.process import Holder
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

NGINX = "/usr/sbin/nginx"  # Debian's
OPEN_ALSO = N_(
    "`systemctl restart nginx`, `systemctl reload-or-restart one-api-firewall`; open TCP {port} in"
    " the cloud's security group"
)
BY_HAND = N_(
    "let nginx listen on port {port}; open TCP {port} in the server's firewall (ufw, firewalld,"
    " iptables) and in the cloud's security group"
)
FAULTS = {
    "closed": Fault(N_("{address} refuses connections to port {port}"), OPEN_ALSO, by_hand=BY_HAND),
    "filtered": Fault(
        N_("{address} does not answer on port {port}: a firewall swallows it"),
        N_(
            "open TCP {port} in the cloud's security group;"
            " `systemctl reload-or-restart one-api-firewall`; another firewall on the server (ufw,"
            " firewalld, fail2ban, a panel's) must let it in too"
        ),
        by_hand=BY_HAND,
    ),
}
CONTAINER = re.compile(r"(?:docker|libpod)-([0-9a-f]{12})[0-9a-f]*\.scope")


def _open(port: int, version: int) -> Judge:
    def judge(observation: Observation) -> Finding:
        if port == 80 and observation.target.is_proved_by_dns:
            return Skip(_("nobody needs port 80: the names are proved by DNS (dns-01)"))
        looked = [
            each for each in observation.ports if each.number == port and _version(each) == version
        ]
        if not looked:
            return Skip(_("the domain has no IPv{version} address", version=version))
        if all(each.state == "unreachable" for each in looked):
            return Skip(_("this machine has no IPv{version}", version=version))
        for each in looked:
            if each.state in FAULTS:
                values = {"address": each.address, "port": port}
                return Found(each.state, f"{each.address}:{port} {each.state}", values)
        return None

    return judge


def _version(port: Port) -> int:
    return 6 if ":" in port.address else 4


def _one_api_closed(observation: Observation) -> Finding:
    own = observation.target.one_api_ports
    looked = [each for each in observation.ports if each.number in own]
    if not looked:
        return Skip(_("One API's port is not known"))
    for each in looked:
        if each.state == "open":
            return Found("open", f"{each.address}:{each.number} open", {"port": each.number})
    return None


def _holder(observation: Observation) -> Finding:
    holders = observed(observation.on_server.holders)
    for port in ("80", "443"):
        holder = holders.get(port)
        if holder and not is_nginx(holder):
            return Found(kind(holder), f"ss: {port} {holder.program}", stop(holder, port))
    return None


def is_nginx(holder: Holder) -> bool:
    """Whether it is Debian's nginx, or one that was started by hand: a panel's is another one.

    A panel's may run in a unit of the same name.
    """
    is_named = holder.program == "nginx" and holder.unit in {"", units.NGINX}
    return is_named and not _is_panels(holder)


def kind(holder: Holder) -> str:
    """The fault of ``network.port_taken``, by what it takes to end a holder."""
    if holder.process == 1:
        return "socket"
    if _container(holder, ""):
        return "container"
    return "unit" if holder.unit and not _is_panels(holder) else "process"


def _is_panels(holder: Holder) -> bool:
    """Whether it is another nginx than Debian's: what its panel's unit ends is the panel."""
    return holder.program == "nginx" and holder.path not in {"", NGINX}


def stop(holder: Holder, port: str) -> dict[str, object]:
    """The values of a fault for who holds a port, with the command that ends it."""
    command = f"systemctl stop {holder.unit}" if holder.unit else f"kill {holder.process}"
    if _is_panels(holder):
        command = f"{holder.path} -s quit"
    container = _container(holder, port)
    return {
        "port": port,
        "holder": holder.program,
        "unit": holder.unit,
        "stop": f"docker stop {container}" if container else command,
        "container": container,
    }


def _container(holder: Holder, port: str) -> str:
    """The container for which a port is held, as a shell names it; empty if for none."""
    if found := CONTAINER.fullmatch(holder.unit):
        return found[1]
    return f"$(docker ps -aq --filter publish={port})" if holder.program == "docker-proxy" else ""


def _full_packets(observation: Observation) -> Finding:
    for each in observation.handshakes:
        if each.is_narrow:
            where = f"{each.name} @ {each.address}"
            return Found("lost", where, {"name": each.name, "address": each.address})
    return None


CHECKS = (
    Check(
        "network.port_taken",
        Level.NETWORK,
        N_("Ports 80 and 443 are nginx', and One API's port is its own"),
        {
            "unit": Fault(
                N_("{holder} holds port {port}"),
                N_(
                    "`{stop}`, then `systemctl restart nginx`; if it comes back at the next start:"
                    " `systemctl disable {unit}`"
                ),
            ),
            "container": Fault(
                N_("{holder} holds port {port}, for a container"),
                N_(
                    "`{stop}`, then `systemctl restart nginx`; so that it stays so at the next"
                    " start: `docker update --restart=no {container}`"
                ),
            ),
            "process": Fault(
                N_("{holder} holds port {port}; no systemd service of its own keeps it"),
                N_(
                    "`{stop}`, then `systemctl restart nginx`; if it comes back, stop what starts"
                    " it: a container, a panel, a cron job or somebody's shell"
                ),
            ),
            "socket": Fault(
                N_("systemd holds port {port} for a socket unit"),
                N_(
                    "`systemctl list-sockets` names it: disable and stop that one, then"
                    " `systemctl restart nginx`"
                ),
            ),
            "one_api": Fault(
                N_("{holder} holds port {port}, which One API needs"),
                N_('`{stop}`; or set "one_api_port" to a free one'),
            ),
            "second": Fault(
                N_("{holder} holds port {port}, which One API needs while it is upgraded"),
                N_('`{stop}`; or set "one_api_second_port" to a free one'),
            ),
        },
        _holder,
    ),
    Check(
        "network.one_api_closed",
        Level.NETWORK,
        N_("One API's own port is closed from outside"),
        {
            "open": Fault(
                N_("One API's port {port} answers the world, past nginx"),
                N_("`systemctl reload-or-restart one-api-firewall`"),
                by_hand=N_("close TCP {port} in the server's firewall and in the security group"),
            )
        },
        _one_api_closed,
        ("dns.points_here",),
    ),
    *(
        Check(
            f"network.{name}_open{'_ipv6' if version == 6 else ''}",
            Level.NETWORK,
            N_("Port 443 answers over IPv4")
            if (port, version) == (443, 4)
            else N_("Port 80 answers over IPv4")
            if (port, version) == (80, 4)
            else N_("Port 443 answers over IPv6, if the domain has an AAAA record")
            if (port, version) == (443, 6)
            else N_("Port 80 answers over IPv6, if the domain has an AAAA record"),
            FAULTS,
            _open(port, version),
            ("dns.resolves", "dns.is_public", "dns.points_here", "network.port_taken"),
        )
        for version in (4, 6)
        for name, port in (("https", 443), ("http", 80))
    ),
    Check(
        "network.full_packets",
        Level.NETWORK,
        N_("Packets of full size arrive"),
        {
            "lost": Fault(
                N_(
                    "packets of full size get lost on the way from {address} (its MTU is smaller"
                    " than the server's): gateways behind such a way never see an answer"
                ),
                N_(
                    "`ip link set dev $(ip -o route get 192.0.2.1 | grep -oP 'dev \\K\\S+')"
                    " mtu 1280`, and write that MTU where the server's network is configured"
                ),
            )
        },
        _full_packets,
        ("network.https_open",),
    ),
)
