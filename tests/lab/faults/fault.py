"""What a fault of the tables is, and the ways to put one in."""

from collections.abc import Callable
from dataclasses import dataclass

from one_api_infra.lab.lab import SOA
from one_api_infra.shared import paths
from tests.lab.faults import forge
from tests.lab.sites import LabSite

Act = str | Callable[[LabSite], None]
DATABASE = "/var/lib/one-api/one-api.db"
NGINX = "/etc/nginx/one-api"
RELOAD = "systemctl reload nginx; sleep 0.3"
ELSEWHERE, ELSEWHERE6 = "198.18.255.9", "fd18:198:18::99"


@dataclass(frozen=True)
class Fault:
    """``undo`` makes whole what the mending of the one fault leaves."""

    name: str
    check: str
    do: Act
    mend: Act = ""
    undo: Act = ""


def sql(statement: str) -> str:
    """Change One API's database behind its back."""
    script = f"import sqlite3, sys; db = sqlite3.connect('{DATABASE}', timeout=9);"
    script += " db.execute(sys.stdin.read()); db.commit()"
    return f'python3 -c "{script}" <<"EOF"\n{statement}\nEOF\n'


def server_address(value: str) -> Act:
    """Let One API believe in another address."""
    return lambda site: site.api().set_option("ServerAddress", value.replace("DOMAIN", site.domain))


def notify_domain(value: str) -> Act:
    """Let the payment row name another address."""

    def do(site: LabSite) -> None:
        text = value.replace("DOMAIN", site.domain)
        site.host.ssh(sql(f"UPDATE payments SET notify_domain = '{text}'"))
        site.host.ssh(RESTART)

    return do


RESTART = "systemctl restart one-api; until (: </dev/tcp/127.0.0.1/3000) 2>/dev/null;"
RESTART += " do sleep 0.1; done; sleep 0.2"


def records(**changed: list[str]) -> Act:
    """Change the domain's DNS records; ``{}`` takes a type away."""

    def do(site: LabSite) -> None:
        own = {"A": [site.host.address], "AAAA": [site.host.address6]}
        site.lab.records(**{site.domain: own | changed})

    return do


def no_name(site: LabSite) -> None:
    """The domain is not there at all."""
    site.lab.records(**{site.domain: {}})


def dns_back(site: LabSite) -> None:
    """The domain as it should be."""
    site.lab.differ({})
    site.lab.zone({})
    site.lab.point(site.domain, site.host)


def differ(site: LabSite) -> None:
    """A second resolver says otherwise."""
    site.lab.differ({site.domain: {"A": [ELSEWHERE], "AAAA": []}})


def silent_server(site: LabSite) -> None:
    """The zone names a server that is not there."""
    site.lab.records(
        **{
            "lab.test": {"NS": ["ns.lab.test.", "ns3.lab.test."], "SOA": [SOA]},
            "ns3.lab.test": {"A": [site.lab.network.address(250)]},
        }
    )


def two_zones(site: LabSite) -> None:
    """Two authoritative servers, two answers."""
    differ(site)
    second = site.lab.network.service("dns2")
    site.lab.records(
        **{
            "lab.test": {"NS": ["ns.lab.test.", "ns2.lab.test."], "SOA": [SOA]},
            "ns2.lab.test": {"A": [second]},
        }
    )


def edit(path: str, expression: str, after: str = RELOAD) -> str:
    """Change a file by sed."""
    return f"sed -i '{expression}' {path} && {after}"


def callbacks(directive: str) -> str:
    """Put a directive into the callback locations in the place of the way to One API."""
    return edit(f"{NGINX}/callbacks.conf", f"s|proxy_pass .*;|{directive}|")


def serve(make: Callable[[LabSite], forge.Pair]) -> Act:
    """Let nginx serve a certificate of our own make."""

    def do(site: LabSite) -> None:
        pair = make(site)
        site.host.ssh("umask 077; cat >/root/forged.pem", stdin=pair.chain)
        site.host.ssh("umask 077; cat >/root/forged.key", stdin=pair.key)
        site.host.ssh(
            edit(
                f"{NGINX}/site.conf",
                "s|ssl_certificate .*|ssl_certificate /root/forged.pem;|;"
                "s|ssl_certificate_key .*|ssl_certificate_key /root/forged.key;|",
            )
        )

    return do


def on_disk(site: LabSite) -> None:
    """Another certificate on disk than the one that nginx has loaded."""
    pair = forge.signed(site.lab.ca, [site.domain])
    live = f"{paths.LETSENCRYPT}/live/{site.domain}"
    site.host.ssh(f"cat >{live}/fullchain.pem", stdin=pair.chain)
    site.host.ssh(f"cat >{live}/privkey.pem", stdin=pair.key)


def other_key(site: LabSite) -> None:
    """A key on disk that is not the certificate's."""
    pair = forge.signed(site.lab.ca, [site.domain])
    path = f"{paths.LETSENCRYPT}/live/{site.domain}/privkey.pem"
    site.host.ssh(f"cat >{path}", stdin=pair.key)


def insert(rule: str) -> str:
    """A firewall rule before all others."""
    return f"nft insert rule inet one_api_infra input {rule}"


def drop_in(unit: str, section: str, *lines: str) -> str:
    """Change how a unit runs, as ``systemctl edit`` does."""
    folder = f"/etc/systemd/system/{unit}.d"
    text = " ".join(f"'{line}'" for line in (f"[{section}]", *lines))
    write = f"printf '%s\\n' {text} >{folder}/x.conf"
    return f"mkdir -p {folder}; {write}; systemctl daemon-reload"


NO_DROP_IN = f"rm -rf /etc/systemd/system/one-api.service.d; systemctl daemon-reload; {RESTART}"


def variable(name: str, value: str) -> str:
    """Another value in One API's environment, by somebody who knows not to edit our file."""
    # What a unit's EnvironmentFile= says wins over its Environment=, whichever stands last.
    file = f"echo {name}={value} >/root/own.env"
    change = drop_in("one-api.service", "Service", "EnvironmentFile=/root/own.env")
    return f"{file}; {change}; {RESTART}"


def config(statement: str) -> str:
    """Change the payment row, and let One API read it."""
    return f"{sql(statement)}{RESTART}"
