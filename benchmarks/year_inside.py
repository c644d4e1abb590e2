"""Runs on the simulated server: moves its clock from one run of the renewal to the next.

Everything else is real: systemd's timer, certbot, the deploy hook, nginx, Pebble. Each step waits
for the timer's own run, and notes what is served.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, "/opt/one-api-infra/one-api-infra.pyz")

from one_api_infra.server import certificate
from one_api_infra.server.local import site
from one_api_infra.shared import paths

HERE = Path("/root/year")
UNIT = "one-api-certificate"
DAY = 86400
# systemd draws the timer's random delay anew whenever the clock is set, so that a clock which only
# jumps never gets there. The unit's own is off here (year.py), and drawn by the driver instead.
DELAY = 2 * 3600
RUN_SECONDS = 90
OTHERS = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer"
    " logrotate.timer systemd-tmpfiles-clean.timer one-api-monitor.timer systemd-timesyncd.service"
)


def sh(command: str) -> str:
    """A command's output."""
    command_line = ["sh", "-c", command]
    return subprocess.run(command_line, capture_output=True, text=True, check=False).stdout


def show(unit: str, name: str) -> str:
    """A property of a unit."""
    return sh(f"systemctl show --timestamp=unix --property={name} --value {unit}").strip()


class Year:
    """One simulated year, or less."""

    def __init__(self) -> None:
        self.settings = json.loads((HERE / "settings.json").read_text())
        self.lifetime = self.settings["lifetime"] * DAY
        self.points: list[dict[str, float | str]] = []
        self.is_down = False
        self.random = random.Random(self.lifetime)
        self.end = 0.0

    def prepare(self) -> None:
        """Start the CA, obtain the first certificate, serve it."""
        address = self.settings["ca_address"]
        sh(f"systemctl stop {OTHERS}; ip link set lo up; ip addr add {address}/32 dev lo")
        resolver = self.dns() if self.settings["challenge"] == "dns-01" else []
        environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        with (HERE / "pebble.log").open("wb") as log:
            subprocess.Popen(
                [HERE / "pebble", "-config", HERE / "pebble.json", *resolver],
                stdout=log, stderr=log, env=os.environ | environment,
            )  # fmt: skip
        time.sleep(2)
        for name in ("accounts", "live", "archive", "renewal"):
            sh(f"rm -rf {paths.LETSENCRYPT}/{name}")
        print(sh(f"{paths.agent('obtain')} 2>&1"), flush=True)
        print(sh("systemctl restart nginx 2>&1; systemctl start one-api-certificate.timer"))
        self.start = time.time()
        if not self.served():
            raise SystemExit("the first certificate is not served")

    def dns(self) -> list[str]:
        """Start the zone's own server at the addresses it has; what tells Pebble to ask it."""
        for address in self.settings["dns_addresses"]:
            sh(f"ip addr add {address}/32 dev lo")
        sh("systemctl restart named")
        return ["-dnsserver", "127.0.0.1:53"]

    def served(self) -> bool:
        """Look at the certificate on the wire; whether it is the one on disk."""
        current = site()
        disk = next(each for each in certificate.observe(current) if each.name == current.domain)
        same = certificate.on_the_wire(current.domain) == disk.serial
        if same:
            self.end = disk.not_after
        return same

    def step(self) -> None:
        """Move to the next run of the timer, and let it happen."""
        begun = time.monotonic()
        before = show(f"{UNIT}.service", "InactiveExitTimestampMonotonic")
        listed = json.loads(sh(f"systemctl list-timers --output=json {UNIT}.timer"))
        elapse = listed[0]["next"] / 1e6
        least = time.time() + self.settings["step"] * DAY
        time.clock_settime(time.CLOCK_REALTIME, max(elapse, least) + self.random.uniform(1, DELAY))
        left_before = self.end - time.time()
        self.outage()
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            state = sh(
                f"systemctl show -p InactiveExitTimestampMonotonic -p ActiveState {UNIT}.service"
            )
            words = dict(line.split("=", 1) for line in state.splitlines())
            ran = words["InactiveExitTimestampMonotonic"] != before
            if ran and words["ActiveState"] in {"inactive", "failed"}:
                break
            time.sleep(0.05)
        same = self.served()
        log = (HERE / "pebble.log").read_text(errors="replace")
        self.points.append(
            {
                "day": (time.time() - self.start) / DAY,
                "left_before": left_before / DAY,
                "left": (self.end - time.time()) / DAY,
                "same": same,
                "orders": log.count("Added order"),
                "seconds": time.monotonic() - begun,
                "result": show(f"{UNIT}.service", "Result"),
            }
        )

    def outage(self) -> None:
        """The CA goes away when the first renewal is about to be due, for so many days."""
        days = self.settings["outage"]
        if not days:
            return
        begin = self.settings["due"] * self.settings["lifetime"]
        day = (time.time() - self.start) / DAY
        down = begin <= day < begin + days
        if down != self.is_down:
            verb = "del" if down else "add"
            sh(f"ip addr {verb} {self.settings['ca_address']}/32 dev lo")
            self.is_down = down

    def run(self) -> None:
        """To the end of the simulated time."""
        self.prepare()
        while time.time() - self.start < self.settings["days"] * DAY:
            self.step()
            (HERE / "points.json").write_text(json.dumps(self.points))


if __name__ == "__main__":
    try:
        Year().run()
    finally:
        os.sync()
        sh("systemctl poweroff --no-block")
