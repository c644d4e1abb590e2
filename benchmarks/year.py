"""A simulated year of certificates: ``python -m benchmarks.year`` (root, user-mode-linux).

A site is deployed as anywhere; its file system then boots with a clock of its own, beside a
Pebble that issues certificates of the given lifetime, and ``year_inside.py`` moves the clock from
one run of the renewal timer to the next. With ``--challenge dns-01`` Debian's BIND is on the server
too, and is all the DNS there is. ``docs/certificates.json`` keeps what it saw, beside what it knew
of other scenarios; ``python -m benchmarks.year_plot`` draws it.
"""

import argparse
import json
import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from one_api_infra.cli import runner
from one_api_infra.lab.clock import OwnClock
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from tests.lab.zones import ZoneServer

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs/certificates.json"
DOMAIN = "year.lab.test"
ZONE_HOST = "dns"
LIFETIMES = (90.0, 64.0, 45.0, 6.67)
OUTAGES = (1.0, 5.0, 10.0)
NEVER = 1000.0
SHORT = 10  # days; below, certbot renews at half of the life, else when a third is left
HOURS_LIMIT = 3 * 3600.0
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/opt/one-api-infra/venv/bin/python /root/year/year_inside.py
StandardOutput=file:/root/year/output.log
StandardError=file:/root/year/output.log
"""


@dataclass(frozen=True)
class Scenario:
    """A lifetime, the days that are simulated, how long the CA is away, the least step in days."""

    lifetime: float
    days: float
    outage: float
    step: float
    challenge: str = "http-01"

    @property
    def due(self) -> float:
        """The fraction of the lifetime after which certbot renews."""
        return 0.5 if self.lifetime < SHORT else 2 / 3

    @property
    def name(self) -> str:
        """For files and people."""
        kind = "broken" if self.outage == NEVER else f"ca-down-{self.outage:g}"
        proved = "" if self.challenge == "http-01" else f"-{self.challenge}"
        return f"{self.lifetime:g}-{kind if self.outage else 'year'}{proved}"


def scenarios(days: float, challenge: str) -> list[Scenario]:
    """The years, the outages, and renewals that are broken for good."""
    found = [Scenario(each, days, 0, _step(each), challenge) for each in LIFETIMES]
    for each in LIFETIMES:
        for outage in (*OUTAGES, NEVER):
            whole = each * 1.1 if outage == NEVER else each * 2 / 3 + outage + each / 4
            found.append(Scenario(each, whole, outage, _step(each), challenge))
    return found


def _step(lifetime: float) -> float:
    """Of the timer's four runs a day so many are left out that a life has about 25, or 13."""
    return max(lifetime / 25, 0.5)


def prepared(lab: Lab, system: str, challenge: str) -> Sequence[Path]:
    """The layers of a host on which the site is deployed."""
    host = lab.create("year", system)
    lab.point(DOMAIN, host)
    proof = _dns(lab, host) if challenge == "dns-01" else {}
    settings = lab.settings() | {"domain": DOMAIN} | proof
    lab.write_inventory({"year": host.connection() | settings})
    done = runner.run(ROOT / "inventory.py", "site", "-y")
    if done.code:
        raise SystemExit("the site could not be deployed")
    host.ssh("sync")
    host.stop()
    return [host.directory / "upper", lab.image(system)]


def _dns(lab: Lab, host: Host) -> dict[str, Any]:
    """A server of the site's zone, and one on the site's own host for the year; the settings.

    The deploy needs the first: the site's firewall lets nobody ask the other.
    """
    outside = ZoneServer(lab, lab.create(ZONE_HOST, "debian-12"), (DOMAIN,))
    for server in (replace(outside, host=host), outside):
        server.install()
        server.point(DOMAIN, host)
    host.ssh("systemctl disable --now --quiet named")  # preflight: the firewall would close it
    return {
        "acme_challenge": "dns-01",
        "acme_dns_provider": "rfc2136",
        "acme_dns_credentials": outside.credentials(),
        "acme_dns_seconds": 1,
    }


def simulate(lab: Lab, layers: Sequence[Path], scenario: Scenario) -> dict[str, Any]:
    """One scenario, from the first certificate on."""
    clock = OwnClock(lab.directory / "clocks" / scenario.name, layers)
    clock.mount()
    try:
        _furnish(lab, clock.root, scenario)
        clock.run(HOURS_LIMIT)
        inside = clock.root / "root/year"
        if not (inside / "points.json").exists():
            words = (inside / "output.log", clock.directory / "console.log")
            told = "\n".join(each.read_text(errors="replace")[-3000:] for each in words)
            raise LabError(f"{scenario.name}: no point was seen:\n{told}")
        points = json.loads((inside / "points.json").read_text())
        print(f"{scenario.name}: {len(points)} runs of the timer", flush=True)
        return asdict(scenario) | {"name": scenario.name, "points": points}
    finally:
        clock.remove()


def _furnish(lab: Lab, root: Path, scenario: Scenario) -> None:
    """What the server needs beside its own: the CA, the driver, and a unit that starts it."""
    inside = root / "root/year"
    inside.mkdir()
    shutil.copy2(shutil.which("pebble") or "pebble", inside / "pebble")
    for name in ("https.pem", "https.key"):
        shutil.copy2(lab.ca.directory / name, inside / name)
    config = json.loads((lab.ca.directory / "production.json").read_text())["pebble"]
    config |= {
        "certificate": "/root/year/https.pem",
        "privateKey": "/root/year/https.key",
        "certificateValidityPeriod": int(scenario.lifetime * 86400),
    }
    (inside / "pebble.json").write_text(json.dumps({"pebble": config}))
    settings = asdict(scenario) | {"due": scenario.due, "ca_address": lab.ca.address}
    shutil.copy2(ROOT / "benchmarks/year_inside.py", inside)
    with (root / "etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 {DOMAIN}\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    if scenario.challenge == "dns-01":
        settings["dns_addresses"] = [lab.host(name).address for name in ("year", ZONE_HOST)]
        (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    (inside / "settings.json").write_text(json.dumps(settings))
    for part in root.glob("etc/nginx/one-api.d/*/site.conf"):  # user-mode Linux has no IPv6
        part.write_text(re.sub(r"(?m)^.*listen \[::\].*\n", "", part.read_text()))
    site = root / "etc/one-api-infra/site.json"
    site.write_text(json.dumps(json.loads(site.read_text()) | {"acme_staging_server": None}))
    units = root / "etc/systemd/system"
    (units / "systemd-networkd-wait-online.service").symlink_to("/dev/null")  # there is no network
    drop_in = units / "one-api-certificate.timer.d"
    drop_in.mkdir()
    (drop_in / "year.conf").write_text("[Timer]\nRandomizedDelaySec=0\nAccuracySec=1s\n")
    (units / "year.service").write_text(UNIT)
    (units / "multi-user.target.wants/year.service").symlink_to("../year.service")


def main() -> None:
    """Run all scenarios, two at a time, and keep what they saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=365)
    parser.add_argument("--only", nargs="+", help="names of scenarios, such as 45-year")
    parser.add_argument("--system", default="debian-12")
    parser.add_argument("--challenge", default="http-01", choices=("http-01", "dns-01"))
    options = parser.parse_args()
    lab = Lab("year")
    os.environ["ONE_API_LAB"] = lab.name
    lab.down()
    lab.up(owner=os.getpid())
    try:
        layers = prepared(lab, options.system, options.challenge)
        every = scenarios(options.days, options.challenge)
        chosen = [s for s in every if s.name in (options.only or [s.name])]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            seen = list(pool.map(lambda each: simulate(lab, layers, each), chosen))
    finally:
        lab.down()
    keep(seen)
    print(f"{RESULT}: {len(seen)} scenarios; next: python -m benchmarks.year_plot")


def keep(seen: Sequence[dict[str, Any]]) -> None:
    """Write what was seen, each in the place of what stood under its name."""
    known = {each["name"]: each for each in json.loads(RESULT.read_text())}
    known |= {each["name"]: each for each in seen}
    RESULT.write_text(json.dumps(list(known.values()), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
