"""One API on the server: its unit, its environment, its release."""

from collections.abc import Mapping

from one_api_infra.desired import render, tiktoken
from one_api_infra.desired.resources import Concern, Directory, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.desired.variables import CACHE
from one_api_infra.shared import database, environment_file, paths, started, units
from one_api_infra.shared.secret import Secret

USER = "one-api"
# systemd is asked where the kernel does not tell: it takes three times as long.
PROCESS_USER = (
    f"{{ read -r n </sys/fs/cgroup/system.slice/{units.ONE_API}/cgroup.procs; }} 2>/dev/null"
    f" || n=$(systemctl show -P MainPID {units.ONE_API}); stat -c %U /proc/$n"
)


def directories() -> tuple[Directory, ...]:
    """One API's directories; those of its data and logs are systemd's to make."""
    return (
        Directory(paths.ONE_API_CONFIG, "700"),
        Directory(paths.ONE_API),
        Directory(f"{paths.ONE_API}/releases"),
        Directory(paths.TIKTOKEN),
    )


def files(site: Site) -> tuple[File, ...]:
    """The units and the environment, and the secrets that the admin gave."""
    own, second = paths.CURRENT, paths.SECOND
    written = [
        _unit(site, units.ONE_API, own, paths.LOGS, site.one_api_port),
        _unit(site, units.SECOND, second, paths.SECOND_LOGS, site.one_api_second_port),
        render.file(
            units.path(units.UPGRADE), upgrade=paths.UPGRADE,
            carry_out=paths.agent("upgrade"),
        ),
        *(_environment(site), _database_unit(site), *given_files(site)),
    ]  # fmt: skip
    if site.root_password:
        written.append(File(paths.ROOT_PASSWORD, Secret(site.root_password.reveal() + "\n"), "600"))
    return tuple(written)


def _unit(site: Site, name: str, release: str, logs: str, port: int) -> File:
    """An instance's unit; both are of one template."""
    text = render.text(
        units.path(units.ONE_API),
        title=site.edition.title,
        is_second=name == units.SECOND,
        port=port,
        stop_seconds=site.edition.stop_seconds,
        data=paths.DATA,
        sees_load=site.overload_guard,
        logs=logs,
        current=release,
        environment=paths.ENVIRONMENT,
        generated=paths.GENERATED,
        given=paths.GIVEN,
        started=paths.STARTED,
        firewall=units.FIREWALL,
        halted=paths.RESTORE_HALTED,
        started_sum=started.SUM.replace("%", "%%"),
    )
    return File(units.path(name), text.encode())


def given_files(site: Site) -> tuple[File, ...]:
    """Where One API finds a database or a cache of the admin's own."""
    given = _given(site)
    text = environment_file.text((name, url.reveal()) for name, url in given.items())
    return (File(paths.GIVEN, Secret(text), "600"),) if given else ()


def _environment(site: Site) -> File:
    lines = environment_file.text(variables(site))
    return render.file(paths.ENVIRONMENT, "600", lines=lines)


def variables(site: Site) -> tuple[tuple[str, str], ...]:
    """One API's variables without secrets, the admin's own among them."""
    values = {
        "PORT": str(site.one_api_port),
        "TZ": site.time_zone,
        "SQLITE_PATH": paths.DATABASE + site.edition.sqlite_parameters,
        "TIKTOKEN_CACHE_DIR": paths.TIKTOKEN,
    }
    values |= site.edition.environment
    origins = ",".join(dict.fromkeys((site.origin, site.callback_origin)))
    values |= dict.fromkeys(site.edition.origin_variables, origins)
    theirs = dict(site.environment)
    values |= {name: _domains(site, theirs.pop(name, "")) for name in site.edition.domain_variables}
    if site.database_url:
        values |= database.pool(site.database_connections)
    if not site.token_encoders:
        values |= site.edition.offline_encoders
    return tuple(sorted((values | theirs).items()))


def _domains(site: Site, theirs: str) -> str:
    """The site's domains, and those that the admin's own variable names beside them."""
    others = (each.strip() for each in theirs.split(","))
    return ",".join(dict.fromkeys((*map(str, site.domains), *filter(None, others))))


def has_given(site: Site) -> bool:
    """Whether the admin gave a database or a cache of their own."""
    return bool(_given(site))


def _given(site: Site) -> Mapping[str, Secret]:
    given = site.database_url.reveal() if site.database_url else ""
    if not site.edition.takes_postgresql:
        given = database.with_short_scheme(given)
    url = Secret(given) if given else None
    urls = {site.edition.database_variable: url, CACHE: site.redis_url}
    return {name: url for name, url in urls.items() if url}


def _database_unit(site: Site) -> File:
    """The unit that checks database and cache as One API's user."""
    return render.file(
        units.path(units.DATABASE),
        user=USER,
        given=paths.GIVEN if has_given(site) else "",
        data=paths.DATA,
        look=paths.agent("database"),
        state=paths.DATABASE_STATE,
    )


def release(sha256: str) -> str:
    """A release's folder name, from its sha256: the arm64 build calls itself v0.0.0."""
    return sha256[:16]


def binary(sha256: str) -> str:
    """Where a release's executable stands."""
    return f"{paths.ONE_API}/releases/{release(sha256)}/one-api"


def has_secrets(site: Site, snapshot: Snapshot) -> bool:
    """Whether every secret that this edition needs has been generated."""
    there = set(snapshot.probes.get("generated", ()))
    return there >= set(site.edition.generated)


def kept(site: Site) -> tuple[str, ...]:
    """Secrets that the server makes itself; root's alone."""
    made = (paths.GENERATED, paths.GENERATED_COPY) if site.edition.generated else ()
    return (*made, paths.ROOT_PASSWORD, paths.ACCESS_TOKEN)


def is_release_due(sha256: str, snapshot: Snapshot) -> bool:
    """Whether the release is not there, or what is there is another program by now."""
    is_known = _is_current(sha256, snapshot) and snapshot.has_state
    return binary(sha256) not in snapshot.paths or (is_known and not snapshot.state().is_release)


def _is_current(sha256: str, snapshot: Snapshot) -> bool:
    current = snapshot.paths.get(paths.CURRENT)
    return current is not None and current.target == f"{paths.ONE_API}/releases/{release(sha256)}"


def is_due(sha256: str, snapshot: Snapshot) -> bool:
    """Whether what runs differs from what is on disk, or does not run."""
    if _is_on_its_way(sha256, snapshot):
        return False
    started = snapshot.probes.get("started", ())
    fresh = len(started) == 2 and started[0] == started[1]
    fresh = fresh and snapshot.probe("process_user") in {"", USER}
    runs = snapshot.is_active(units.ONE_API) and snapshot.starts_at_boot(units.ONE_API)
    return not (runs and fresh and _is_current(sha256, snapshot))


def _is_on_its_way(sha256: str, snapshot: Snapshot) -> bool:
    """Whether a second instance has just this release and these files, and serves already."""
    found = snapshot.state().upgrade
    files = snapshot.probe("read_at_start").split()
    return found is not None and (found.release, [found.files, "-"]) == (release(sha256), files)


def journal_script() -> str:
    """The command that lets SQLite write ahead, as the user whose files they are."""
    return f"runuser -u {USER} -- {paths.agent('database-journal')}"


def is_journal_due(site: Site, snapshot: Snapshot) -> bool:
    """Whether SQLite still uses a rollback journal instead of WAL, or nobody can tell.

    On a blank server the state can need a package that has not arrived yet.
    """
    is_wal = snapshot.state().journal != "rollback" and not snapshot.is_state_lost
    return site.database_url is None and not is_wal


def is_claimed(snapshot: Snapshot) -> bool:
    """Whether root is ours: the stored token and password are accepted, and our key is there."""
    told = snapshot.state().one_api
    return told.is_ours and told.has_canary


def concern(site: Site) -> Concern:
    """One API's part."""
    # A copy that differs is made anew from the one that One API reads.
    same = f"cmp -s {paths.GENERATED} {paths.GENERATED_COPY}"
    names = f"! {same} || cut -d= -f1 {paths.GENERATED}"
    encoders = (f"{paths.TIKTOKEN}/{name}" for name in tiktoken.names())
    return Concern(
        files=files(site),
        directories=directories(),
        units=(units.ONE_API,),
        users=(USER,),
        secrets=kept(site),
        beside=SnapshotSpec(
            paths=(paths.CURRENT, paths.GIVEN, *encoders),
            patterns=(f"{paths.ONE_API}/releases/*/one-api",),
            probes={
                "generated": names,
                "read_at_start": started.FILES_SUM,
                "started": f"cat {paths.STARTED} && {started.SUM}",
                "process_user": PROCESS_USER,
                "architecture": "dpkg --print-architecture",
            },
        ),
    )
