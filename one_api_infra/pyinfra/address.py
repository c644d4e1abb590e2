"""The address by which a host is reached."""

import ipaddress
import socket

from pyinfra.api import Host


def of(host: Host) -> str:
    """The IP address that ssh connects to; the name itself where it cannot be looked up here."""
    name = host.data.get("ssh_hostname") or host.name
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)[0][4][0])
    except OSError:
        return str(name)
