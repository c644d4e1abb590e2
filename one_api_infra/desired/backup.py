"""The backup on the server: what restic needs to know, and the units that run it."""

import base64
import shlex
from pathlib import Path
from typing import Any

from one_api_infra.checks import catalogue
from one_api_infra.desired import one_api, render
from one_api_infra.desired.parsers import refuse
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import database, environment_file, paths, plain, stream, units
from one_api_infra.shared.backup import Settings
from one_api_infra.shared.database import MYSQL, POSTGRESQL
from one_api_infra.shared.secret import Secret
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem

CLIENTS = {POSTGRESQL: "postgresql-client", MYSQL: "mariadb-client"}
STREAM_UNITS = (*(units.STREAM, units.STREAM_STORE, units.STREAM_DRILL, units.STREAM_DRILL_TIMER),)
UNITS = (
    *(units.DUMP, units.BACKUP, units.BACKUP_TIMER, units.DRILL, units.DRILL_TIMER),
    *(units.JOURNAL, units.JOURNAL_PATH),
)
STREAM_LEFT = (
    *map(units.path, STREAM_UNITS), paths.STREAM_CONFIG, paths.STREAM_ENVIRONMENT,
    paths.STREAM_DRILL, paths.STREAM_KNOWN_HOSTS, paths.DRILL_STREAM, paths.STREAM_CACHE,
)  # fmt: skip
READ_BY_STREAM = (
    *(paths.BACKUP, paths.STREAM_CONFIG, paths.STREAM_ENVIRONMENT),
    *(paths.BACKUP_SSH_KEY, paths.BACKUP_KNOWN_HOSTS),
)
LEFT = (
    *map(units.path, UNITS), *STREAM_LEFT, paths.BACKUP, paths.BACKUP_SSH_KEY,
    paths.BACKUP_KNOWN_HOSTS, paths.BACKUP_FIRST_CONTACTS, paths.BACKUP_STATE, paths.DRILL_STATE,
    paths.JOURNAL_STATE, paths.DUMP, paths.BACKUP_CACHE, paths.DRILL,
)  # fmt: skip


def is_wanted(site: Site) -> bool:
    """Whether there is a repository."""
    return bool(site.backup)


def packages(site: Site) -> tuple[str, ...]:
    """restic, and the programs that it or the database's copy needs."""
    kind = database.parse(site.database_url.reveal()).kind if site.database_url else ""
    client = (CLIENTS[kind],) if kind in CLIENTS else ()
    ssh = ("openssh-client",) if any(each.needs_ssh for each in site.repositories) else ()
    return ("restic", *client, *ssh, *(("rclone",) if site.is_streamed else ()))


def files(site: Site) -> tuple[File, ...]:
    """Secrets and units; none where there is no repository."""
    return (*_secrets(site), *_units(site), *_stream(site)) if is_wanted(site) else ()


def _secrets(site: Site) -> list[File]:
    settings = Settings(
        repositories=tuple(each.reveal() for each in site.backup),
        password=site.backup_password.reveal() if site.backup_password else "",
        environment={name: value.reveal() for name, value in site.backup_environment},
        keep=dict(site.backup_keep),
        prunes=site.backup_prune == "server",
        kib_per_second=site.backup_kib_per_second,
    )
    found = [File(paths.BACKUP, Secret(plain.write(settings)), "600")]
    if site.backup_ssh_key_file:
        found.append(File(paths.BACKUP_SSH_KEY, Secret(_key(site.backup_ssh_key_file)), "600"))
    if site.backup_ssh_known_hosts:
        text = "".join(f"{line}\n" for line in site.backup_ssh_known_hosts)
        found.append(File(paths.BACKUP_KNOWN_HOSTS, text.encode()))
    return found


def _key(path: str) -> str:
    """An ssh key of the admin's machine; ValidationError if it is none."""
    try:
        text = Path(path).read_text()
    except (OSError, ValueError) as error:
        text, words = "", str(error)
    else:
        words = path
    if "PRIVATE KEY-----" not in text or _is_locked(text):
        expected = _("a private key of ssh without a passphrase: {words}", words=words)
        remedy = _("make one by `ssh-keygen -t ed25519 -N '' -f FILE`, and name FILE")
        raise refuse("backup_ssh_key_file", expected, remedy)
    return text


def _is_locked(text: str) -> bool:
    """Whether a private key has a passphrase: in OpenSSH's form it names its cipher first."""
    body = "".join(line for line in text.splitlines() if ":" not in line and "-----" not in line)
    try:
        found = base64.b64decode(body)
    except ValueError:
        return False
    is_openssh = found.startswith(b"openssh-key-v1\0")
    return "ENCRYPTED" in text or (is_openssh and not found[19:].startswith(b"none"))


def _units(site: Site) -> tuple[File, ...]:
    known: dict[str, Any] = {
        "cache": paths.BACKUP_CACHE.rpartition("/")[2],
        "trusted_ca": paths.TRUSTED_CA if site.trusted_ca_file else "",
        # "-": a disk that is away fails for itself, not for the other repositories.
        "writes": [paths.STATE, *(f"-{folder}" for folder in folders(site))],
    }
    dump = render.file(
        units.path(units.DUMP),
        user=one_api.USER,
        given=paths.GIVEN if one_api.has_given(site) else "",
        data=paths.DATA,
        folder=paths.DUMP.rpartition("/")[2],
        dump=paths.agent("dump"),
    )
    journal = render.file(units.path(units.JOURNAL), run=paths.agent("journal"), **known)
    drill = paths.DRILL.rpartition("/")[2]
    return (
        dump,
        render.file(units.path(units.BACKUP), dump=units.DUMP, run=paths.agent("backup"), **known),
        render.file(units.path(units.BACKUP_TIMER), minutes=site.backup_minutes),
        render.file(units.path(units.DRILL), drill=drill, run=paths.agent("drill"), **known),
        render.file(units.path(units.DRILL_TIMER)),
        journal,
        render.file(units.path(units.JOURNAL_PATH), journal=paths.JOURNAL),
    )


def _stream(site: Site) -> tuple[File, ...]:
    """What streams SQLite's changes, where that is possible and wanted."""
    if not site.is_streamed or not site.backup_password:
        return ()
    secret = stream.password(site.backup_password.reveal())
    values = environment_file.text([(stream.PASSWORD, secret)])
    known: dict[str, Any] = {
        # "-": a disk that is away fails for itself, not for the other repositories.
        "writes": [paths.STATE, *(f"-{folder}" for folder in folders(site))],
        "trusted_ca": paths.TRUSTED_CA if site.trusted_ca_file else "",
        "kib_per_second": site.backup_kib_per_second,
        "store": units.STREAM_STORE,
    }
    return (
        render.file(
            paths.STREAM_CONFIG, database=paths.DATABASE, url=stream.URL, user=stream.USER,
            password=stream.PASSWORD, domain=str(site.domain),
        ),
        File(paths.STREAM_ENVIRONMENT, Secret(values), "600"),
        render.file(
            units.path(units.STREAM), user=one_api.USER, data=paths.DATA,
            environment=paths.STREAM_ENVIRONMENT, config=paths.STREAM_CONFIG,
            litestream=paths.LITESTREAM,
            port=stream.PORT, store=units.STREAM_STORE, cache=paths.STREAM_CACHE,
        ),
        render.file(units.path(units.STREAM_STORE), run=paths.agent("stream-store"), **known),
        render.file(
            units.path(units.STREAM_DRILL), run=paths.agent("stream-drill"),
            drill=paths.DRILL_STREAM.rpartition("/")[2], **known,
        ),
        render.file(units.path(units.STREAM_DRILL_TIMER)),
    )  # fmt: skip


def folders(site: Site) -> tuple[str, ...]:
    """Repositories that are folders on this server: a unit needs them before it starts."""
    return tuple(each.folder for each in site.repositories if each.folder)


def removal() -> str:
    """The command that takes it away where there is no repository any more; that itself stays."""
    return _removal((*units.BACKUP_STARTERS, *units.STREAM_STARTERS), LEFT)


def stream_removal() -> str:
    """The command that takes the stream alone away; what it has stored stays."""
    return _removal(units.STREAM_STARTERS, STREAM_LEFT)


def _removal(starters: tuple[str, ...], left: tuple[str, ...]) -> str:
    stop = f"systemctl disable --quiet --now {' '.join(starters)}"
    return f"{stop}; rm -rf {' '.join(left)} && systemctl daemon-reload"


def is_stream_stale(snapshot: Snapshot) -> bool:
    """Whether the stream runs with settings of before: both parts read them at their start."""
    began = [
        int(snapshot.unit(unit, "ActiveEnterTimestamp").removeprefix("@") or 0)
        for unit in (units.STREAM_STORE, units.STREAM)
        if snapshot.is_active(unit)
    ]
    written = [int(line) for line in snapshot.probes.get("stream_read", ()) if line.isdigit()]
    is_new = bool(snapshot.written.intersection(READ_BY_STREAM))
    return bool(began) and (is_new or max(written, default=0) > min(began))


def restream_script() -> str:
    """The command that starts anew what of the stream runs."""
    return f"systemctl try-restart {units.STREAM_STORE} {units.STREAM}"


def stream_is_left(snapshot: Snapshot) -> bool:
    """Whether something of the stream is there."""
    return any(path in snapshot.paths for path in STREAM_LEFT)


def is_left(snapshot: Snapshot) -> bool:
    """Whether something of it is there."""
    return any(path in snapshot.paths for path in LEFT)


def absent(site: Site) -> tuple[str, ...]:
    """Files of settings that are no longer there."""
    wanted = {file.path for file in files(site)}
    optional = (paths.BACKUP_SSH_KEY, paths.BACKUP_KNOWN_HOSTS)
    return tuple(path for path in optional if path not in wanted)


def restore_script(choice: str) -> str:
    """The command that brings a snapshot back."""
    return paths.agent(f"restore {shlex.quote(choice)}")


def rebuild_script() -> str:
    """The command that brings the newest snapshot back where there is no site."""
    return paths.agent("rebuild")


def is_rebuild_due(snapshot: Snapshot) -> bool:
    """Whether there is no site here yet, or the last attempt was cut off."""
    return paths.ROOT_PASSWORD not in snapshot.paths or paths.RESTORE_MARK in snapshot.paths


def lack(site: Site, snapshot: Snapshot) -> tuple[Problem, ...]:
    """Why nothing can be rebuilt, if so; where the site is there already, nothing need be."""
    return (
        ()
        if is_wanted(site) or not is_rebuild_due(snapshot)
        else (catalogue.problem("backup.is_set", "none"),)
    )


def unfinished(snapshot: Snapshot) -> tuple[Problem, ...]:
    """A restore that was cut off: One API must not start with half of it."""
    is_begun = paths.RESTORE_MARK in snapshot.paths
    return (catalogue.problem("backup.is_set", "unfinished"),) if is_begun else ()


def _starters(site: Site) -> tuple[str, ...]:
    streamed = units.STREAM_STARTERS if site.is_streamed else ()
    return (*units.BACKUP_STARTERS, *streamed) if is_wanted(site) else ()


def concern(site: Site) -> Concern:
    """The backup's part; without a repository it is to be gone."""
    is_ours = is_wanted(site)
    return Concern(
        files=files(site),
        units=_starters(site),
        packages=packages(site) if is_ours else (),
        beside=SnapshotSpec(
            paths=(*LEFT, *folders(site), paths.RESTORE_MARK),
            units=(
                *(*units.BACKUP_STARTERS, units.BACKUP, units.DRILL, units.JOURNAL),
                *(*units.STREAM_STARTERS, units.STREAM_DRILL),
            ),
            probes={"stream_read": f"stat -c %Y {' '.join(READ_BY_STREAM)}"} if is_ours else {},
        ),
    )
