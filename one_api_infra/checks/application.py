"""Level 6: One API itself: what it was told, and what it goes by."""

from collections.abc import Callable
from typing import Any

from one_api_infra.checks import http, network
from one_api_infra.checks.name import form
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip, Verbatim
from one_api_infra.shared import editions, units
from one_api_infra.shared.callback_domain import origin
from one_api_infra.shared.process import Process
from one_api_infra.shared.server_observation import Payment, Server, StoredSettings
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

SERVICE, USER = units.ONE_API, "one-api"
RESTARTS, SETTLED_SECONDS = 3, 600  # so many, and none since: it has found its feet
TAKE_AWAY = N_("`rm {files}`, `systemctl daemon-reload`, `systemctl restart one-api`")
RUNS = ("one_api.runs",)
TELLS = ("one_api.runs", "one_api.is_claimed")
ENVIRONMENT = N_(
    "remove {name} from the host's `environment`, then `pyinfra inventory.py deploys/one_api.py`"
)

ONE_HUB = "one-hub"


def _runs(observation: Observation) -> Finding:
    one_api = observed(observation.on_server.one_api)
    if not one_api.is_active:
        return Found("stopped", units.ONE_API)
    return Found("silent", one_api.error) if one_api.error else None


def _port(observation: Observation) -> Finding:
    """Another program on One API's own port."""
    port = str(observed(observation.on_server.one_api).port)
    holder = observed(observation.on_server.holders).get(port)
    if holder is None or holder.unit in {SERVICE, units.SECOND}:
        return None
    return Found("taken", f"ss: {port} {holder.program}", network.stop(holder, port))


def _keeps_running(observation: Observation) -> Finding:
    process = observed(observation.on_server.one_api).process
    if process.restarts < RESTARTS or process.age > SETTLED_SECONDS:
        return None
    values = {"count": process.restarts, "result": process.died_of or "-"}
    if process.died_of == "oom-kill":
        fault = "limited" if process.drop_ins else "memory"
    else:
        fault = "altered" if process.drop_ins else "dies"
    return Found(fault, " ".join(process.drop_ins), values | _without(process))


def _without(process: Process) -> dict[str, object]:
    """The command that takes away what somebody else has changed of the unit."""
    return {"files": Verbatim(" ".join(process.drop_ins))}


def _user(observation: Observation) -> Finding:
    process = observed(observation.on_server.one_api).process
    if process.user in {"", USER}:
        return None
    fault = "altered" if process.drop_ins else "other"
    return Found(fault, process.user, {"user": process.user} | _without(process))


def _is_release(observation: Observation) -> Finding:
    return None if observed(observation.on_server.one_api).process.is_release else Found("changed")


def _is_loaded(observation: Observation) -> Finding:
    return None if observed(observation.on_server.one_api).process.is_loaded else Found("stale")


def _is_claimed(observation: Observation) -> Finding:
    return None if observed(observation.on_server.one_api).is_ours else Found("unclaimed")


def _in_use(observation: Observation) -> Finding:
    address = http.api_status(observation).get("server_address")
    if address is None and isinstance(observation.server, Server):
        address = observed(observation.on_server.one_api).server_address
    if address is None:
        return Skip(_("/api/status does not tell a server_address"))
    wanted = origin(observation.target.domain)
    if form(str(address), wanted):
        return Found("differs", f'server_address = "{address}"',
                     {"value": address or _("empty"), "wanted": wanted})  # fmt: skip
    return None


def _in_step(observation: Observation) -> Finding:
    one_api = observed(observation.on_server.one_api)
    stored, in_use = observed(one_api.database).server_address, one_api.server_address
    if stored != in_use:
        values = {"stored": stored or _("empty"), "value": in_use or _("empty")}
        return Found("differs", f"{values['stored']}, {values['value']}", values)
    return None


def _stored_settings(observation: Observation) -> StoredSettings:
    return observed(observed(observation.on_server.one_api).stored)


def _compliance(observation: Observation) -> Finding:
    is_confirmed = _stored_settings(observation).is_compliant
    if is_confirmed is None:
        return Skip(_("this edition asks for none"))
    return None if is_confirmed else Found("unconfirmed", "", {"domain": observation.target.domain})


def _canary(observation: Observation) -> Finding:
    found = _stored_settings(observation).canary
    if not found:
        return Skip(_("keys need no secret here"))
    return None if found == "opens" else Found(found)


def _insecure(observation: Observation) -> Finding:
    if observation.target.lab:
        return Skip(_("the lab's gateway speaks plain HTTP"))
    return _of_rows("plain", lambda row: row.is_plain)(observation)


def _payment_settings(observation: Observation) -> Finding:
    found = _of_rows("missing", lambda row: row.missing)(observation)
    found = found or _of_rows("harms", lambda row: row.harms and row.is_enabled)(observation)
    if found or observation.target.edition != ONE_HUB:
        return found
    apps = [row.app for row in _stored_settings(observation).payments if row.app and row.is_enabled]
    other = _of_rows("apps", lambda row: row.is_enabled and row.app not in {"", *apps[:1]})
    return other(observation)


def _of_rows(fault: str, is_wrong: Callable[[Payment], object]) -> Callable[[Observation], Finding]:
    def judge(observation: Observation) -> Finding:
        rows = _stored_settings(observation).payments
        if not rows:
            return Skip(_("there is no payment row"))
        for row in rows:
            if is_wrong(row):
                missing = ", ".join(row.missing)
                values = {"id": row.id, "type": row.type, "missing": missing}
                return Found(fault, f"payment {row.id} ({row.type}) {missing}", values)
        return None

    return judge


def _variable(part: str) -> Callable[[Observation], Finding]:
    def judge(observation: Observation) -> Finding:
        found = observed(observation.on_server.one_api).environment
        for name, wanted in editions.get(observation.target.edition).environment.items():
            if part in name and not _is_as_good(found.get(name, ""), wanted):
                values = {"name": name, "value": found.get(name, "-"), "wanted": wanted}
                return Found("differs", f"{name}={found.get(name, '-')}", values)
        return None

    return judge


def _is_as_good(value: str, wanted: str) -> bool:
    """The wanted value, or a limit that is wider."""
    wider = value.isdigit() and wanted.isdigit() and int(value) >= int(wanted) > 0
    return value == wanted or wider


def _check(
    name: str, means: str, faults: dict[str, Fault], judge: Any, needs: tuple[str, ...] = RUNS
) -> Check:
    return Check(name, Level.APPLICATION, means, faults, judge, needs)


CHECKS = (
    _check(
        "server_address.in_use",
        N_("/api/status tells https://DOMAIN as server_address"),
        {
            "differs": Fault(
                N_("One API goes by the server_address {value}, not {wanted}"),
                N_("set ServerAddress (服务器地址) to {wanted}, then `systemctl restart one-api`"),
            )
        },
        _in_use,
        (),
    ),
    _check(
        "one_api.options_in_step",
        N_("What One API goes by is what its database holds"),
        {
            "differs": Fault(
                N_("One API goes by {value}; its database holds {stored}"),
                N_("`systemctl restart one-api`"),
            )
        },
        _in_step,
    ),
    _check(
        "one_api.secrets",
        N_("The secrets are those with which the customers' keys were made"),
        {
            "dead": Fault(
                N_(
                    "the key named one-api-infra of One API's database opens nothing: the database"
                    " was made with other secrets, and every customer's key is dead"
                ),
                N_(
                    "put /etc/one-api/secrets.env of the server where the database comes from here,"
                    " then `systemctl restart one-api`"
                ),
            ),
            "missing": Fault(
                N_("One API's database lacks the key named one-api-infra, by which that is seen"),
                N_("`pyinfra inventory.py deploys/one_api.py` makes it"),
            ),
        },
        _canary,
        TELLS,
    ),
    _check(
        "payment.compliance",
        N_("New API's terms for payments are confirmed: else it refuses every callback"),
        {
            "unconfirmed": Fault(
                N_("New API refuses every payment callback: its compliance terms are unconfirmed"),
                N_(
                    "open https://{domain}/system-settings/billing/payment as root (System"
                    " Settings, Billing & Payment, Payment Gateway) and press Confirm compliance"
                ),
            )
        },
        _compliance,
        TELLS,
    ),
    _check(
        "payment.is_secure",
        N_("Every gateway's page is https: browsers stop customers on the way to a plain one"),
        {
            "plain": Fault(
                N_("payment row {id} ({type}) sends customers to an http:// page"),
                N_("write the gateway's address with https:// in One API's payment settings"),
            )
        },
        _insecure,
        TELLS,
    ),
    _check(
        "payment.is_enabled",
        N_("Every payment row is enabled: the callbacks of a disabled one are refused"),
        {
            "disabled": Fault(
                N_("payment row {id} ({type}) is disabled: what is paid there is not credited"),
                N_("enable it in One API, or delete it when its last order is closed"),
                is_warning=True,
            )
        },
        _of_rows("disabled", lambda row: not row.is_enabled),
        TELLS,
    ),
    _check(
        "payment.settings",
        N_("Every payment row has the settings that its gateway needs"),
        {
            "missing": Fault(
                N_("payment row {id} ({type}) lacks {missing}: its callbacks cannot be verified"),
                N_("fill in {missing} in One API's payment settings"),
            ),
            "harms": Fault(
                N_("One API ends at each order of payment row {id} ({type}): its private key"),
                N_(
                    "fill in apiclient_key.pem whole, with its first and last line (BEGIN PRIVATE"
                    " KEY), in One API's payment settings"
                ),
            ),
            "apps": Fault(
                N_(
                    "payment row {id} is of another Alipay app than the first: One Hub orders all"
                    " in the app of whichever row sold first, and judges by its key"
                ),
                N_(
                    "let all Alipay rows be of one app (app_id), then `systemctl restart one-api`"
                    " and order once by each of them: until then its callbacks fail"
                ),
                is_warning=True,
            ),
        },
        _payment_settings,
        TELLS,
    ),
    _check(
        "one_api.rate_limit",
        N_("One API's own rate limits leave room for callbacks beside open pay dialogs"),
        {
            "differs": Fault(
                N_("{name} is {value}, not {wanted}: pay dialogs eat the limit of the callbacks"),
                ENVIRONMENT,
            )
        },
        _variable("RATE_LIMIT"),
    ),
    _check(
        "one_api.batch_update",
        N_("Credit is written at once, not in batches that a crash loses"),
        {"differs": Fault(N_("{name} is {value}: credit waits in memory"), ENVIRONMENT)},
        _variable("BATCH_UPDATE"),
    ),
)
# Before its database, which suffers under a wrong user.
PROGRAM = (
    _check(
        "one_api.port",
        N_("One API's port is its own"),
        {
            "taken": Fault(
                N_("{holder} listens on port {port}, which is One API's"),
                N_("`{stop}`, `systemctl restart one-api`"),
            )
        },
        _port,
        (),
    ),
    _check(
        "one_api.release",
        N_("One API's program is the release that the deploy brought"),
        {
            "changed": Fault(
                N_("One API's program on disk is another than the deploy brought, or is gone"),
                N_("`pyinfra inventory.py deploys/one_api.py` brings it anew"),
            )
        },
        _is_release,
        (),
    ),
    _check(
        "one_api.user",
        N_("One API runs as its own user, who may nothing else"),
        {
            "altered": Fault(N_("One API runs as {user}: somebody changed its unit"), TAKE_AWAY),
            "other": Fault(
                N_("One API runs as {user}"), N_("`pyinfra inventory.py deploys/one_api.py`")
            ),
        },
        _user,
        (),
    ),
)
# Looked at before the levels above: whether it runs, and tells us, explains what they see.
RUNNING = (
    _check(
        "one_api.keeps_running",
        N_("One API keeps running"),
        {
            "memory": Fault(
                N_("One API was killed {count} times for want of memory: payments get lost then"),
                N_("see who uses it: `systemd-cgtop -m`; add memory or swap"),
            ),
            "limited": Fault(
                N_("One API was killed {count} times at a limit of memory that somebody has set"),
                TAKE_AWAY,
            ),
            "altered": Fault(
                N_("One API ended {count} times by itself ({result}); somebody changed its unit"),
                TAKE_AWAY,
            ),
            "dies": Fault(
                N_("One API ended {count} times by itself ({result})"),
                N_("its last words tell why: `journalctl -u one-api -n 50`"),
            ),
        },
        _keeps_running,
        (),
    ),
    Check(
        "one_api.runs",
        Level.APPLICATION,
        N_("One API runs and answers on loopback"),
        {
            "stopped": Fault(
                N_("one-api.service does not run"),
                N_("`systemctl start one-api`, then read `journalctl -u one-api`"),
            ),
            "silent": Fault(
                N_("One API runs but does not answer on loopback"),
                N_("`systemctl restart one-api`, then read `journalctl -u one-api`"),
            ),
        },
        _runs,
    ),
    _check(
        "one_api.is_loaded",
        N_("One API runs with the settings that are on disk"),
        {
            "stale": Fault(
                N_("One API's settings, unit or program were changed after it was started"),
                N_("`systemctl restart one-api`"),
            )
        },
        _is_loaded,
    ),
    _check(
        "one_api.is_claimed",
        N_("root in One API is ours: the default password is refused"),
        {
            "unclaimed": Fault(
                N_("One API does not accept the stored password of root: it may be 123456"),
                N_("`pyinfra inventory.py deploys/one_api.py` claims root"),
            )
        },
        _is_claimed,
    ),
)
