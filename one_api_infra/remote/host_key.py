"""The server's own key, compared with what the inventory says before anything is run there."""

from pyinfra.api import Host

from one_api_infra.remote import ssh
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError


def check(host: Host) -> None:
    """Refuse a server with another key; without the setting the first contact is believed."""
    wanted = host.data.get(ssh.SETTING)
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    if not wanted or transport is None:
        return
    found = ssh.fingerprint(transport.get_remote_server_key().asbytes())
    if found != wanted:
        expected = _("the server's key is {wanted}; it is {found}", wanted=wanted, found=found)
        remedy = _(
            "somebody else may answer in its place: compare with `ssh-keygen -lf"
            " /etc/ssh/ssh_host_ed25519_key.pub` on the server's console"
        )
        raise ValidationError([Problem(ssh.SETTING, expected, remedy)])
