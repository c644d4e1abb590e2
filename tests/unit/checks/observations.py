"""A sound observation, and ways to change it."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any

from one_api_infra.checks import catalogue, target
from one_api_infra.checks.observation import Asked, Exchange, Handshake, Observation, Port
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.shared import plain
from one_api_infra.shared.acme import Attempt
from one_api_infra.shared.backup import (
    Backup,
    DrillState,
    JournalState,
    RepositoryState,
    StreamDrill,
    StreamState,
)
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.database import Cache, Database
from one_api_infra.shared.manifest import Lacking
from one_api_infra.shared.process import Holder, Process
from one_api_infra.shared.server_observation import (
    CallbackLog,
    Callbacks,
    CallbacksState,
    Firewall,
    Hook,
    Monitor,
    Mount,
    Nginx,
    OneApi,
    Payment,
    Renewal,
    Server,
    StoredSettings,
)
from tests.unit.examples import NOW, site

DOMAIN = "pay.site-example.com"
HERE = "93.184.215.14"
DAY = 86400
SITE = site()
TARGET = target.of_settings(SITE.public(), (HERE,))
SHAKE = Handshake(
    DOMAIN,
    HERE,
    names=(DOMAIN,),
    not_before=NOW - 10 * DAY,
    not_after=NOW + 80 * DAY,
    serial="aa",
    issuer="CN=R10",
    chain_length=2,
    protocols=("TLSv1.2", "TLSv1.3"),
    application="h2",
)
REFUSAL = {"x-oneapi-request-id": "1", "content-type": "application/json"}
DISK = Certificate(
    name=DOMAIN,
    certificate_file=TARGET.certificate_file,
    key_file="/x/privkey.pem",
    names=(DOMAIN,),
    not_before=NOW - 10 * DAY,
    not_after=NOW + 80 * DAY,
    serial="aa",
    issuer="CN=R10",
    key_matches=True,
    self_signed=False,
    key_is_private=True,
)
PAYMENT = Payment(1, "epay", is_enabled=True, missing=(), is_plain=False)
ENVIRONMENT = {"GLOBAL_API_RATE_LIMIT": "3000", "GLOBAL_WEB_RATE_LIMIT": "3000",
               "BATCH_UPDATE_ENABLED": "false", "SQL_MAX_OPEN_CONNS": "50"}  # fmt: skip
PROCESS = Process(
    user="one-api",
    is_loaded=True,
    is_release=True,
    restarts=0,
    age=9e5,
    died_of="",
    lost={},
    drop_ins=(),
    holders=(),
)
SERVER = Server(
    now=NOW,
    uptime=9e6,
    clock_is_kept=True,
    mounts={"/": Mount(free=9000.0, size=20_000.0, inodes=90.0)},
    memory_available=50.0,
    reboot_for=(),
    holders={port: Holder("nginx", 9, "nginx.service") for port in ("80", "443")},
    failed_units=(),
    idle_units={},
    drop_ins={},
    lacking=Lacking(users=(), packages=()),
    deviations=(),
    firewall=Firewall(is_loaded=True, is_as_loaded=True, is_guarded=True, published=()),
    nginx=Nginx(is_loaded=True, is_as_written=True, rivals=(), problem="", closed=""),
    resolver="",
    callback_log=CallbackLog("/var/log/x", ("{}",)),
    acme_account="https://ca/acct/1",
    certificates=(DISK,),
    renewal=Renewal(
        is_active=True,
        is_enabled=True,
        result="success",
        ran=NOW - 3600,
        hook=Hook(ok=True, message="", can_run=True),
        notes={"authenticator": "webroot"},
        has_account=True,
        authenticator="webroot",
        last=Attempt(NOW - 3600, ""),
        rehearsal=Attempt(NOW - 3600, ""),
        has_staging=True,
    ),
    monitor=Monitor(is_active=True, ran=NOW - 60, channels=1, is_watched=True, undelivered=()),
    callbacks=Callbacks(is_active=True, state=CallbacksState(ran=NOW - 30)),
    tunnels=(),
    backup=Backup(
        is_active=True,
        minutes=60,
        began=NOW - 30 * DAY,
        restoring=0.0,
        repositories=(RepositoryState("/srv/backup", tried=NOW - 60, saved=NOW - 60),),
        drill=DrillState(NOW - DAY, "/srv/backup", "1234abcd", taken=NOW - DAY),
        journal=JournalState(NOW - 60),
        journal_written=NOW - 70,
        stream=StreamState(
            is_active=True,
            began=NOW - 30 * DAY,
            changed=NOW - 5,
            stored=NOW - 4,
            words="",
            drill=StreamDrill(NOW - 1800),
        ),
    ),
    one_api=OneApi(
        is_active=True,
        port=3000,
        process=PROCESS,
        error="",
        environment=ENVIRONMENT,
        is_ours=True,
        server_address=f"https://{DOMAIN}",
        database=Database(
            at=NOW - 30,
            kind="postgresql",
            error="",
            limit=100,
            reserved=3,
            clients=1,
            server_address=f"https://{DOMAIN}",
            cache=Cache(""),
        ),
        stored=StoredSettings(places=(), payments=(PAYMENT,), is_compliant=True, canary="opens"),
    ),
)
SOUND = Observation(
    TARGET,
    NOW,
    asked=(
        Asked(DOMAIN, "own", "resolv.conf", (HERE,)),
        Asked(DOMAIN, "public", "223.5.5.5", (HERE,)),
        Asked(DOMAIN, "authoritative", "192.0.9.1", (HERE,)),
    ),
    ports=(Port(HERE, 443, "open"), Port(HERE, 80, "open"), Port(HERE, 3000, "filtered")),
    handshakes=(SHAKE,),
    callbacks=tuple(
        Exchange(method, f"{scheme}://{DOMAIN}/api/payment/notify/x", 200, REFUSAL, "{}")
        for method in ("GET", "POST")
        for scheme in ("https", "http")
    ),
    status=Exchange(
        "GET",
        f"https://{DOMAIN}/api/status",
        200,
        REFUSAL,
        f'{{"success": true, "data": {{"server_address": "https://{DOMAIN}"}}}}',
    ),
    server=SERVER,
)


def server(**changed: Any) -> Observation:
    """The server told otherwise; a mapping is merged, at every depth."""
    told = plain.parse(Server, _merged(asdict(SERVER), changed))
    return replace(SOUND, server=told)


def _merged(known: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **known,
        **{
            key: _merged(known.get(key) or {}, value)
            if isinstance(value, dict) and value
            else _plain(value)
            for key, value in changed.items()
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def wrong(observation: Observation) -> list[str]:
    """The ids of what is not well, in order."""
    bad = {State.FAILED, State.WARNING}
    return [verdict.id for verdict in catalogue.judge(observation) if verdict.state in bad]


def verdict(observation: Observation, identity: str) -> Verdict:
    """One verdict."""
    return next(each for each in catalogue.judge(observation) if each.id == identity)
