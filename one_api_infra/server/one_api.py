"""Starting One API, making sure that it answers, and claiming root."""

import secrets
import string
import time
from pathlib import Path

from one_api_infra.editions.api import DEFAULT_PASSWORD, Api, ApiError
from one_api_infra.server import paths
from one_api_infra.server.local import (
    CommandError,
    api,
    edition,
    link,
    must,
    run,
    site,
    tail,
    write,
)
from one_api_infra.site_file import SiteFile
from one_api_infra.texts import _

START_SECONDS = 120  # the first start may migrate a database; a failing tiktoken load takes 30 s
TRIES = 3
ALPHABET = string.ascii_letters + string.digits
PASSWORD_LENGTH = 20


def generate() -> None:
    """Add the secrets that this edition needs and that are not there yet; none is replaced."""
    path = Path(paths.GENERATED)
    lines = path.read_text().splitlines() if path.exists() else []
    there = {line.split("=", 1)[0] for line in lines}
    for name, length in edition(site()).generated.items():
        if name not in there:
            lines.append(f"{name}={_random(length)}")
    write(path, "\n".join(lines) + "\n")


def _random(length: int) -> str:
    """Letters and digits, each at most once: one-hub refuses a HASHIDS_SALT that repeats one."""
    return "".join(secrets.SystemRandom().sample(ALPHABET, length))


def activate(release: str) -> None:
    """Let One API run from ``release``; if it does not answer, the one before runs again."""
    current = Path(paths.CURRENT)
    before = current.readlink() if current.is_symlink() else None
    target = Path(f"{paths.ONE_API}/releases/{release}")
    if before != target:
        link(current, target)
    must("systemctl", "daemon-reload")
    must("systemctl", "enable", "--quiet", "one-api.service")
    if problem := _restart(site()):
        if before and before != target:
            link(current, before)
            _restart(site())
        raise CommandError(problem)
    if not is_confirmed():
        claim()  # at once: what listens now has the password that all the world knows
    if before and before != target:
        link(f"{paths.ONE_API}/previous", before)
        _forget_old_releases()


def _restart(site: SiteFile) -> str | None:
    """Restart and wait for ``/api/status``; what went wrong, if anything."""
    run("systemctl", "reset-failed", "one-api.service")
    code, output = run("systemctl", "restart", "one-api.service")
    if code:
        return _failure(output)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            api(site, token=False).status()
        except ApiError:
            if _restarts() >= TRIES:
                break
            time.sleep(0.1)
        else:
            Path(paths.RESTART_DUE).unlink(missing_ok=True)
            return None
    return _failure("")


def _restarts() -> int:
    """How often systemd has started it anew by itself."""
    return int(must("systemctl", "show", "--property=NRestarts", "--value", "one-api.service"))


def _failure(output: str) -> str:
    journal = run("journalctl", "--unit=one-api", "--lines=15", "--no-pager", "--output=cat")[1]
    cause = _("One API does not start or does not answer on /api/status.")
    remedy = _("Remedy: read `journalctl -u one-api`; its last words were:")
    return "\n".join([cause, output, remedy, tail(journal.splitlines())])


def _forget_old_releases() -> None:
    """Keep the current release and the one before it."""
    kept = {Path(f"{paths.ONE_API}/{name}").readlink() for name in ("current", "previous")}
    for release in Path(f"{paths.ONE_API}/releases").iterdir():
        if release not in kept:
            must("rm", "-rf", str(release))


def claim() -> None:
    """Make root ours: its password the stored one, and one access token kept."""
    current = site()
    client = api(current)
    password = _stored_password()
    if not _works(client):
        client = api(current, token=False)
        _enter(client, password)
        write(paths.ACCESS_TOKEN, client.new_token() + "\n")
    elif not is_confirmed() and not api(current, token=False).login(password):
        client.set_password(password)
    if client.edition.signs_keys and not client.canary():
        client.add_canary()
    write(paths.PASSWORD_CONFIRMED, _revision(Path(paths.ROOT_PASSWORD)))


def _stored_password() -> str:
    path = Path(paths.ROOT_PASSWORD)
    if not path.exists():
        write(path, _random(PASSWORD_LENGTH) + "\n")
    return path.read_text().strip()


def _works(client: Api) -> bool:
    """Whether the stored access token is accepted."""
    if "Authorization" not in client.headers:
        return False
    try:
        client.options()
    except ApiError:
        return False
    return True


def _enter(client: Api, password: str) -> None:
    """Log in as root with the stored password, setting it first where One API is new."""
    if client.edition.root == "setup" and not client.is_set_up():
        client.set_up(password)
    if client.login(password):
        return
    if client.edition.root == "default" and client.login(DEFAULT_PASSWORD):
        client.set_password(password)
        if client.login(password):
            return
    raise CommandError(
        _(
            "root's password in One API is neither the stored nor the default one.\n"
            "Remedy: write it to {path}, mode 600, or set `root_password`; then run again.",
            path=paths.ROOT_PASSWORD,
        )
    )


def is_confirmed() -> bool:
    """Whether One API has accepted the stored password, and nobody has written it since."""
    confirmed, stored = Path(paths.PASSWORD_CONFIRMED), Path(paths.ROOT_PASSWORD)
    if not (confirmed.exists() and stored.exists()):
        return False
    return confirmed.read_text() == _revision(stored)


def _revision(path: Path) -> str:
    """Another one after each write; unlike a hash it tells nothing of a human's password."""
    status = path.stat()
    return f"{status.st_ino}:{status.st_ctime_ns}"
