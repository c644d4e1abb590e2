"""Starting One API, making sure that it answers, and claiming root."""

import contextlib
import hashlib
import secrets
import string
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

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
from one_api_infra.shared import editions, environment_file, paths, started, units
from one_api_infra.shared.editions.api import DEFAULT_PASSWORD, Api, ApiError
from one_api_infra.shared.texts import _

USER = "one-api"
START_SECONDS = 120  # a failing tiktoken load takes 30
MIGRATION_SECONDS = 1800  # of a large database
TRIES = 3
PULSE = 0.1  # seconds of the processor; Go's runtime uses less when nothing is done
ALPHABET = string.ascii_letters + string.digits
PASSWORD_LENGTH = 20


def as_its_user(command: str) -> str:
    """What a command of ours prints that One API's own user runs, who knows the database's URL.

    Root opens no database of that user's: SQLite deletes what a crafted journal names.
    """
    words = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe"]
    words += [f"--property=User={USER}", "--property=PrivateTmp=yes"]
    if Path(paths.GIVEN).exists():
        words.append(f"--property=LoadCredential=given.env:{paths.GIVEN}")
    return must(*words, *paths.agent(command).split())


def generate() -> None:
    """Add the secrets that this edition needs and that are not there yet; none is replaced.

    With other secrets all customers' keys are void: lost ones come back from the copy, or from
    the environment of the One API that still runs.
    """
    found = _running() | _variables(paths.GENERATED_COPY) | _variables(paths.GENERATED)
    for name, length in edition(site()).generated.items():
        found.setdefault(name, _random(length))
    keep(found)


def keep(secrets: Mapping[str, str]) -> None:
    """Let these be One API's secrets; an empty one is none, and stays so."""
    text = environment_file.text(secrets.items())
    write(paths.GENERATED, text)
    write(paths.GENERATED_COPY, text)


def _variables(path: str) -> dict[str, str]:
    """The secrets in a file of ours."""
    text = Path(path).read_text(errors="replace") if Path(path).is_file() else ""
    return environment_file.values(text)


def _running() -> dict[str, str]:
    """The secrets with which One API was started, if it runs."""
    process = run("systemctl", "show", "--property=MainPID", "--value", units.ONE_API)[1]
    try:
        entries = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    except (OSError, ValueError):
        return {}
    known = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    wanted = edition(site()).generated
    return {name: value for name, value in known.items() if name in wanted}


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
    _read_unit()
    is_ours = is_confirmed()  # before the start, which makes a database where there is none
    # What was adopted has the password of its own root.
    is_safe = is_ours or Path(paths.ADOPTED).exists()
    with contextlib.nullcontext() if is_safe else _closed():
        if problem := restart():
            if before and before != target:
                link(current, before)
                restart()
            raise CommandError(problem)
        if not is_ours:
            claim()
    if before and before != target:
        link(paths.PREVIOUS, before)
        forget_old_releases()


def _read_unit() -> None:
    """Let systemd know the unit as it is now, and start it at boot; each reading takes 0.2 s."""
    wanted = ("--property=UnitFileState", "--property=NeedDaemonReload")
    told = run("systemctl", "show", *wanted, units.ONE_API)[1]
    if set(told.split()) == {"UnitFileState=enabled", "NeedDaemonReload=no"}:
        return
    must("systemctl", "daemon-reload")
    must("systemctl", "enable", "--quiet", units.ONE_API)


@contextlib.contextmanager
def _closed() -> Iterator[None]:
    """No way to a One API that has the password all the world knows: its sessions outlive it.

    nginx serves others too: it starts again when root is claimed, or when One API was stopped.
    """
    nginx = units.NGINX
    if run("systemctl", "is-active", nginx)[0]:
        yield
        return
    must("systemctl", "stop", nginx)
    try:
        yield
    except BaseException:
        run("systemctl", "stop", units.ONE_API)
        raise
    finally:
        must("systemctl", "start", nginx)


def restart() -> str | None:
    """Restart and wait for ``/api/status``; what went wrong, if anything."""
    run("systemctl", "reset-failed", units.ONE_API)
    code, output = run("systemctl", "restart", units.ONE_API)
    if code:
        return failure(output)
    if problem := wait(units.ONE_API, site().one_api_port):
        return problem
    Path(paths.RESTART_DUE).unlink(missing_ok=True)
    return None


def wait(unit: str, port: int, idle: int = START_SECONDS) -> str | None:
    """Wait for ``/api/status`` of an instance; what went wrong, if anything.

    It is given up after ``idle`` seconds in which it uses no processor.
    """
    began = worked = time.monotonic()
    used = _processor_seconds(unit)
    while (now := time.monotonic()) < min(began + MIGRATION_SECONDS, worked + idle):
        for _try in range(10):  # it answers soon, and systemd's word takes longer than its own
            if answers(port):
                return None
            time.sleep(0.02)
        if _restarts(unit) >= TRIES:
            break
        if abs((until_now := _processor_seconds(unit)) - used) > PULSE:
            used, worked = until_now, now
    return failure("", unit)


def answers(port: int | None = None) -> bool:
    """Whether an instance tells its status; the site's own if no port is given."""
    current = site()
    try:
        at = f"http://127.0.0.1:{port or current.one_api_port}"
        Api(edition(current), at).status()
    except ApiError:
        return False
    return True


def edition_at(port: int) -> str:
    """The edition that an instance says it is; empty if it says nothing."""
    with contextlib.suppress(ApiError):
        return editions.of_status(Api(edition(site()), f"http://127.0.0.1:{port}").status()).title
    return ""


def _processor_seconds(unit: str) -> float:
    """What it has used since its start."""
    used = must("systemctl", "show", "--property=CPUUsageNSec", "--value", unit).strip()
    return int(used) / 1e9 if used.isdecimal() else 0.0


def _restarts(unit: str) -> int:
    """How often systemd has started it anew by itself."""
    return int(must("systemctl", "show", "--property=NRestarts", "--value", unit))


def failure(output: str, unit: str = units.ONE_API) -> str:
    """What an instance that does not answer has said."""
    name = unit.removesuffix(".service")
    journal = run("journalctl", f"--unit={name}", "--lines=15", "--no-pager", "--output=cat")[1]
    cause = _("One API does not start or does not answer on /api/status.")
    remedy = _("Remedy: read `journalctl -u {unit}`; its last words were:", unit=name)
    return "\n".join([cause, output, remedy, tail(journal.splitlines())])


def environment() -> dict[str, str]:
    """The variables with which One API is started."""
    found: dict[str, str] = {}
    for path in (paths.ENVIRONMENT, paths.GENERATED, paths.GIVEN):
        found |= _variables(path)
    return found


def files_sum() -> str:
    """The sum of the files that One API reads when it starts."""
    return run("sh", "-c", started.FILES_SUM)[1].split()[0]


def forget_old_releases() -> None:
    """Keep the current release and the one before it."""
    links = map(Path, (paths.CURRENT, paths.PREVIOUS))
    kept = {each.readlink() for each in links if each.is_symlink()}
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
        _must_be_its_database(client)
        write(paths.ACCESS_TOKEN, client.new_token() + "\n")
    elif not is_confirmed() and not api(current, token=False).login(password):
        client.set_password(password)
    if client.edition.signs_keys and not client.canary():
        client.add_canary()
    confirm()


def confirm() -> None:
    """Note that the stored password is the one that the database has."""
    write(paths.PASSWORD_CONFIRMED, _revision(Path(paths.ROOT_PASSWORD)) + _database())


def _must_be_its_database(client: Api) -> None:
    """CommandError where another server's secrets made the database's keys.

    A new token of root's would take that server's own from it.
    """
    key = client.canary() if client.edition.signs_keys else None
    if key and not client.opens(key):
        raise CommandError(
            _(
                "another server's secrets made the keys in this database: with those of this one"
                " all are dead. One database is one server's.\n"
                "Remedy: give this one a database of its own; or, if that server is gone, bring its"
                " {path} here; or, if that is lost, delete the key one-api-infra on root's page of"
                " keys, whose others are dead too. Then run again.",
                path=paths.GENERATED,
            )
        )


def _stored_password() -> str:
    path = Path(paths.ROOT_PASSWORD)
    if not path.is_file():
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
    if not (confirmed.is_file() and stored.is_file()):
        return False
    return confirmed.read_text() == _revision(stored) + _database()


def _database() -> str:
    """Changes with the database: a new one has the default root password."""
    given, data = Path(paths.GIVEN), Path(paths.DATABASE)
    content = given.read_bytes() if given.exists() else b""
    return f":{hashlib.sha256(content).hexdigest()}:{content != b'' or data.exists()}"


def _revision(path: Path) -> str:
    """Another one after each write; unlike a hash it tells nothing of a human's password.

    Not ctime: other rights are no other password, and nginx would rest for it.
    """
    status = path.stat()
    return f"{status.st_ino}:{status.st_mtime_ns}"
