"""Serving: ``python -m benchmarks.serve`` (root; a quarter of an hour).

The site as delivered, nginx tuned by hand, haproxy and Caddy before the same upstream on one host:
requests a second over kept connections, CPU for each handshake, the delay of events in 1, 100 and
500 streams, memory for each stream, and what clients see of reloads and renewals.
"""

import argparse
import os
import re
import socket
import ssl
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import results, streams
from benchmarks.converge import DOMAIN, make
from benchmarks.streams import Way
from one_api_infra.lab.lab import Lab
from tests.lab.sites import LabSite

HERE = Path(__file__).parent / "servers"
BODY = '{"data":"' + "x" * 944 + '"}'
DIRECT, SITE = "One API direct", "the site"
PORTS = {SITE: 443, "nginx by hand": 8443, "haproxy": 9443, "Caddy": 10443}
NAMES = {SITE: "nginx", "nginx by hand": "nginx", "haproxy": "haproxy", "Caddy": "caddy"}
CPU = (
    "for f in /proc/[0-9]*/stat; do cat $f 2>/dev/null; done |"
    " awk -v n='({name})' '$2 == n {{ s += $14 + $15 }} END {{ print s + 0 }}'"
)
MEMORY = (
    "for p in $(pgrep -f '^nginx: worker'); do grep ^Pss: /proc/$p/smaps_rollup; done"
    " | awk '{ s += $2 } END { print s + 0 }'"
)
RENEW = (
    "REQUESTS_CA_BUNDLE=/etc/one-api-infra/acme-ca.pem /opt/one-api-infra/venv/bin/certbot renew"
    " --force-renewal --no-random-sleep-on-renew --quiet"
    " --config-dir /etc/one-api-infra/letsencrypt"
    " --work-dir /var/lib/one-api-infra/certbot --logs-dir /var/log/one-api-infra/certbot"
)
# Settings of the templates that are there for speed, and how they are taken away.
RELOAD = "systemctl reload nginx && sleep 1"
SPEED = {
    "keepalive to One API": "sed -i '/^ *keepalive 64;/d' http.conf",
    "access_log buffer": "sed -i 's/ buffer=64k flush=1s//' site.conf",
}
TICKS = os.sysconf("SC_CLK_TCK")
STREAMS = {1: (200, 20), 100: (60, 200), 500: (30, 1000)}  # events of each, and milliseconds apart


def prepare(site: LabSite) -> None:
    """Install the others beside the site, and something quick in One API's place."""
    host = site.host
    host.ssh(
        "systemctl stop one-api one-api-monitor.timer one-api-callbacks.timer one-api-firewall;"
        " nft flush ruleset; mkdir -p /root/bench;"
        " printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d;"
        " DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"
        " haproxy caddy openssl >/dev/null; rm /usr/sbin/policy-rc.d"
    )
    for path in HERE.iterdir():
        host.ssh(f"cat >/root/bench/{path.name}", stdin=path.read_text().replace("@BODY@", BODY))
    live = f"/etc/one-api-infra/letsencrypt/live/{DOMAIN}"
    host.ssh(
        f"cd /root/bench && cp -L {live}/fullchain.pem ecdsa.pem && cp -L {live}/privkey.pem"
        " ecdsa.key && cat ecdsa.pem ecdsa.key >both.pem && openssl req -x509 -newkey rsa:2048"
        f" -nodes -keyout rsa.key -out rsa.pem -days 3 -subj /CN={DOMAIN} 2>/dev/null &&"
        f" cat {live}/chain.pem >>rsa.pem;"  # as many certificates as the other sends
        " sed -i '1iuser root;' upstream.conf nginx.conf"
    )
    start(site, "upstream", "nginx -c /root/bench/upstream.conf -g 'daemon off;'")
    start(site, "byhand", "nginx -c /root/bench/nginx.conf -g 'daemon off;'")
    start(site, "haproxy", "haproxy -db -f /root/bench/haproxy.cfg")
    start(site, "caddy", "caddy run --config /root/bench/Caddyfile")
    time.sleep(3)


def start(site: LabSite, name: str, command: str) -> None:
    """Run a program on the host until it is stopped."""
    site.host.ssh(f"systemd-run --quiet --unit=bench-{name} -p LimitNOFILE=65536 {command}")


def wrk(site: LabSite, url: str, seconds: int) -> tuple[float, float]:
    """Requests a second, and the median delay in ms; the name leads to the host for wrk alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as hosts:
        hosts.write(f"127.0.0.1 localhost\n{site.host.address} {DOMAIN}\n")
        hosts.flush()
        command = f"wrk -t2 -c48 -d{seconds}s --latency {url}"
        script = f"mount --bind {hosts.name} /etc/hosts && exec {command}"
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True
        )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    delay = re.search(r"50%\s+([\d.]+)(us|ms|s)", done.stdout)
    if not rate or not delay or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)
    return float(rate[1]), float(delay[1]) * {"us": 0.001, "ms": 1, "s": 1000}[delay[2]]


def rates(site: LabSite, rounds: int) -> dict[str, dict[str, float]]:
    """Requests a second of everybody, in turns."""
    urls = {DIRECT: f"http://{DOMAIN}:3000/v1/models"}
    urls |= {name: f"https://{DOMAIN}:{port}/v1/models" for name, port in PORTS.items()}
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in urls}
    for _round in range(rounds):
        for name, url in urls.items():
            seen[name].append(wrk(site, url, 4))
    return {
        name: {
            "requests": statistics.median(rate for rate, _delay in found),
            "p50_ms": statistics.median(delay for _rate, delay in found),
        }
        for name, found in seen.items()
    }


def handshakes(site: LabSite, rounds: int) -> dict[str, dict[str, float]]:
    """CPU of the server for a full handshake in ms, and handshakes a second."""
    ways = {**PORTS, "nginx by hand, RSA": 8444}
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _round in range(rounds):
        for name, port in ways.items():
            seen[name].append(_shaken(site, port, NAMES.get(name, "nginx")))
    return {
        name: {
            "cpu_ms": statistics.median(cpu for cpu, _rate in found),
            "a_second": statistics.median(rate for _cpu, rate in found),
        }
        for name, found in seen.items()
    }


def _shaken(
    site: LabSite,
    port: int,
    name: str,
    version: int = ssl.TLSVersion.TLSv1_3,
    *,
    again: bool = False,
) -> tuple[float, float]:
    """Handshakes with the name, one after the other, for four seconds: full ones, or resumed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion(version)
    cpu, session = CPU.format(name=name), None
    before, begun, count = int(site.host.ssh(cpu)), time.perf_counter(), 0
    while time.perf_counter() - begun < 4:
        with (
            socket.create_connection((site.host.address, port)) as raw,
            context.wrap_socket(raw, server_hostname=DOMAIN, session=session) as shaken,
        ):
            session = shaken.session if again else None
            count += 1
    passed = time.perf_counter() - begun
    return 1000 * (int(site.host.ssh(cpu)) - before) / TICKS / count, count / passed


def settings(site: LabSite, rounds: int) -> dict[str, list[float]]:
    """What each setting that is there for speed earns: with it, and without it."""
    url = f"https://{DOMAIN}/v1/models"
    site.host.ssh("cp -rL /etc/nginx/one-api /root/bench/kept")
    found: dict[str, list[float]] = {}
    for name, edit in SPEED.items():
        seen: dict[bool, list[float]] = {True: [], False: []}
        for _round in range(rounds):
            seen[True].append(wrk(site, url, 4)[0])
            site.host.ssh(f"cd /etc/nginx/one-api/ && {edit} && {RELOAD}")
            seen[False].append(wrk(site, url, 4)[0])
            site.host.ssh(f"cp /root/bench/kept/* /etc/nginx/one-api/ && {RELOAD}")
        found[name] = [statistics.median(seen[True]), statistics.median(seen[False])]
    shaken = {
        again: [
            _shaken(site, PORTS[SITE], "nginx", ssl.TLSVersion.TLSv1_2, again=again)[0]
            for _round in range(rounds)
        ]
        for again in (True, False)
    }
    found["ssl_session_cache"] = [statistics.median(shaken[True]), statistics.median(shaken[False])]
    return found


def events(site: LabSite) -> dict[str, dict[str, dict[str, float]]]:
    """Delays of events in ms, by who stands before One API and the number of streams."""
    site.host.ssh("systemctl stop bench-upstream")
    start(site, "events", "python3 /root/bench/events.py")
    time.sleep(1)
    trusted = ssl.create_default_context(cafile=str(site.lab.ca.issuer))
    address = site.host.address
    ways = {DIRECT: Way(address, 3000, DOMAIN)}
    ways |= {name: Way(address, port, DOMAIN, trusted) for name, port in PORTS.items()}
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in ways}
    for count, (number, gap) in STREAMS.items():
        for name, way in ways.items():
            print(f"{count} streams: {name}", flush=True)
            found[name][str(count)] = _delays(streams.run(way, count, number, gap), number)
    site.host.ssh("systemctl stop bench-events; systemctl start bench-upstream", check=False)
    return found


def _delays(seen: Sequence[streams.Stream], number: int) -> dict[str, float]:
    every = sorted(1000 * delay for stream in seen for delay in stream.delays)
    return {
        "first": 1000 * statistics.median(stream.first for stream in seen),
        "p50": every[len(every) // 2],
        "p95": every[int(len(every) * 0.95)],
        "max": every[-1],
        "missing": sum(number - len(stream.delays) for stream in seen),
    }


def memory(site: LabSite, count: int = 500) -> float:
    """KiB of nginx' workers for each open stream (two connections, one with TLS)."""
    site.host.ssh("systemctl stop bench-byhand bench-upstream; systemctl restart nginx")
    start(site, "events", "python3 /root/bench/events.py")
    time.sleep(1)
    trusted = ssl.create_default_context(cafile=str(site.lab.ca.issuer))
    way = Way(site.host.address, 443, DOMAIN, trusted)
    streams.run(way, 4, 2, 10)
    before = int(site.host.ssh(MEMORY))
    client = threading.Thread(target=lambda: streams.run(way, count, 30, 500))
    client.start()
    time.sleep(8)
    during = int(site.host.ssh(MEMORY))
    client.join()
    site.host.ssh("systemctl stop bench-events")
    return (during - before) / count


def interruptions(site: LabSite, seconds: float = 20.0) -> dict[str, dict[str, int]]:
    """What clients see while nginx is reloaded ten times and the certificate is renewed twice."""
    start(site, "upstream2", "nginx -c /root/bench/upstream.conf -g 'daemon off;'")
    time.sleep(1)
    kinds = {"new connections": False, "kept connections, POST": True}
    found = {name: {"requests": 0, "failed": 0} for name in kinds}
    stop = threading.Event()
    clients = [
        threading.Thread(target=_ask, args=(site, found[name], stop, kept))
        for name, kept in kinds.items()
        for _client in range(4)
    ]
    for client in clients:
        client.start()
    for number in range(10):
        site.host.ssh("systemctl reload nginx")
        if number in {3, 7}:
            site.host.ssh(RENEW)
        time.sleep(seconds / 10)
    stop.set()
    for client in clients:
        client.join()
    return found


def _ask(site: LabSite, found: dict[str, int], stop: threading.Event, kept: bool) -> None:
    session = site.session()
    while not stop.is_set():
        current = session if kept else site.session()
        ask: Callable[..., Any] = current.post if kept else current.get
        found["requests"] += 1
        try:
            ok = ask(f"https://{DOMAIN}/v1/models", timeout=5).status_code == 200
        except OSError:
            ok = False
        found["failed"] += not ok
        if not kept:
            current.close()
        time.sleep(0.005)


def main() -> None:
    """Everything, on one host."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    lab = Lab("serve")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        site = make(lab, "shop")
        site.converge()
        prepare(site)
        figures: dict[str, Any] = {"rates": rates(site, options.rounds)}
        print(figures["rates"], flush=True)
        figures["handshakes"] = handshakes(site, options.rounds)
        print(figures["handshakes"], flush=True)
        figures["settings"] = settings(site, options.rounds)
        print(figures["settings"], flush=True)
        figures["events"] = events(site)
        print(figures["events"], flush=True)
        figures["stream_kib"] = memory(site)
        figures["interruptions"] = interruptions(site)
        print(figures["stream_kib"], figures["interruptions"], flush=True)
        versions = results.host_versions(site.host, "nginx", "openssl", "haproxy", "caddy")
    finally:
        lab.down()
    results.keep("serve", figures, versions)


if __name__ == "__main__":
    main()
