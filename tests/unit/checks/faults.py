"""Observations in which one thing is wrong, and the check that must name it first."""

from dataclasses import asdict, replace

from one_api_infra.checks import attempts, backup, database
from one_api_infra.checks.observation import Asked, Caa, Delegation, Exchange, Observation, Port
from one_api_infra.shared.process import Holder
from one_api_infra.shared.unobserved import Unobserved
from one_api_infra.shared.upgrade import Phase, Upgrade
from tests.unit.checks.observations import (
    DAY,
    DISK,
    DOMAIN,
    ENVIRONMENT,
    HERE,
    PAYMENT,
    SHAKE,
    SOUND,
    server,
)
from tests.unit.examples import NOW


def asked(*addresses: str, role: str = "own", error: str = "") -> Observation:
    others = tuple(each for each in SOUND.asked if each.role != role)
    return replace(SOUND, asked=(Asked(DOMAIN, role, "x", addresses, error), *others))


def everywhere(*addresses: str, error: str = "") -> Observation:
    made = (replace(each, addresses=addresses, error=error) for each in SOUND.asked)
    return replace(SOUND, asked=tuple(made))


def caa(*records: str) -> Observation:
    made = tuple((0, *record.split(" ", 1)) for record in records)
    return replace(SOUND, caa=(Caa(DOMAIN, "site-example.com", made),))  # type: ignore[arg-type]


def ports(*changed: Port) -> Observation:
    kept = {(port.address, port.number): port for port in (*SOUND.ports, *changed)}
    return replace(SOUND, ports=tuple(kept.values()))


def shake(**changed: object) -> Observation:
    return replace(SOUND, handshakes=(replace(SHAKE, **changed),))  # type: ignore[arg-type]


def callback(status: int = 200, body: str = "{}", error: str = "", **headers: str) -> Observation:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    made = Exchange("GET", f"https://{DOMAIN}/x", status, named, body, error)
    return replace(SOUND, callbacks=(*SOUND.callbacks, made))


def place(value: str, kind: str = "payment") -> Observation:
    stored = {"kind": kind, "key": "1", "value": value, "wanted": f"https://{DOMAIN}"}
    return server(one_api={"stored": {"places": [stored]}})


def repository(**changed: object) -> Observation:
    """A repository's last run told otherwise."""
    told = {"name": "/srv/backup", "tried": NOW - 60, "saved": NOW - 60, "snapshot": "1",
            "seconds": 1.0, "sent": 1, "reason": "", "words": ""}  # fmt: skip
    return server(backup={"repositories": [told | changed]})


def streamed(**changed: object) -> Observation:
    """The stream told otherwise."""
    return server(backup={"stream": changed})


def drill(**changed: object) -> Observation:
    """The last drill told otherwise."""
    return server(backup={"drill": changed})


def store(**changed: object) -> Observation:
    """The database told otherwise."""
    return server(one_api={"database": changed})


def stored(**changed: object) -> Observation:
    """One API's own word told otherwise."""
    return server(one_api={"stored": changed})


def room(**changed: float) -> Observation:
    return server(mounts={"/": changed})


def held(program: str) -> dict[str, object]:
    return {"program": program, "process": 9, "unit": "", "path": ""}


def process(**changed: object) -> Observation:
    """One API's process told otherwise."""
    return server(one_api={"process": changed})


def locked() -> Observation:
    """Somebody holds SQLite's lock."""
    found = {"program": "python3", "process": 7, "unit": "", "path": ""}
    state = {"error": "database is locked", "obstacle": "locked"}
    return server(one_api={"process": {"holders": [found]}, "database": state})


def delegated(to: str, error: str) -> Observation:
    """Challenges of dns-01 are looked for elsewhere."""
    target = replace(SOUND.target, challenge="dns-01")
    return replace(SOUND, target=target, delegations=(Delegation(DOMAIN, to, error),))


def behind() -> Observation:
    """The site's own name leads to a CDN that may stand before it, another one here."""
    target = replace(SOUND.target, callback_domain=f"pay.{DOMAIN}", proxies=("104.16.0.0/13",))
    to_cdn = [replace(each, addresses=("104.16.0.1",)) for each in SOUND.asked]
    called = [replace(each, name=f"pay.{DOMAIN}") for each in SOUND.asked]
    return replace(SOUND, target=target, asked=(*to_cdn, *called))


def attempt(name: str, reason: str, at: float = NOW) -> Observation:
    """certbot's last attempt failed."""
    made = {"at": at, "reason": reason, "words": "x"}
    return server(renewal={name: made, "result": "exit-code" if name == "last" else "success"})


def own(**headers: str) -> dict[str, str]:
    return {"x_oneapi_request_id": "1", **headers}


def front(status: int, body: str = "", **headers: str) -> Observation:
    """What stands at port 80."""
    return replace(SOUND, fronts=(Exchange("GET", f"http://{DOMAIN}/", status, headers, body),))


def tunnel(**changed: object) -> Observation:
    """A tunnel, told otherwise."""
    sound = {"name": "alice", "domain": "alice.site-example.com", "user": "one-api-tunnel-alice"}
    flags = {"has_rules": True, "is_barred": False, "has_certificate": True, "is_served": True}
    return server(tunnels=[{**sound, **flags, "is_open": False, **changed}])


UPGRADE = asdict(Upgrade("new", "old", Phase.STARTING.value, NOW - 1000, "boot", "sum"))
HTML = "<html>Just a moment...</html>"
FAULTS: list[tuple[Observation, str]] = [
    (front(403, server="Beaver"), "network.is_filed"),
    (front(403, "<title>Non-compliance ICP Filing</title>"), "network.is_filed"),
    (front(302, location="https://dnspod.qcloud.com/static/webblock.html?d=x"), "network.is_filed"),
    (front(403, "该网站尚未备案"), "network.is_filed"),
    (shake(error="closed", is_reset_by_name=True), "network.is_filed"),
    (tunnel(has_rules=False), "tunnel.is_ready"),
    (tunnel(is_barred=True), "tunnel.is_ready"),
    (tunnel(has_certificate=False), "tunnel.is_ready"),
    (tunnel(is_served=False), "tunnel.is_ready"),
    (server(now=NOW + DAY), "system.clock"),
    (server(clock_is_kept=False), "system.clock"),
    (room(free=12.0), "system.disk"),
    (room(free=1000.0, size=90_000.0), "system.disk"),
    (room(inodes=0.5), "system.disk"),
    (replace(SOUND, minutes_to_full={"/": 20.0}), "system.disk"),
    (server(firewall={"published": ["8080/tcp"]}), "firewall.docker"),
    (server(callbacks={"state": {"strangers": 150.0}}), "ledger.flood"),
    (server(callbacks={"state": {"is_behind": True}}), "ledger.flood"),
    (server(memory_available=1.0), "system.memory"),
    (server(reboot_for=("linux-image-amd64",)), "system.reboot"),
    (place("", "option"), "server_address.stored"),
    (place("http://localhost"), "callback_domain.stored"),
    (replace(SOUND, bogus=(DOMAIN,)), "dns.dnssec"),
    (everywhere(error="NXDOMAIN"), "dns.resolves"),
    (everywhere(error="timeout"), "dns.resolves"),
    (asked("198.18.0.7"), "dns.resolves"),
    (everywhere("2606:2800:21f::9"), "dns.resolves"),
    (everywhere("10.0.0.1"), "dns.is_public"),
    (everywhere("151.101.1.1"), "dns.points_here"),
    (everywhere(HERE, "2606:2800:21f::9"), "dns.points_here"),
    (everywhere("104.16.0.1"), "dns.points_here"),
    (asked("151.101.1.1", role="public"), "dns.resolvers_agree"),
    (asked(error="SERVFAIL", role="authoritative"), "dns.authoritative"),
    (caa('issue ca.example'), "dns.caa"),
    (caa("issue ;"), "dns.caa"),
    (caa("issue letsencrypt.org; validationmethods=dns-01"), "dns.caa"),
    (replace(SOUND, caa=(Caa(DOMAIN, DOMAIN, error="SERVFAIL"),)), "dns.caa"),
    (delegated("acme.example-zone.net", "SERVFAIL"), "dns.delegation"),
    (caa("issue letsencrypt.org; accounturi=https://ca/acct/2"), "dns.caa_account"),
    (server(one_api={"is_active": False}), "one_api.runs"),
    (server(one_api={"error": "timeout"}), "one_api.runs"),
    (server(holders={"80": held("caddy")}), "network.port_taken"),
    (server(holders={"80": Holder("nginx", 9, "bt.service")}), "network.port_taken"),
    (server(holders={"80": Holder("nginx", 9, "nginx.service", "/www/server/nginx/sbin/nginx")}),
     "network.port_taken"),
    (server(holders={"80": Holder("docker-proxy", 9, "docker.service")}), "network.port_taken"),
    (server(holders={"443": Holder("nginx", 9, f"docker-{'a' * 64}.scope")}), "network.port_taken"),
    (server(holders={"3000": held("perl")}), "one_api.port"),
    (server(lacking={"users": ["one-api"]}), "system.users"),
    (server(lacking={"packages": ["nftables"]}), "system.packages"),
    (server(drop_ins={"/run/x.conf": "one-api.service"}), "system.drop_ins"),
    (server(nginx={"rivals": ["/etc/nginx/conf.d/a.conf"]}), "nginx.foreign_site"),
    (shake(error="timeout", is_narrow=True), "network.full_packets"),
    (shake(application="http/1.1"), "tls.http2"),
    (server(certificates=(replace(DISK, key_is_private=False),)), "certificate.key_is_private"),
    (process(user="root"), "one_api.user"),
    (process(user="root", drop_ins=["/x"]), "one_api.user"),
    (process(is_loaded=False), "one_api.is_loaded"),
    (server(one_api={"upgrade": UPGRADE, "is_upgrading": False}), "one_api.upgrade"),
    (server(one_api={"upgrade": UPGRADE, "is_upgrading": True}), "one_api.upgrade"),
    (process(is_release=False), "one_api.release"),
    (process(restarts=5, age=60.0, died_of="oom-kill"), "one_api.keeps_running"),
    (process(restarts=5, age=60.0, died_of="oom-kill", drop_ins=["/x"]), "one_api.keeps_running"),
    (process(restarts=5, age=60.0, died_of="exit-code"), "one_api.keeps_running"),
    (process(restarts=5, age=60.0, died_of="exit-code", drop_ins=["/x"]), "one_api.keeps_running"),
    (process(lost={"/var/lib/one-api/one-api.db": "/proc/9/fd/7"}), "database.answers"),
    *((store(error="x", obstacle=each), "database.answers") for each in database.OBSTACLES),
    *((store(refusal="x", obstacle=each), "database.takes_writes") for each in ("", "rights")),
    (store(journal="delete"), "database.journal"),
    (locked(), "database.answers"),
    (store(error="x", is_local=True), "database.answers"),
    (store(error="password authentication failed"), "database.answers"),
    (server(nginx={"closed": "/var/lib/nginx/body"}), "nginx.folders"),
    (server(nginx={"problem": "[emerg] x in /etc/nginx/sites-enabled/y:3"}), "nginx.is_loaded"),
    (server(nginx={"problem": "[emerg] x in /etc/nginx/one-api/y:3"}), "nginx.is_loaded"),
    (server(resolver="ca.example"), "system.resolver"),
    *((attempt("last", each), "certificate.renewal") for each in attempts.FAULTS),
    *((attempt("rehearsal", each), "certificate.rehearsal") for each in attempts.FAULTS),
    (attempt("rehearsal", "", at=NOW - 9 * DAY), "certificate.rehearsal"),
    (server(renewal={"notes": {"authenticator": "standalone"}}), "certificate.notes"),
    (server(renewal={"notes": {"authenticator": "webroot", "pre_hook": "x"}}), "certificate.notes"),
    (server(renewal={"has_account": False}), "certificate.notes"),
    (server(backup=None), "backup.is_set"),
    (server(backup={"restoring": NOW - DAY}), "backup.is_set"),
    *((repository(reason=each), "backup.repository") for each in backup.REASONS),
    (server(backup={"journal_written": NOW - DAY, "journal": None}), "backup.journal"),
    (streamed(is_active=False), "backup.is_streaming"),
    (streamed(words="no answer"), "backup.is_streaming"),
    (streamed(stored=NOW - 7200), "backup.is_streaming"),
    (streamed(drill={"at": NOW, "since": 1.0, "reason": "broken"}), "backup.is_streaming"),
    (streamed(drill={"at": NOW - 3 * DAY}), "backup.is_streaming"),
    (repository(saved=NOW - DAY), "backup.is_fresh"),
    (server(backup={"is_active": False}), "backup.is_fresh"),
    (server(backup={"repositories": []}), "backup.is_fresh"),
    *((drill(reason=each), "backup.was_restored") for each in backup.REASONS),
    (drill(reason="different"), "backup.was_restored"),
    (drill(at=NOW - 30 * DAY), "backup.was_restored"),
    (server(backup={"drill": None}), "backup.was_restored"),
    (server(renewal={"notes": {}}), "certificate.notes"),
    (store(obstacle="rights"), "database.takes_writes"),
    (server(firewall={"is_as_loaded": False}), "firewall.is_loaded"),
    (ports(Port(HERE, 443, "closed")), "network.https_open"),
    (ports(Port(HERE, 80, "filtered")), "network.http_open"),
    (ports(Port("2606::1", 443, "filtered")), "network.https_open_ipv6"),
    (ports(Port("2606::1", 80, "closed")), "network.http_open_ipv6"),
    (ports(Port(HERE, 3000, "open")), "network.one_api_closed"),
    (ports(Port(HERE, 3001, "open")), "network.one_api_closed"),
    (shake(error="timeout"), "certificate.is_served"),
    (shake(error="unrecognized name"), "certificate.is_served"),
    (shake(is_self_signed=True), "certificate.self_signed"),
    (shake(not_after=NOW - 1), "certificate.in_time"),
    (shake(not_before=NOW + 1), "certificate.in_time"),
    (shake(names=("x.com",)), "certificate.names"),
    (shake(names=()), "certificate.names"),
    (shake(errors=(20,), chain_length=1), "certificate.chain"),
    (shake(errors=(20,), is_linked=False), "certificate.chain"),
    (shake(errors=(10,)), "certificate.chain"),
    (shake(errors=(20,)), "certificate.trusted"),
    (shake(errors=(19,)), "certificate.trusted"),
    (shake(not_after=NOW + 2 * DAY), "certificate.life_left"),
    (shake(serial="bb"), "certificate.served_is_on_disk"),
    (server(certificates=(replace(DISK, key_matches=False),)), "certificate.key_matches"),
    (shake(protocols=("TLSv1.3",)), "tls.protocols"),
    (shake(protocols=("TLSv1", "TLSv1.2", "TLSv1.3")), "tls.protocols"),
    (shake(serial_without_sni="cc"), "tls.without_sni"),
    (callback(error="closed"), "callback.answered"),
    (callback(502), "callback.answered"),
    (callback(301, location="https://x"), "callback.no_redirect"),
    (callback(503, HTML), "cdn.passes"),
    (callback(403, "no", server="cloudflare"), "cdn.passes"),
    (callback(301, location=f"https://{DOMAIN}/x"), "cdn.passes"),
    (behind(), "cdn.limit"),
    (callback(403, "no", server="other"), "callback.no_challenge"),
    (callback(401, "no", www_authenticate="Basic"), "callback.no_challenge"),
    (callback(429), "callback.no_rate_limit"),
    (callback(405), "callback.methods"),
    (callback(200, "<!DOCTYPE html>", **own()), "callback.no_html"),
    (callback(200, "x", **own(content_encoding="gzip")), "callback.not_compressed"),
    (callback(200, "success"), "callback.refusal"),
    (callback(500, "{}", **own()), "callback.refusal"),
    (replace(SOUND, status=Exchange("GET", "x", 200, {}, "<html>")), "one_api.status"),
    (server(one_api={"is_ours": False}), "one_api.is_claimed"),
    (store(server_address="https://x.com"), "one_api.options_in_step"),
    (stored(payments=(replace(PAYMENT, is_enabled=False),)), "payment.is_enabled"),
    (stored(payments=(replace(PAYMENT, missing=("key",)),)), "payment.settings"),
    (stored(payments=(replace(PAYMENT, harms=True),)), "payment.settings"),
    (
        stored(payments=tuple(replace(PAYMENT, type="alipay", app=app) for app in ("1", "2"))),
        "payment.settings",
    ),
    (server(one_api={"environment": {**ENVIRONMENT, "GLOBAL_API_RATE_LIMIT": "300"}}),
     "one_api.rate_limit"),
    (store(error="OperationalError: timed out"), "database.answers"),
    (store(at=NOW - DAY), "database.answers"),
    (server(one_api={"database": Unobserved("no file")}), "database.answers"),
    (store(limit=50), "database.connections"),
    (store(clients=2), "database.connections"),
    (server(one_api={"environment": {}}), "database.connections"),
    (store(cache={"error": "ConnectionError"}), "cache.answers"),
    (stored(canary="dead"), "one_api.secrets"),
    (stored(canary="missing"), "one_api.secrets"),
    (stored(is_compliant=False), "payment.compliance"),
    (stored(payments=(replace(PAYMENT, is_plain=True),)), "payment.is_secure"),
    (server(callbacks={"state": {"is_blind": True}}), "ledger.can_judge"),
    (server(callback_log={"probes": []}), "callback_log.has_probe"),
    (server(renewal={"is_active": False}), "certificate.timer"),
    (server(renewal={"result": "exit-code"}), "certificate.renewal"),
    (server(renewal={"last": {"at": NOW, "reason": "closed", "words": "x"}}),
     "certificate.renewal"),
    (server(renewal={"ran": NOW - 2 * DAY}), "certificate.renewal"),
    (server(renewal={"hook": {"ok": False, "message": "x", "can_run": True}}),
     "certificate.hook"),
    (server(renewal={"hook": {"ok": True, "message": "", "can_run": False}}),
     "certificate.hook"),
    (server(nginx={"is_loaded": False}), "nginx.is_loaded"),
    (server(firewall={"is_loaded": False}), "firewall.is_loaded"),
    (server(firewall={"is_guarded": False}), "firewall.is_loaded"),
    (server(failed_units=["x.service"]), "system.units"),
    (server(callbacks={"state": {"ran": NOW - 3600}}), "ledger.is_fresh"),
    (server(callbacks={"is_active": False}), "ledger.is_fresh"),
    (server(callbacks={"state": {"is_rebuilt": True}}), "ledger.is_whole"),
    (server(callbacks={"state": {"cases": 2}}), "ledger.has_no_case"),
    (server(callbacks={"state": {"silent": [
        {"title": "1 epay", "reason": "ReadTimeout", "has_told": False}]}}), "ledger.can_ask"),
    (server(callbacks={"state": {"tested": [{"title": "1 epay", "at": NOW, "step": "callback"}]}}),
     "payment.test"),
    (server(monitor={"ran": NOW - 3600}), "monitor.ran"),
    (server(monitor={"is_active": False}), "monitor.ran"),
    (server(monitor={"is_watched": False}), "monitor.watchdog"),
    (server(deviations=[{"path": "/etc/x", "fault": "gone"}]), "system.files"),
    (server(deviations=[{"path": "/etc/x", "fault": "changed"}]), "system.files"),
    (server(deviations=[{"path": "/etc/x", "fault": "rights"}]), "system.files"),
    (server(nginx={"is_as_written": False}), "nginx.files"),
    (server(idle_units={"x.timer": "masked"}), "system.services"),
    (server(idle_units={"x.timer": "gone"}), "system.services"),
    (server(idle_units={"x.timer": "disabled"}), "system.services"),
    (server(idle_units={"x.timer": "stopped"}), "system.services_run"),
    (server(monitor={"undelivered": ["1 (json)"]}), "monitor.channel"),
]  # fmt: skip
