"""Where a backup goes: a repository of restic, as the setting ``backup`` names it.

The forms are restic's own (its manual, "Preparing a new repository"), and one more: a server that
takes what is new and lets nobody delete, by ``rclone serve restic --stdio --append-only`` as the
forced command of an ssh key.
"""

import re
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from one_api_infra.shared import paths
from one_api_infra.shared.database import USERINFO

FORM = re.compile(
    r"(?P<folder>(?:/[\w.@+,=~-]+)+)"
    r"|sftp:(?P<sftp>[\w.-]+@[\w.-]+):/?[\w.@+,=~-]+(?:/[\w.@+,=~-]+)*/?"
    r"|(?P<scheme>sftp|rclone\+ssh)://(?P<login>[\w.-]+@[\w.-]+)(?::(?P<port>\d{1,5}))?"
    r"(?:/{1,2}[\w./@+,=~-]*)?"
    r"|(?:s3|rest):https?://[^\s'\"\\]+|s3:[\w.-]+/[\w./-]+"
    r"|(?:b2|azure|gs|swift):[\w.-]+:[\w./-]*"
)
PASSWORD = re.compile(r"(?<=//)([^/@:]*):[^/]*@")


@dataclass(frozen=True)
class Repository:
    """``url`` is restic's word for it, which may hold a password; ``name`` is shown.

    ``folder`` is empty for a repository that is elsewhere; ``options`` are restic's.
    """

    url: str
    name: str
    folder: str = ""
    options: tuple[str, ...] = ()

    @property
    def needs_ssh(self) -> bool:
        """Whether restic gets there by ssh."""
        return any("ssh" in option for option in self.options)


def parse(text: str) -> Repository:
    """The repository that a text names; ValueError if it names none."""
    found = FORM.fullmatch(text)
    if not found:
        raise ValueError("no repository")
    if "//" in text:
        parts = urlsplit(text.partition(":")[2])
        _ = parts.port  # a password with a / ends where a port should
        # What restic cannot read it prints, password and all.
        if not USERINFO.fullmatch(parts.netloc.rpartition("@")[0]):
            raise ValueError("no userinfo")
    name = PASSWORD.sub(r"\1@", text)
    if login := found["sftp"] or found["login"]:
        return _by_ssh(text, name, found["scheme"] or "sftp", login, found["port"] or "22")
    return Repository(text, name, found["folder"] or "")


def masked(words: str) -> str:
    """A program's words without a URL's password."""
    return PASSWORD.sub(r"\1@", words)


def _by_ssh(text: str, name: str, scheme: str, login: str, port: str) -> Repository:
    """With ssh told which key is ours: root's own files are nobody's matter here."""
    known = f"'UserKnownHostsFile={paths.BACKUP_FIRST_CONTACTS} {paths.BACKUP_KNOWN_HOSTS}'"
    own = ("BatchMode=yes", "IdentitiesOnly=yes", f"IdentityFile={paths.BACKUP_SSH_KEY}", known,
           # rclone, which reads the same file, may ask for a key of another kind than ssh did.
           "UpdateHostKeys=yes", "StrictHostKeyChecking=accept-new", "ConnectTimeout=20",
           "ServerAliveInterval=15", f"Port={port}")  # fmt: skip
    ssh = " ".join(["ssh", *(f"-o {each}" for each in own), shlex.quote(login)])
    if scheme == "sftp":
        return Repository(text, name, options=("-o", f"sftp.command={ssh} -s sftp"))
    return Repository("rclone:", name, options=("-o", f"rclone.program={ssh}"))
