"""A One API that somebody has set up by hand, as what it is to become: pure.

What ``server/adoption_look`` tells of a process is read here, on both sides: the admin is shown
what would be done, and the server does it.
"""

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from one_api_infra.shared import editions
from one_api_infra.shared.database import Address, parse
from one_api_infra.shared.texts import _

SECRETS = ("SESSION_SECRET", "CRYPTO_SECRET", "USER_TOKEN_SECRET", "HASHIDS_SALT")
CONTAINER = re.compile(r"(?:docker|libpod|crio|cri-containerd)[-/]([0-9a-f]{64})")
UNIT = re.compile(r"/([\w@.\\-]+\.service)(?:/|$)", re.M)
SESSION = re.compile(r"^(user@\d+|session-\d+|ssh|sshd|getty@.*|screen.*|tmux.*)\.")
NAME = re.compile(r"(?:^|[{;])\s*server_name\s+([^;]+);", re.M)
# Of a line alone: where nothing is given the next one is no value. In YAML what is indented is
# another setting's.
ENV_LINE = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.M)
YAML_LINE = re.compile(r"^([A-Za-z_]\w*)[ \t]*:[ \t]*(.*?)[ \t\r]*$", re.M)
QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'")
# A unit that keeps other programs too, or starts them at a time.
KEEPER = re.compile(r"^(?:supervisord?|pm2-.*|cron|crond|anacron|rc-local|docker|containerd)\.")
DOMAIN = re.compile(r"(?:\*?\.)?(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+")
# Of every process, or read otherwise.
NOT_ITS = re.compile(
    r"(?:PATH|HOME|PWD|OLDPWD|SHLVL|HOSTNAME|LANG|LANGUAGE|LC_\w+|TERM|USER|LOGNAME|SHELL|MAIL|_|STY"
    r"|SSH_\w+|XDG_\w+|TMUX\w*|WINDOW|DBUS_\w+|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_\w+"
    r"|MEMORY_PRESSURE_\w+|PM2_\w+|SUPERVISOR_\w+|GIN_MODE|TZ|PORT|SQL_DSN|SQLITE_PATH"
    r"|REDIS_CONN_STRING|LISTEN|LOG_DIR|[a-z_]+)"
)
NEEDED = {"one-hub": "USER_TOKEN_SECRET", "done-hub": "USER_TOKEN_SECRET"}
LOG_DATABASE = "LOG_SQL_DSN"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
REDIS = "REDIS_CONN_STRING"


@dataclass(frozen=True)
class Started:
    """A program as somebody has started it by hand."""

    words: tuple[str, ...]
    folder: str
    user: int
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """A One API that runs: ``edition`` is empty for one that is not known here.

    ``database`` is a URL, or empty for SQLite, whose file is ``sqlite`` (empty too: it lies in a
    container's own layer). ``secrets`` are those it was given. ``stop`` and ``start`` are shell
    commands, the second empty for what ``started`` tells; ``nginx`` are the files that lead to
    it, ``names`` the domains in them and ``address`` its own ServerAddress.
    """

    process: int
    edition: str
    version: str
    port: int
    database: str
    redis: str
    sqlite: str
    secrets: Mapping[str, str]
    how: str
    stop: str
    start: str
    started: Started | None
    nginx: tuple[str, ...]
    names: tuple[str, ...]
    address: str


@dataclass(frozen=True)
class Seen(Found):
    """The same, with what is not noted on the server.

    ``others`` are the names of what else it was given; ``keeper`` is a unit that keeps other
    programs beside it.
    """

    others: tuple[str, ...] = ()
    keeper: str = ""

    @property
    def noted(self) -> Found:
        """What is noted: a server that was adopted by a release of before is still read."""
        return Found(**{field.name: getattr(self, field.name) for field in fields(Found)})


def read(told: Mapping[str, Any]) -> Seen:
    """What the look tells of one process."""
    known = _given(told)
    status = told["status"]
    how, stop, start = _service(told)
    return Seen(
        process=told["process"],
        edition=_edition(status),
        version=str(status.get("version") or ""),
        port=told["port"],
        database="" if known.get("SQL_DSN", "").startswith("local") else known.get("SQL_DSN", ""),
        redis=known.get(REDIS, ""),
        sqlite=told["sqlite"],
        secrets={name: known[name] for name in SECRETS if known.get(name)},
        how=how, stop=stop, start=start,
        started=None if start else _started(told),
        nginx=tuple(sorted(told["nginx"])),
        names=tuple(sorted({name.lower() for text in told["nginx"].values()
                            for line in NAME.findall(text) for name in line.split()
                            if DOMAIN.fullmatch(name.lower())})),
        address=str(status.get("server_address") or ""),
        others=tuple(sorted(name for name, value in known.items()
                            if value and name not in SECRETS and not NOT_ITS.fullmatch(name))),
        keeper=_keeper(told["cgroup"]),
    )  # fmt: skip


def _given(told: Mapping[str, Any]) -> dict[str, str]:
    """Its settings: files first, and over them the environment, as all editions read them."""
    known: dict[str, str] = {}
    for path, text in told["files"].items():
        pattern = YAML_LINE if path.endswith((".yaml", ".yml")) else ENV_LINE
        for name, value in pattern.findall(text):
            known[name.upper()] = _unquoted(value)
    return known | dict(told["variables"])


def _unquoted(value: str) -> str:
    if found := QUOTED.match(value):
        return found[2] if found[1] is None else re.sub(r"\\(.)", r"\1", found[1])
    return re.split(r"\s#", value)[0].strip()


def _edition(status: Mapping[str, Any]) -> str:
    if not status:
        return ""
    return editions.of_status(status).name


def _service(told: Mapping[str, Any]) -> tuple[str, str, str]:
    """How it is kept running, and the shell commands that end that and begin it again."""
    if found := CONTAINER.search(told["cgroup"]):
        name = found[1][:12]
        stop = f"docker update --restart=no {name} && docker stop --time 60 {name}"
        return _("a container"), stop, f"docker update --restart=always {name}; docker start {name}"
    units = [each for each in UNIT.findall(told["cgroup"]) if not SESSION.match(each)]
    if units:
        unit = shlex.quote(units[-1])
        stop = f"systemctl disable --now {unit}"
        return _("the unit {unit}", unit=units[-1]), stop, f"systemctl enable --now {unit}"
    alive = f"kill -0 {told['process']} 2>/dev/null"
    stop = f"kill {told['process']}; while {alive}; do sleep 0.2; done"
    return _("a process that somebody has started"), stop, ""


def _keeper(cgroup: str) -> str:
    found = [] if CONTAINER.search(cgroup) else UNIT.findall(cgroup)
    return next(filter(KEEPER.match, found), "")


def _started(told: Mapping[str, Any]) -> Started:
    words, user = tuple(told["words"]), int(told["user"])
    return Started(words, told["cwd"], user, dict(told["variables"]))


def told(found: Seen, domain: str) -> list[str]:
    """What was found and what would be done, for the admin; no secret."""
    place = _("its server") if found.database else found.sqlite or "-"
    lines = [
        _("found: {edition} {version} on port {port}, {how}", edition=found.edition or "?",
          version=found.version, port=found.port, how=found.how),
        _("database: {place}", place=place),
        _("secrets that it was given: {names}", names=", ".join(found.secrets) or "-"),
        _("serves: {names}", names=", ".join(found.names) or found.address or "-"),
        _("it will be stopped: {command}", command=found.stop),
        _("its database is copied; what is there stays as it is"),
        _("root's password becomes the one in /etc/one-api/root-password, or `root_password`"),
    ]  # fmt: skip
    lines += [_("{path} is put aside", path=path) for path in found.nginx]
    lines += [_("its cache is not taken over: set `redis_url`")] if found.redis else []
    if found.others:
        names = ", ".join(found.others)
        lines.append(
            _("not taken over: {names}; what is wanted goes into `environment`", names=names)
        )
    if ended := [each for each in found.names if not _is_among(domain, [each])]:
        names = ", ".join(ended)
        lines.append(
            _("no longer served: {names}; gateways that call there reach nobody", names=names)
        )
    return lines


def refusals(  # noqa: PLR0913, PLR0917
    found: Seen, edition: str, version: str, database: str, domain: str,
    environment: Collection[str] = (),
) -> list[str]:  # fmt: skip
    """Why it does not become the site of these settings; each with what to do.

    ``environment`` are the names of what One API will be given.
    """
    told = []
    if not found.edition:
        told.append(_("it does not answer on port {port}: let it run first", port=found.port))
    elif found.edition != edition:
        told.append(
            _(
                'it is {theirs}, whose data {ours} cannot take over: set "edition" to "{theirs}"',
                theirs=found.edition, ours=edition,
            )
        )  # fmt: skip
    elif _numbers(found.version) > _numbers(version):
        told.append(
            _(
                "it is of the release {theirs}, and a database goes forward only: set"
                ' "version" to "{theirs}" or a newer one',
                theirs=found.version,
            )
        )
    told += _database_refusals(found, database)
    told += _secret_refusals(found, environment)
    if found.keeper:
        told.append(
            _(
                "{unit} keeps it, and other programs too: let it have a unit of its own first",
                unit=found.keeper,
            )
        )
    if found.names and not _is_among(domain, found.names):
        served = ", ".join(found.names)
        told.append(_("it serves {names}: set the domain to one of them", names=served))
    return told


def in_the_way(
    taken: Collection[int], files: Mapping[str, str], domains: Collection[str]
) -> list[str]:
    """Why it is not adopted: ports that others hold, and nginx' files of others with its names."""
    told = [
        _(
            "port {port}, which One API gets, is another program's: set `one_api_port` or"
            " `one_api_second_port` to a free one",
            port=port,
        )
        for port in taken
    ]
    for path, text in sorted(files.items()):
        names = {name.lower() for line in NAME.findall(text) for name in line.split()}
        if named := sorted(names & set(domains)):
            told.append(
                _(
                    "{path} serves {names} too, and does not lead to it: `mv {path} {path}.off`",
                    path=path, names=", ".join(named),
                )
            )  # fmt: skip
    return told


def _database_refusals(found: Found, database: str) -> list[str]:
    if found.database and not database:
        return [_('its database is on a server: set "database_url" to its SQL_DSN')]
    if found.database and not _is_same(found.database, database):
        return [_("`database_url` names another database than its SQL_DSN: write the same")]
    if not found.database and database:
        return [_('its database is SQLite: remove "database_url"')]
    if not found.database and not found.sqlite:
        return [
            _(
                "its database was not found. One inside a container nothing else can read: give its"
                " folder a volume (`-v /srv/one-api:/data`) first"
            )
        ]
    return []


def _secret_refusals(found: Seen, environment: Collection[str]) -> list[str]:
    told = []
    needed = NEEDED.get(found.edition, "")
    if needed and needed not in found.secrets:
        told.append(
            _(
                "its {name} was found neither in its environment nor in .env or config.yaml, and"
                " without it customers' keys are invalid: put it into .env beside it, and start it"
                " again",
                name=needed,
            )
        )
    if LOG_DATABASE in found.others and LOG_DATABASE not in environment:
        told.append(
            _(
                'its log is in a database of its own: set "{name}" in `environment`',
                name=LOG_DATABASE,
            )
        )
    return told


def _is_among(domain: str, names: Collection[str]) -> bool:
    """Whether nginx serves a domain by these names: ``*.`` and ``.`` are those below one."""
    return any(
        domain == name.removeprefix(".") or (name[0] in "*." and domain.endswith(name.lstrip("*")))
        for name in names
    )


def _is_same(theirs: str, ours: str) -> bool:
    """Whether both are one database; a compose file's name of a service says nothing of a host."""
    try:
        one, other = parse(theirs), parse(ours)
    except ValueError:
        return theirs == ours
    is_service = "." not in one.host and ":" not in one.host and one.host not in LOOPBACK
    same_name = (one.kind, one.name) == (other.kind, other.name)
    return same_name and (is_service or _server(one) == _server(other))


def _server(address: Address) -> tuple[str, int, str]:
    host = "127.0.0.1" if address.host in LOOPBACK else address.host
    return host, address.port, address.socket


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
