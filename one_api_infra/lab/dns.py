"""The lab's DNS server: answers from a zone file that tests change, forwards everything else.

Run as ``python -m one_api_infra.lab.dns ADDRESS ZONE_FILE``. The zone is JSON:
``{"site.test": {"A": ["198.18.0.11"], "AAAA": [], "CAA": ["0 issue \\"ca.test\\""]}}``; a record
type that a name lacks is answered empty, ``"BOGUS": []`` is a broken DNSSEC signature, a name
under ``.test`` that is missing does not exist. A CNAME is followed; ``"SERVERS": ["198.18.0.12"]``
are those of a zone of its own, which are asked for all that is in it.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSServer

ZONE = "test"
TTL = 1


class Resolver(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Reads the zone file at every question, so that a change holds at once."""

    def __init__(self, zone: Path, upstream: list[str]) -> None:
        self.zone = zone
        self.upstream = upstream

    def resolve(self, request: DNSRecord, handler: Any) -> DNSRecord:
        """The answer to one question."""
        name = str(request.q.qname).rstrip(".").lower()
        records = self.records()
        if servers := _servers(name, records):
            return self._forward(request, servers)
        if name not in records and not f".{name}".endswith(f".{ZONE}"):
            return self._forward(request, self.upstream)
        reply = request.reply()
        if name not in records:
            reply.header.rcode = RCODE.NXDOMAIN
            return reply
        if "BOGUS" in records[name] and not request.header.cd:
            reply.header.rcode = RCODE.SERVFAIL  # as a resolver that validates
            return reply
        for value in records[name].get(QTYPE[request.q.qtype], []):
            reply.add_answer(*RR.fromZone(f"{name}. {TTL} {QTYPE[request.q.qtype]} {value}"))
        for target in () if reply.rr else records[name].get("CNAME", ()):
            self._follow(target, request, reply, handler)
        return reply

    def _follow(self, target: str, request: DNSRecord, reply: DNSRecord, handler: Any) -> None:
        """Answer for the name to which a CNAME leads, too."""
        reply.add_answer(*RR.fromZone(f"{request.q.qname} {TTL} CNAME {target}"))
        question = DNSRecord.question(target, QTYPE[request.q.qtype])
        found = self.resolve(question, handler)
        reply.add_answer(*found.rr)
        reply.add_auth(*found.auth)
        reply.header.rcode = found.header.rcode

    def records(self) -> dict[str, dict[str, list[str]]]:
        """The zone; a second resolver's own file lies over the first one's."""
        first = self.zone.with_name("zone.json")
        found: dict[str, dict[str, list[str]]] = {}
        for path in dict.fromkeys((first, self.zone)):
            found |= json.loads(path.read_text()) if path.exists() else {}
        return found

    def _forward(self, request: DNSRecord, servers: Sequence[str]) -> DNSRecord:
        for server in (*servers, *servers, *servers):  # a datagram may be lost
            try:
                return DNSRecord.parse(request.send(server, 53, timeout=1.5, ipv6=":" in server))
            except OSError:
                continue
        reply = request.reply()
        reply.header.rcode = RCODE.SERVFAIL
        return reply


def _servers(name: str, records: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """The servers of the zone that a name is in, where that has some of its own."""
    labels = name.split(".")
    above = (".".join(labels[start:]) for start in range(len(labels)))
    return next((records[each]["SERVERS"] for each in above
                 if "SERVERS" in records.get(each, {})), [])  # fmt: skip


def upstream() -> list[str]:
    """This machine's own resolvers."""
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith("nameserver ")]


def main() -> None:
    """Serve until killed."""
    address, zone = sys.argv[1], Path(sys.argv[2])
    resolver = Resolver(zone, upstream())
    for tcp in (False, True):
        DNSServer(resolver, address=address, port=53, tcp=tcp).start_thread()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
