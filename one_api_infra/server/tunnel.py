"""Tunnels on the server: sending callbacks again that came while a developer was away."""

import contextlib
import http.client
import random
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from one_api_infra.server import accounts, certbot, certificate
from one_api_infra.server.callbacks import log, loopback
from one_api_infra.server.local import must, run, site, write
from one_api_infra.shared import callback, paths, tunnel, units
from one_api_infra.shared.callback import Callback
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.tunnel import CALLBACKS, Tunnel

SECONDS = 40.0  # One API has thirty
RUN_SECONDS = 300.0
GIVE_UP = 4 * 86400.0  # no gateway calls, and no order waits, any longer
UNANSWERED = (502, 504)  # nginx' own words for a developer who is away
# The developer's end, for a One API that does not run or limits its callers.
LATER = (429, 502, 503, 504)
ERROR = 500  # One API's own: the first callback after a start may panic
TRIES, PAUSE = 3, 1.0  # seconds
UNIT_FILES = (units.TUNNEL_TIMER, units.TUNNEL)
SERVICE_USER = "one-api-tunnel"


class Socket(http.client.HTTPConnection):
    """HTTP by a unix socket."""

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


def send() -> None:
    """Send on what is due in every tunnel, each from where the last run ended."""
    until = time.monotonic() + RUN_SECONDS
    tunnels = list(site().tunnels)
    random.shuffle(tunnels)  # one that takes all the time does not take it every time
    for each in tunnels:
        state = Path(paths.TUNNEL_STATE, each.name)
        for place in _sent(each, _place(state), until):
            write(state, place.plain(), 0o640)


def _place(state: Path) -> log.Place:
    try:
        return log.Place.parse(state.read_text())
    except (OSError, ValueError, TypeError):
        return log.Place()


def _sent(each: Tunnel, place: log.Place, until: float) -> Iterator[log.Place]:
    """The place after each line that needs no more; it ends at the first that cannot be sent."""
    for lines, after in log.batches(Path(each.callback_log), place):
        offset = after.offset - sum(map(len, lines))
        for line in lines:
            found = callback.parse(line)
            if found and is_due(found, time.time()) and not _send(each, found):
                return
            offset += len(line)
            yield log.Place(after.head, offset)
            if time.monotonic() > until:
                return


def is_due(found: Callback, now: float) -> bool:
    """Whether a recorded callback never came to the developer, and may still count."""
    return found.status in UNANSWERED and found.body_is_whole and now - found.at < GIVE_UP


def _send(each: Tunnel, found: Callback) -> bool:
    """Whether the developer's end has taken it; one that breaks One API holds up no other."""
    for _try in range(TRIES):
        if (status := _answer(each, found)) != ERROR:
            return status not in LATER
        time.sleep(PAUSE)
    return True


def _answer(each: Tunnel, found: Callback) -> int:
    """What the developer's end says; the rules of what is passed on stand there."""
    request = loopback.as_it_came(found)
    told = {**request.headers, "X-Real-IP": found.client, "Host": each.domain}
    told |= {tunnel.REPLAY: found.id, tunnel.RECORDED: str(found.at)}
    headers = {name: value.encode() for name, value in told.items()}
    connection = Socket(each.socket(CALLBACKS), timeout=SECONDS)
    try:
        connection.request(request.method, ascii_uri(request.uri), request.body or None, headers)
        return connection.getresponse().status
    except (http.client.InvalidURL, ValueError):
        return 400  # what strangers have sent, and nobody can send again
    except (OSError, http.client.HTTPException):
        return UNANSWERED[0]
    finally:
        connection.close()


def ascii_uri(uri: str) -> str:
    """A URI in which somebody has left letters that belong into percent signs."""
    return "".join(each if each.isascii() else quote(each) for each in uri)


def end_connections() -> None:
    """Let whoever is in by a key that was replaced begin again; the keys are noted for whom not."""
    Path(paths.TUNNEL_KEYS_ENDED).mkdir(mode=0o700, exist_ok=True)
    for each in site().tunnels:
        key, ended = Path(each.key_file).read_text(), Path(paths.TUNNEL_KEYS_ENDED, each.user)
        if not ended.exists() or ended.read_text() != key:
            accounts.end_connections(each.user)
            write(ended, key)


def remove_others() -> None:
    """Take away the tunnels that the site no longer has, with all that was theirs."""
    current = site()
    wanted = {each.user for each in current.tunnels}
    for user in sorted(_there() - wanted):
        _remove(current, user)
    if not wanted:
        _remove_service()


def _there() -> set[str]:
    """The tunnels of which anything is here, by their users."""
    users = (line.partition(":")[0] for line in Path("/etc/passwd").read_text().splitlines())
    lineages = (each.name for each in certificate.of_certbot())
    names = (*users, *lineages, *(path.name for path in Path(paths.TUNNELS).glob("*")))
    return {name for name in names if name.startswith(tunnel.PREFIX)}


def _remove(current: SiteFile, user: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        Path(tunnel.key_file(user)).unlink()  # else it is back before the user is gone
    accounts.end(user)
    if any(each.name == user for each in certificate.of_certbot()):
        certbot.delete(current, user)
    shutil.rmtree(tunnel.folder(user), ignore_errors=True)
    record = Path(tunnel.callback_log(user))
    state = Path(paths.TUNNEL_STATE, user.removeprefix(tunnel.PREFIX))
    ended = Path(paths.TUNNEL_KEYS_ENDED, user)
    for path in (*record.parent.glob(f"{record.name}*"), state, ended):
        path.unlink(missing_ok=True)


def _remove_service() -> None:
    for unit in UNIT_FILES:
        run("systemctl", "disable", "--now", "--quiet", unit)
        Path(units.path(unit)).unlink(missing_ok=True)
    for path in (paths.TUNNEL_SSH, paths.TUNNEL_SSH_LOADED):
        Path(path).unlink(missing_ok=True)
    own = (paths.TUNNELS, paths.TUNNEL_KEYS, paths.TUNNEL_KEYS_ENDED, paths.TUNNEL_STATE)
    for folder in own:
        shutil.rmtree(folder, ignore_errors=True)
    run("userdel", SERVICE_USER)
    must("systemctl", "daemon-reload")
    must("systemctl", "reload", "ssh")
