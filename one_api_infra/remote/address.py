"""The address by which a host is reached."""

from pyinfra.api import Host

from one_api_infra.remote import ssh


def of(host: Host) -> str:
    """The IP address that ssh connects to; the name itself where it cannot be looked up here."""
    return ssh.address(host.name, host.data.dict())
