"""A tunnel: a public name on a server for a developer's One API, which stands behind a NAT.

OpenSSH's remote forwarding makes two sockets on the server: nginx hands callbacks to one, where
the developer's ``one-api-infra tunnel`` watches them, and all else to the other.
"""

from dataclasses import dataclass

from one_api_infra.shared import paths

PREFIX = "one-api-tunnel-"  # of users and of certbot's lineages: no domain begins so
WEB, CALLBACKS = "web", "callbacks"  # sockets
REPLAY = "X-One-Api-Infra-Replay"  # header: the id of a recorded callback that is sent again
RECORDED = "X-One-Api-Infra-Recorded"  # header: when it came, seconds since 1970


@dataclass(frozen=True)
class Tunnel:
    """``key`` is the developer's public ssh key, as in its ``.pub`` file."""

    name: str
    domain: str
    key: str

    @property
    def user(self) -> str:
        """The only user whom the key lets in, and who can do nothing but forward."""
        return f"{PREFIX}{self.name}"

    @property
    def lineage(self) -> str:
        """certbot's name for its certificate."""
        return self.user

    @property
    def folder(self) -> str:
        """What the user sees as ``/``."""
        return folder(self.user)

    @property
    def sockets(self) -> str:
        """Where its sockets are made: the one folder that the user can write."""
        return f"{self.folder}/s"

    @property
    def key_file(self) -> str:
        """What sshd reads."""
        return key_file(self.user)

    @property
    def callback_log(self) -> str:
        """A record of its own: in the site's, a developer's callbacks would be strangers."""
        return callback_log(self.user)

    def socket(self, kind: str) -> str:
        """A socket's path on the server."""
        return f"{self.sockets}/{kind}"

    def forwarded(self, kind: str) -> str:
        """A socket's path as the user sees it."""
        return f"/s/{kind}"


def folder(user: str) -> str:
    """A tunnel's folder, by its user."""
    return f"{paths.TUNNELS}/{user}"


def key_file(user: str) -> str:
    """A tunnel's key, by its user."""
    return f"{paths.TUNNEL_KEYS}/{user}"


def callback_log(user: str) -> str:
    """A tunnel's callback log, by its user."""
    return f"{paths.CALLBACK_LOG.rpartition('/')[0]}/{user}.log"
