"""A zone's own server on a host of the lab: Debian's BIND, with updates by RFC 2136 and a key."""

import secrets
from base64 import b64encode
from dataclasses import dataclass, field

from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab

APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"
INSTALL = f"apt-get -qq update && {APT} bind9 bind9-dnsutils >/dev/null 2>&1"
KEY = "acme"
OPTIONS = """
options { directory "/var/cache/bind"; recursion no; dnssec-validation no; notify no;
  listen-on { any; }; listen-on-v6 { none; }; allow-transfer { any; };
  min-refresh-time 1; max-refresh-time 6; };
"""
ZONE = """$TTL 1
@ SOA ns.{zone}. admin.{zone}. 1 6 6 86400 1
@ NS ns.{zone}.
ns A {address}
"""


@dataclass
class ZoneServer:
    """BIND on ``host``, which serves ``zones``; the lab's DNS asks it for them."""

    lab: Lab
    host: Host
    zones: tuple[str, ...]
    secret: str = field(default_factory=lambda: b64encode(secrets.token_bytes(32)).decode())

    def install(self) -> None:
        """Install it, and let the lab's DNS know of its zones."""
        host = self.host
        host.ssh(INSTALL)
        key = f'key "{KEY}" {{ algorithm hmac-sha256; secret "{self.secret}"; }};\n'
        own = "".join(
            f'zone "{zone}" {{ type primary; file "{zone}";'
            f' update-policy {{ grant "{KEY}" zonesub ANY; }}; }};\n'
            for zone in self.zones
        )
        host.ssh("cat >/etc/bind/named.conf", stdin=OPTIONS + key + own)
        for zone in self.zones:
            text = ZONE.format(zone=zone, address=host.address)
            host.ssh(f"cat >/var/cache/bind/{zone}", stdin=text)
        host.ssh("chown -R bind:bind /var/cache/bind; systemctl restart named")
        self.answer()

    def answer(self) -> None:
        """Let the lab's DNS ask this one."""
        self.lab.records(**{zone: {"SERVERS": [self.host.address]} for zone in self.zones})

    def behind(self, host: Host) -> None:
        """Let another server on ``host`` answer for the zones, seconds behind this one."""
        host.ssh(INSTALL)
        own = "".join(
            f'zone "{zone}" {{ type secondary; file "{zone}"; primaries {{ {self.host.address}; }};'
            " };\n"
            for zone in self.zones
        )
        host.ssh("cat >/etc/bind/named.conf; systemctl restart named", stdin=OPTIONS + own)
        self.lab.records(**{zone: {"SERVERS": [host.address]} for zone in self.zones})

    def update(self, *lines: str) -> None:
        """Change records by nsupdate: ``add NAME 1 A ADDRESS``, ``delete NAME``."""
        command = f"nsupdate -y hmac-sha256:{KEY}:{self.secret}"
        changes = "".join(f"update {line}\n" for line in lines)
        self.host.ssh(command, stdin=f"server 127.0.0.1\n{changes}send\n")

    def point(self, name: str, host: Host) -> None:
        """Let a name in one of the zones lead to a host."""
        self.update(f"add {name} 1 A {host.address}", f"add {name} 1 AAAA {host.address6}")

    def challenges(self) -> list[str]:
        """The challenges that stand in the zones now, by the server's own dump of them."""
        dump = "rndc dumpdb -zones && sleep 1 && grep _acme-challenge /var/cache/bind/named_dump.db"
        return self.host.ssh(f"{dump} || true").splitlines()

    def credentials(self, **changed: str) -> dict[str, str]:
        """``acme_dns_credentials`` for lego's provider ``rfc2136``."""
        return {
            "RFC2136_NAMESERVER": self.host.address,
            "RFC2136_TSIG_ALGORITHM": "hmac-sha256.",
            "RFC2136_TSIG_KEY": KEY,
            "RFC2136_TSIG_SECRET": self.secret,
            **changed,
        }
