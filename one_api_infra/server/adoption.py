"""A One API that somebody has set up by hand on this server becomes the site, and the way back.

What was there is stopped and stays whole: its database is copied, its secrets are read, its files
are left. A run that was killed is ended by the next, from what the first has noted.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

from one_api_infra.server import adoption_look, database, dump, one_api, upgrade
from one_api_infra.server.local import CommandError, edition, must, run, site, write
from one_api_infra.shared import adoption, environment_file, foreign, paths, plain, units
from one_api_infra.shared.adoption import Found
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.texts import _

USER = "one-api"
TOKEN_BYTES = 16  # One API's access tokens have 32 hexadecimal digits
MARGIN_SECONDS = 30  # beyond what One API itself waits for the requests under way
AGAIN_SECONDS = 3  # in which something starts it again, if anything does
SITES = (
    *(paths.ROOT_PASSWORD, paths.PASSWORD_CONFIRMED, paths.ACCESS_TOKEN),
    *(paths.GENERATED, paths.GENERATED_COPY),
    *(f"{paths.DATABASE}{side}" for side in ("", "-wal", "-shm", "-journal")),
)
STARTERS = (
    *(units.WATCHDOG_TIMER, units.MONITOR_TIMER, units.CALLBACKS_TIMER),
    *(*units.BACKUP_STARTERS, *units.STREAM_STARTERS),
)
ASK_ROOT = "SELECT id, access_token FROM users WHERE role >= 100 ORDER BY id LIMIT 1"


def adopt() -> None:
    """Stop it, and let its data be the site's; after CommandError it runs as before."""
    noted = _noted()
    found = noted or _chosen()
    if not noted:
        _ask_root(found)  # of a database server: what it refuses costs nobody yet
    if not found.database:
        must("install", "-d", "-o", USER, "-g", USER, "-m", "700", paths.DATA)
        dump.need_room(Path(paths.DATA), Path(found.sqlite))
        _copy(Path(found.sqlite)).unlink()  # before it is stopped: what fails now costs nobody
    write(paths.ADOPTING, plain.write(found))
    _tell(_("Stopping One API: {how}", how=found.how))
    _stop(found)
    try:
        _has_ended(found)
        _take(found)
    except Exception:  # a driver's too
        _start(found)
        Path(paths.ADOPTING).unlink()
        raise
    _put_aside(found)
    Path(paths.ADOPTING).rename(paths.ADOPTED)
    Path(paths.WENT_BACK).unlink(missing_ok=True)
    _tell(_("Its data are here. The way back: `one-api-infra adopt INVENTORY --back`"))


def _take(found: Found) -> None:
    """Its database, its secrets, and a way to speak as root."""
    if not found.database:
        _place(_copy(Path(found.sqlite)), Path(found.sqlite))
    _keep_secrets(found)
    write(paths.ACCESS_TOKEN, _token(found) + "\n")


def back() -> None:
    """Stop the site, and start what was there before; what was paid since is not in its data."""
    path = next((each for each in (paths.ADOPTED, paths.ADOPTING) if Path(each).exists()), None)
    if path is None:
        raise CommandError(_("nothing was adopted on this server"))
    upgrade.must_have_ended()
    found = plain.read(Found, Path(path).read_text())
    for unit in STARTERS:  # a watchdog would call for the site that is no more
        run("systemctl", "disable", "--now", unit)
    run("systemctl", "disable", "--now", units.ONE_API)
    run("systemctl", "disable", "--now", units.FIREWALL)  # the old one's port may be its way in
    run(paths.PORT_GUARD, "--remove")
    kept = _leave()
    _put_back()
    run("systemctl", "daemon-reload")
    _start(found)
    if run("nginx", "-t")[0] == 0:
        run("systemctl", "reload-or-restart", units.NGINX)
    write(paths.WENT_BACK, f"{found.how}\n")
    Path(path).unlink()
    _tell(_("What was here before runs again: {how}", how=found.how))
    _tell(_("What was the site's is in {path}.", path=kept))


def _leave() -> Path:
    """Put aside what is the site's: who adopts again, adopts what runs then."""
    folder = Path(paths.STATE, f"adopted-until-{int(time.time())}")
    folder.mkdir(mode=0o700)
    for name in SITES:
        if Path(name).exists():
            must("mv", "-fT", name, f"{folder}/{name.strip('/').replace('/', '-')}")
    return folder


def _noted() -> Found | None:
    with contextlib.suppress(OSError, PlainError):
        return plain.read(Found, Path(paths.ADOPTING).read_text())
    return None


def _chosen() -> Found:
    """The One API that runs here, if it fits the site; CommandError says why it does not."""
    told = [adoption.read(each) for each in map(adoption_look.look, adoption_look.processes())
            if each]  # fmt: skip
    there = [each for each in told if each.port]
    if len(there) != 1:
        names = ", ".join(f"{each.how} ({each.port})" for each in there) or "-"
        raise CommandError(
            _(
                "expected one One API that runs here; found: {names}.\n"
                "Remedy: start the one that is to be adopted, and stop the others.",
                names=names,
            )
        )
    current, url = site(), _given().get(database.URL, "")
    words = adoption.refusals(
        there[0], current.edition, current.version, url, current.domain, _given()
    )
    words += _others(there[0])
    if words:
        raise CommandError(_("It is not adopted: {words}.", words="; ".join(words)))
    return there[0].noted


def _others(found: Found) -> list[str]:
    """What is another's and would be in the site's way once the old one is stopped."""
    listening = {port for port, _inode in adoption_look.sockets(os.getpid())}
    current = site()
    ports = (current.one_api_port, current.one_api_second_port)
    taken = [port for port in ports if port != found.port and port in listening]
    files = {path: text for path, text in adoption_look.nginx() if path not in found.nginx}
    return adoption.in_the_way(taken, files, (current.domain, current.callback_domain))


def _given() -> dict[str, str]:
    path = Path(paths.GIVEN)
    return environment_file.values(path.read_text()) if path.exists() else {}


def _stop(found: Found) -> None:
    """End it. A number may be another program's by now: the run before was cut off by a reboot."""
    stop = ("timeout", str(edition(site()).stop_seconds + MARGIN_SECONDS), "sh", "-c", found.stop)
    if not _runs(found):
        if found.start:  # a reboot has started it again, maybe
            run(*stop)
        return
    code, words = run(*stop)
    if code and found.started:  # told to end, it takes no request any more
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.process, signal.SIGKILL)
        return
    if code or Path(f"/proc/{found.process}").exists():
        Path(paths.ADOPTING).unlink()
        run("sh", "-c", found.start)
        raise CommandError(_("it does not stop: {words}", words=words or found.stop))


def _runs(found: Found) -> bool:
    seen = adoption_look.look(found.process)
    return seen is not None and seen["port"] in {found.port, 0}  # none while it ends


def _has_ended(found: Found) -> None:
    """Nothing has started it again: it would write into what is no longer the site's."""
    time.sleep(AGAIN_SECONDS)
    seen = [each for each in map(adoption_look.look, adoption_look.processes()) if each]
    if again := [each for each in seen if each["port"] == found.port]:
        how = adoption.read(again[0]).how
        run("sh", "-c", adoption.read(again[0]).stop)
        raise CommandError(
            _(
                "something starts it again ({how}).\nRemedy: stop that first: supervisord, pm2, a"
                " loop in a shell, a cron job.",
                how=how,
            )
        )


def _start(found: Found) -> None:
    if found.started is None:
        code, words = run("sh", "-c", found.start)
        if code:
            raise CommandError(_("it does not start: {words}", words=words))
        return
    one = found.started
    subprocess.Popen(
        one.words, cwd=one.folder, env=dict(one.variables), start_new_session=True,
        **_identity(one.user),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _identity(user: int) -> dict[str, Any]:
    """A user with its own groups: with the number alone it keeps root's."""
    try:
        known = pwd.getpwuid(user)
    except KeyError:  # a user of no name has none
        return {"user": user, "group": user, "extra_groups": []}
    groups = os.getgrouplist(known.pw_name, known.pw_gid)
    return {"user": user, "group": known.pw_gid, "extra_groups": groups}


def _copy(source: Path) -> Path:
    """A copy by SQLite, which takes in what its log still holds, and looks it through."""
    new = Path(f"{paths.DATABASE}.adopted")
    new.unlink(missing_ok=True)
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True)) as old,
            contextlib.closing(sqlite3.connect(new)) as copy,
        ):
            old.backup(copy)
            (words,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            copy.execute("PRAGMA journal_mode = DELETE")
    except (sqlite3.Error, OSError) as error:
        words = str(error)
    if words != "ok":
        new.unlink(missing_ok=True)
        raise CommandError(_("{path} cannot be copied: {words}", path=source, words=words))
    return new


def _place(new: Path, source: Path) -> None:
    if source == Path(paths.DATABASE) and not Path(_aside(paths.DATABASE)).exists():
        must("cp", "-a", str(source), _aside(paths.DATABASE))
    shutil.chown(new, USER, USER)
    new.chmod(0o600)
    new.rename(paths.DATABASE)


def _keep_secrets(found: Found) -> None:
    """Its own; one that customers' keys are made with, and that it has not, must stay none."""
    known = dict(found.secrets)
    if "SESSION_SECRET" in known:  # New API takes the one for the other
        known.setdefault("CRYPTO_SECRET", known["SESSION_SECRET"])
    wanted = edition(site()).generated
    known = {name: value for name, value in known.items() if name in wanted}
    if "HASHIDS_SALT" in wanted:
        known.setdefault("HASHIDS_SALT", "")
    one_api.keep(known)


def _ask_root(found: Found) -> None:
    """CommandError where a database server does not let us in, or knows no root."""
    if not found.database:
        return
    try:
        with database.opened(_given()[database.URL]) as (_kind, query):
            next(iter(query(ASK_ROOT)), None) or _no_root()
    except CommandError:
        raise
    except Exception as error:  # drivers have kinds of their own
        words = foreign.line(str(error))
        raise CommandError(_("its database does not open: {words}", words=words)) from None


def _token(found: Found) -> str:
    """Root's access token: the one that it has, or a new one, put into the database."""
    new, url = secrets.token_hex(TOKEN_BYTES), _given()[database.URL] if found.database else ""
    with database.opened(url) as (_kind, query):
        number, token = next(iter(query(ASK_ROOT)), None) or _no_root()
        if held := str(token or "").strip():
            return held
        query(f"UPDATE users SET access_token = ? WHERE id = {int(number)}", new)  # noqa: S608
        query("COMMIT")
        return new


def _no_root() -> tuple[int, str]:
    raise CommandError(_("its database has no user who may do everything (role 100)"))


def _put_aside(found: Found) -> None:
    """nginx' files that lead to it, and a unit of our name: two of one name exclude each other."""
    unit = units.path(units.ONE_API)
    is_foreign = Path(unit).exists() and "one-api-infra" not in Path(unit).read_text()
    for name in (*found.nginx, *((unit,) if is_foreign else ())):
        if Path(name).is_symlink() or Path(name).exists():
            must("mv", "-fT", name, _aside(name))


def _aside(name: str) -> str:
    target = Path(f"{paths.ADOPTED_FILES}{name}")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(target)


def _put_back() -> None:
    ours = Path(f"{paths.NGINX}/conf.d/one-api.conf")
    if ours.exists() or ours.is_symlink():
        must("mv", "-fT", str(ours), f"{paths.STATE}/one-api.conf.adopted")
    aside = Path(paths.ADOPTED_FILES)
    for path in [each for each in aside.rglob("*") if each.is_symlink() or each.is_file()]:
        must("mv", "-fT", str(path), f"/{path.relative_to(aside)}")


def _tell(text: str) -> None:
    print(text, flush=True)
