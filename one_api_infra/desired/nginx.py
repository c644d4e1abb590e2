"""nginx' configuration for a site, by the version found and the certificate that is there."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from one_api_infra.desired import certificate as certificate_files
from one_api_infra.desired import proxies, render, systems
from one_api_infra.desired import tunnel as tunnel_of
from one_api_infra.desired.resources import Concern, Directory, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import (
    callback,
    certificate,
    former_domains,
    move,
    nginx_release,
    paths,
    tunnel,
    units,
    upgrade,
)
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.editions import EDITIONS
from one_api_infra.shared.tunnel import Tunnel

CONF = f"{paths.NGINX}/nginx.conf"
DEFAULT_SITE = f"{paths.NGINX}/sites-enabled/default"
LINK = f"{paths.NGINX}/one-api"
DROP_IN_FOLDER = units.drop_ins(units.NGINX)
DROP_IN = f"{DROP_IN_FOLDER}/one-api-infra.conf"
INCLUDES = (
    f"{paths.NGINX}/conf.d/one-api.conf",
    f"{paths.NGINX}/modules-enabled/90-one-api.conf",
)
PARTS = (
    *(f"{name}.conf" for name in ("main", "http", "site", "tls", "acme", "proxy", "callbacks")),
    *(f"{name}.conf" for name in ("relay", "web", "headers", "former", "tunnel", "client")),
)
CALLBACK_SCRIPT = "callback.js"
LOG_RIGHTS = "www-data adm 640"
NJS = "libnginx-mod-http-js"
NJS_CONF = "/usr/share/nginx/modules-available/mod-http-js.conf"
NJS_MODULE = f"{paths.NGINX}/modules-enabled/50-mod-http-js.conf"
BACKLOG = 4096  # the kernel allows no more (net.core.somaxconn)
# The largest request that a group of routes takes.
BODY_LIMITS = {"callback": "64k", "login": "64k", "web": "32m", "relay": "128m"}
CALLBACK_RATE, CALLBACK_BURST = 20, 200  # of an address, in a second and at once
LEAST_ORDERS = 10
LOGIN_ROUTES = (
    "/api/user/login",
    "/api/user/register",
    "/api/verification",
    "/api/reset_password",
    "/api/oauth/",
)
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
CURVES = "X25519:prime256v1:secp384r1"
# What nginx.conf holds itself, or includes from elsewhere, where that is a site.
_ELSEWHERE = (
    "$(cd /etc/nginx && for f in nginx.conf $(sed 's/#.*//' nginx.conf 2>/dev/null |"
    " tr ';{' '\\n\\n' | sed -n 's/^[[:space:]]*include[[:space:]]*//p'); do"
    " case $f in *conf.d/*|*sites-enabled/*|*modules-enabled/*) continue;; esac;"
    " sed 's/#.*//' $f 2>/dev/null | grep -qE '(^|[{;[:space:]])(listen|server_name)[[:space:]]' &&"
    " readlink -f $f; done)"
)
FOREIGN = (
    "for f in /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf"
    f" {_ELSEWHERE}; do case $f in"
    " */one-api.conf) continue;; esac; [ -f $f ] || continue;"
    " if [ $f = /etc/nginx/sites-enabled/default ] && dpkg-query -W -f='${Conffiles}\\n'"
    " nginx-common | grep -q \"sites-available/default $(md5sum <$f | cut -d' ' -f1)\";"
    ' then continue; fi; echo "file $f";'
    " sed 's/#.*//' $f | grep -oE 'default_server|server_name[^;]*|listen[^;]*' | sort -u; done"
)
# With one of these twice in a context nginx would not start: the admin's own stay.
ONCE = (
    *("server_names_hash_bucket_size", "client_header_timeout", "client_body_timeout"),
    *("keepalive_min_timeout", "worker_rlimit_nofile", "worker_shutdown_timeout"),
)
SET_ELSEWHERE = (
    f"grep -RshoE '^\\s*({'|'.join(ONCE)})\\b' /etc/nginx --exclude-dir=one-api"
    " --exclude-dir=one-api.d --exclude-dir='*-available' | sort -u"
)
LOOPBACK = re.compile(r"listen\s+127\.0\.0\.1(?::(?:80|443))?(?:\s|$)")
CONF_OWNER = (
    "if [ ! -s /etc/nginx/nginx.conf ] ||"
    " head -n 1 /etc/nginx/nginx.conf | grep -q one-api-infra; then echo ours;"
    " elif dpkg-query -W -f='${Conffiles}\\n' nginx-common | grep -q"
    " \"/etc/nginx/nginx.conf $(md5sum </etc/nginx/nginx.conf | cut -d' ' -f1)\";"
    " then echo package; else echo admin; fi"
)


def njs_is_off(snapshot: Snapshot) -> bool:
    """Whether nginx would not load the module, whose package or whose use is there.

    dpkg configures nginx before the module's package, which would enable it: where the site's
    configuration is there already, nginx would not start, and dpkg would fail for ever.
    """
    is_asked_for = NJS in snapshot.packages or INCLUDES[0] in snapshot.paths
    return is_asked_for and NJS_MODULE not in snapshot.paths


def njs_script() -> str:
    """The command that lets nginx load the module, as soon as it is there."""
    return f"mkdir -p {paths.NGINX}/modules-enabled && ln -sf {NJS_CONF} {NJS_MODULE}"


@dataclass(frozen=True)
class Features:
    """What the configuration depends on."""

    version: tuple[int, ...]
    openssl: tuple[int, ...]
    ipv6: bool
    default_server: bool
    owns_conf: bool
    loopback: bool
    set_elsewhere: frozenset[str]
    njs: bool
    served: Certificate | None
    former: tuple[Certificate, ...]
    tunnels: tuple[tuple[Tunnel, Certificate | None], ...]
    upstream: str  # the part that says where requests go

    @classmethod
    def of(cls, site: Site, snapshot: Snapshot) -> "Features":
        """The features of a server as the snapshot saw it."""
        version, openssl = _versions(snapshot)
        foreign = snapshot.probes.get("nginx_foreign", ())
        mine = not foreign and snapshot.probe("nginx_conf_owner") in {"", "ours", "package"}
        return cls(
            version=version,
            openssl=openssl,
            ipv6=snapshot.probe("ipv6") != "no",
            # Not beside other sites: one of them may be the default server implicitly.
            default_server=not foreign,
            # An address with listeners of its own is none of those that listen at any.
            loopback=bool(site.proxy_protocol) or any(map(LOOPBACK.match, foreign)),
            owns_conf=mine,
            set_elsewhere=frozenset(
                line.strip() for line in snapshot.probes.get("nginx_set_elsewhere", ())
            ),
            # Without njs the log has the answer's size, not its bytes.
            njs=NJS_MODULE in snapshot.paths,
            served=(now_served := served(site, snapshot)),
            former=former(site, now_served, snapshot),
            tunnels=tuple((each, tunnel_of.lineage(each, snapshot)) for each in site.tunnels),
            upstream=upgrade.served(snapshot.state().upgrade, *site.ports),
        )


def served(site: Site, snapshot: Snapshot) -> Certificate | None:
    """The certificate that nginx is to serve now, if there is one."""
    now = float(snapshot.probe("time") or 0)
    found = certificate_files.certificates(snapshot)
    external = site.certificate_file if site.certificate == "external" else None
    return certificate.choose(found, site.domains, now, lab=site.lab, external=external)


def former(
    site: Site, now_served: Certificate | None, snapshot: Snapshot
) -> tuple[Certificate, ...]:
    """The certificates of earlier domains; none of a name that the site itself serves."""
    own = (*site.domains, *(now_served.names if now_served else ()))
    now = float(snapshot.probe("time") or 0)
    return former_domains.served(snapshot.state().former, own, now, lab=site.lab)


def _versions(snapshot: Snapshot) -> tuple[tuple[int, ...], tuple[int, ...]]:
    text = snapshot.probe("nginx_version")
    nginx = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", text)
    openssl = re.search(r"built with OpenSSL (\d+)\.(\d+)", text)
    if nginx and openssl:
        return _numbers(nginx), _numbers(openssl)
    system = systems.of(snapshot.probes.get("os_release", ())) or systems.OLDEST
    return system.nginx, system.openssl


def _numbers(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(number) for number in match.groups())


def parts(site: Site, features: Features, handed_to: str = "") -> dict[str, str]:
    """The files of ``/etc/nginx/one-api`` by name; ``handed_to`` is where the site has moved."""
    edition = site.edition
    more = (name for name in site.certificate_domains if not name.startswith("*."))
    names = (*site.domains, *more, *(features.served.names if features.served else ()))
    values: dict[str, object] = {
        **_way(site, handed_to),
        "names": tuple(dict.fromkeys(names)),
        "former": _former(site, features),
        "tunnels": [_tunnel(each, found) for each, found in features.tunnels],
        "replay": (),
        "origin": site.origin,
        "tls": _tls(site, features.served),
        "ipv6": features.ipv6,
        "loopback": features.loopback,
        "set_elsewhere": features.set_elsewhere,
        "default_server": features.default_server,
        "http2_directive": features.version >= (1, 25, 1),
        "keepalive_min_timeout": features.version >= (1, 27, 4),
        **_workers(site),
        "ciphers": CIPHERS,
        # With a group that OpenSSL does not know nginx does not start; "?" (3.3) passes it over.
        "curves": f"?X25519MLKEM768:{CURVES}" if features.openssl >= (3, 5) else CURVES,
        "webroot": paths.WEBROOT,
        "callback_log": paths.CALLBACK_LOG,
        "access_log": paths.ACCESS_LOG,
        "disk_full": paths.DISK_FULL,
        "callback_rate": CALLBACK_RATE,
        "callback_burst": CALLBACK_BURST,
        "orders": orders_a_minute(site),
        "callback_routes": edition.callback_routes,
        "callback_headers": callback.HEADERS,
        "order_parameter": edition.order_parameter,
        "replay_port": callback.REPLAY_PORT,
        "callback_script": f"{LINK}/{CALLBACK_SCRIPT}",
        "njs": features.njs,
        "relay_prefixes": edition.relay_prefixes,
        "closed_routes": edition.closed_routes,
        "read_only_routes": edition.read_only_routes,
        "order_routes": edition.order_routes,
        "login_routes": LOGIN_ROUTES,
        "body_limits": BODY_LIMITS,
    }
    names = (*PARTS, CALLBACK_SCRIPT) if features.njs else PARTS
    made = {name: render.text(f"{LINK}/{name}", **values) for name in names}
    way = upgrade.upstream(move.GATE_PORT) if handed_to else features.upstream
    return made | {upgrade.PART: way}


def orders_a_minute(site: Site) -> int:
    """How many orders an address may make, in a minute and at once.

    What 64 a minute leave unpaid for three hours One Hub's own limit lets the callback service
    read; where many customers come from one address, the admin has said so.
    """
    return max(site.connections_per_address // 8, LEAST_ORDERS)


def _workers(site: Site) -> dict[str, object]:
    return {
        "worker_connections": nginx_release.WORKER_CONNECTIONS,
        "backlog": BACKLOG,
        "drain_minutes": site.drain_minutes,
    }


def _way(site: Site, handed_to: str) -> dict[str, object]:
    """Where requests go, and by which server they may come while a site moves."""
    scheme = "https" if handed_to else "http"
    return {
        "payments_from": upgrade.PAYMENTS_FROM,
        "scheme": scheme,
        "payments": f"{scheme}://one_api_payments",
        "handed_to": f"[{handed_to}]" if ":" in handed_to else handed_to,
        "trusted_proxies": site.proxies,
        "real_ip_header": _real_ip_header(site),
        "accepts": " proxy_protocol" if site.proxy_protocol else "",
        "roots": paths.TRUSTED_CA if site.trusted_ca_file else ROOTS,
    }


def _real_ip_header(site: Site) -> str:
    """Where a proxy tells the client's address.

    Cloudflare's own: a Worker of anybody's comes from Cloudflare too, and writes X-Forwarded-For.
    """
    if site.proxy_protocol:
        return "proxy_protocol"
    is_cloudflare = proxies.CLOUDFLARE in site.trusted_proxies
    return "CF-Connecting-IP" if is_cloudflare else "X-Forwarded-For"


def _former(site: Site, features: Features) -> tuple[Mapping[str, object], ...]:
    """The server blocks of the earlier domains, each name in one of them."""
    taken = {*site.domains, *(features.served.names if features.served else ())}
    blocks = []
    for each in features.former:
        names = [name for name in each.host_names if name not in taken]
        taken.update(names)
        files = {"certificate": each.certificate_file, "key": each.key_file}
        blocks.append({"name": each.name, "names": names, **files})
    return tuple(blocks)


def _tunnel(each: Tunnel, found: Certificate | None) -> Mapping[str, object]:
    """A tunnel's server block; whatever edition the developer runs is called at its routes."""
    routes = {route.path: route for kind in EDITIONS.values() for route in kind.callback_routes}
    return {
        "domain": each.domain,
        "certificate": found.certificate_file if found else "",
        "key": found.key_file if found else "",
        "callback_log": each.callback_log,
        "routes": tuple(routes.values()),
        "web": f"http://unix:{each.socket(tunnel.WEB)}:",
        "callbacks": f"http://unix:{each.socket(tunnel.CALLBACKS)}:",
        "replay": (tunnel.REPLAY, tunnel.RECORDED),
    }


def _tls(site: Site, served: Certificate | None) -> Mapping[str, object] | None:
    if served is None:
        return None
    # A wildcard too: a name that was called before, and that it covers, is called still.
    own = site.domains if served.covers(site.domains) else served.names
    more = (name for name in site.certificate_names if served.covers([name]))
    wildcards = (name for name in served.names if name.startswith("*."))
    names = tuple(dict.fromkeys((*own, *more, *wildcards)))
    return {"names": names, "certificate": served.certificate_file, "key": served.key_file}


def conf(features: Features) -> File | None:
    """``nginx.conf``, where it is ours to write."""
    if not features.owns_conf:
        return None
    return render.file(CONF, worker_connections=nginx_release.WORKER_CONNECTIONS)


def notes() -> tuple[File, ...]:
    """What lets nginx note what it has loaded."""
    drop_in = render.file(
        DROP_IN,
        loaded=paths.NGINX_LOADED,
        loaded_sum=paths.NGINX_SUM,
        files=nginx_release.FILES,
    )
    return (render.file(paths.NGINX_SUM, "755"), drop_in)


def configuration(site: Site, snapshot: Snapshot, handed_to: str = "") -> dict[str, object]:
    """The whole configuration as plain data, for the server's ``nginx`` command."""
    features = Features.of(site, snapshot)
    made = parts(site, features, handed_to)
    return {
        "release": nginx_release.name(made),
        "parts": made,
        "files": {file.path: file.data.decode() for file in _includes(features)},
        "absent": [DEFAULT_SITE] if features.owns_conf else [],
    }


def _includes(features: Features) -> Iterable[File]:
    """The files beside the parts."""
    main = conf(features)
    return (*map(render.file, INCLUDES), *([main] if main else []))


def configuration_json(site: Site, snapshot: Snapshot) -> str:
    """The configuration as one line of JSON."""
    return json.dumps(configuration(site, snapshot))


def is_due(site: Site, snapshot: Snapshot) -> bool:
    """Whether the configuration differs from what is on disk, or nginx from what it has loaded."""
    features = Features.of(site, snapshot)
    made = parts(site, features)
    # The parts too: what somebody edited in place is put right.
    own = [File(f"{LINK}/{name}", text.encode()) for name, text in made.items()]
    beside = tuple(_includes(features))
    own += beside
    sums = nginx_release.sums({file.path: file.data.decode() for file in own})
    own.append(File(paths.NGINX_WRITTEN, sums.encode(), "600"))
    link = snapshot.paths.get(LINK)
    target = f"one-api.d/{nginx_release.name(made)}"
    loaded = snapshot.probes.get("nginx_loaded", ())
    return not (
        all(snapshot.has_file(file) for file in own)
        and (DEFAULT_SITE not in snapshot.paths or not features.owns_conf)
        and link is not None
        and link.target == target
        and snapshot.is_active(units.NGINX)
        and snapshot.starts_at_boot(units.NGINX)
        and set(snapshot.probes.get("logs", ())) == {LOG_RIGHTS}
        and len(loaded) == 2
        and loaded[0] == loaded[1]
    )


def concern(_site: Site) -> Concern:
    """nginx' part; its configuration follows from its version and the certificates."""
    parts = (*PARTS, CALLBACK_SCRIPT, upgrade.PART)
    written = (*INCLUDES, *(f"{LINK}/{name}" for name in parts))
    return Concern(
        files=notes(),
        directories=(Directory(DROP_IN_FOLDER),),
        units=(units.NGINX,),
        beside=SnapshotSpec(
            paths=(*written, NJS_MODULE, CONF, DEFAULT_SITE, LINK, paths.NGINX_WRITTEN),
            probes={
                "nginx_version": "nginx -V",
                "logs": f"stat -c '%U %G %a' {paths.CALLBACK_LOG} {paths.ACCESS_LOG}",
                "nginx_foreign": FOREIGN,
                "nginx_set_elsewhere": SET_ELSEWHERE,
                "nginx_conf_owner": f"[ ! -e {CONF} ] || {CONF_OWNER}",
                "nginx_loaded": f"cat {paths.NGINX_LOADED} && {paths.NGINX_SUM}",
                "ipv6": "[ -e /proc/net/if_inet6 ] || echo no",
                "time": "date +%s",
                "os_release": "cat /etc/os-release",
            },
        ),
    )
