"""SQLite's stream: every change of the database leaves the server within seconds.

Litestream watches the database as One API's own user and gives what has changed to rclone, by
WebDAV on loopback; rclone encrypts it and puts it beside restic's repository. Litestream encrypts
nothing itself, and would need the repository's keys: One API's user must not have them.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

from one_api_infra.shared import paths

PORT = 8411
URL = f"http://127.0.0.1:{PORT}"
USER, PASSWORD = "stream", "STREAM_PASSWORD"  # the second is a variable's name
FOLDER = "one-api-stream"  # in the repository's folder
BASE, REMOTE = "base", "stream"  # rclone's remotes
SFTP = re.compile(r"sftp:(?P<user>[^@/]+)@(?P<host>[^:/]+):(?P<folder>.+)")
SFTP_URL = re.compile(r"sftp://(?P<user>[^@]+)@(?P<host>[^:/]+)(?::(?P<port>\d+))?/(?P<folder>.+)")
S3 = re.compile(r"s3:(?P<endpoint>(?:https?://)?[^/]+)/(?P<folder>.+)")
AWS = re.compile(r"s3[.-]([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com")
# rclone's names: of one it does not know it asks by path, which some refuse (OSS).
PROVIDERS = {
    "amazonaws.com": "AWS", "aliyuncs.com": "Alibaba", "myqcloud.com": "TencentCOS",
    "myhuaweicloud.com": "HuaweiOBS", "r2.cloudflarestorage.com": "Cloudflare",
}  # fmt: skip
SFTP_OPTIONS = {"shell_type": "none", "disable_hashcheck": "true", "key_file": paths.BACKUP_SSH_KEY}


@dataclass(frozen=True)
class Carrier:
    """How rclone reaches a place beside a repository: ``remote`` and its ``options``."""

    remote: str
    options: Mapping[str, str]

    @property
    def is_here(self) -> bool:
        """Whether it is a folder of this server, which is lost with it unless it is another's."""
        return not self.options


def carrier(repository: str) -> Carrier | None:
    """How the stream reaches a repository (as ``backup`` names it); None where it cannot.

    restic's own server and an append-only one take nothing but restic's files.
    """
    if repository.startswith("/"):
        return Carrier(f"{repository.rstrip('/')}/{FOLDER}", {})
    if found := SFTP.fullmatch(repository) or SFTP_URL.fullmatch(repository):
        where = {"type": "sftp", "host": found["host"], "user": found["user"]}
        port = found.groupdict().get("port") or "22"
        return _at(found["folder"], {**where, **SFTP_OPTIONS, "port": port})
    if found := S3.fullmatch(repository):
        endpoint = found["endpoint"]
        known = (name for sign, name in PROVIDERS.items() if sign in endpoint)
        where = {
            "type": "s3",
            "provider": next(known, "Other"),
            "env_auth": "true",
            "endpoint": endpoint,
        }
        if region := AWS.search(endpoint):
            where["region"] = region[1]
        return _at(found["folder"], where)
    return None


def _at(folder: str, options: Mapping[str, str]) -> Carrier:
    return Carrier(f"{BASE}:{folder.rstrip('/')}/{FOLDER}", options)


def variables(carrier: Carrier, obscured: str, known_hosts: str) -> dict[str, str]:
    """rclone's environment; ``obscured`` is the password as ``rclone obscure`` writes it."""
    options = dict(carrier.options)
    if options.get("type") == "sftp":
        options["known_hosts_file"] = known_hosts
    base = {f"RCLONE_CONFIG_{BASE}_{name}": value for name, value in options.items()}
    crypt = {
        "type": "crypt", "remote": carrier.remote, "password": obscured,
        "filename_encryption": "off", "directory_name_encryption": "false",
    }  # fmt: skip
    own = {f"RCLONE_CONFIG_{REMOTE}_{name}": value for name, value in crypt.items()}
    # On S3 each file's own time would be a request: thousands for each look of the monitor.
    own["RCLONE_USE_SERVER_MODTIME"] = "true"
    return {name.upper(): value for name, value in (base | own).items()}


def region(name: str) -> dict[str, str]:
    """rclone's variable for S3's region, where one is set for restic, which finds it by itself."""
    return {f"RCLONE_CONFIG_{BASE}_REGION".upper(): name} if name else {}


def password(backup_password: str) -> str:
    """What Litestream shows rclone, so that no other user of the server can ask it anything."""
    return hmac.new(backup_password.encode(), FOLDER.encode(), hashlib.sha256).hexdigest()


def stored(listing: str) -> Iterator[float]:
    """When the files of a WebDAV listing were stored, as seconds since 1970."""
    return (moment.timestamp() for moment in _moments(listing))


def _moments(listing: str) -> Iterator[datetime]:
    for response in ElementTree.fromstring(listing).iter("{DAV:}response"):  # noqa: S314
        is_folder = response.find(".//{DAV:}collection") is not None
        text = response.findtext(".//{DAV:}getlastmodified")
        if text and not is_folder:
            yield parsedate_to_datetime(text)
