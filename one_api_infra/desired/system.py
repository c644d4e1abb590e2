"""The system below the site: packages, time, updates, and the agent that runs on the server."""

import hashlib
import shlex
from dataclasses import replace
from functools import cache
from urllib.parse import urlsplit

from one_api_infra.checks import catalogue
from one_api_infra.desired import logs, render, roots, zipapp
from one_api_infra.desired.resources import Concern, Directory, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.validation import Problem

PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "libnginx-mod-http-js",
    "logrotate",
    "nftables",
    "nginx",
    "python3",
    "python3-venv",
    "tzdata",
    "unattended-upgrades",
)
TIME_DAEMONS = ("chrony", "ntpsec", "openntpd", "systemd-timesyncd")
TIMESYNCD = "systemd-timesyncd.service"
# The service waits for a shutdown alone; these fetch and install.
UPDATERS = ("apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service")
JOURNAL = "/etc/systemd/journald.conf.d/one-api-infra.conf"
UPDATES = "/etc/apt/apt.conf.d/52one-api-infra"
RESTARTS = "/etc/needrestart/restart.d"
# Root runs pip: only wheels, which run no code at install, and only known hashes.
PIP_SAFE = "--require-hashes --only-binary :all: --no-deps"
# While the run goes on: it took a quarter of the time, and Python does without.
COMPILE = f"systemd-run --quiet --collect --unit={units.BYTECODE} --nice=19"
COMPILE += " --property=CPUWeight=idle"
COMPILE += " $new/bin/python -m compileall -q -j 0"
# Of Stripe's sixteen hundred modules a run loads few; their bytecode was a third of pip's time.
UNCOMPILED = "/stripe/[a-z]"
# python3-venv brings it; unpacking it into the environment took longer than all other packages.
PIP = "/usr/share/python-wheels/pip-*.whl"
VENV = f"{paths.AGENT}/venv"
WHEELS = f"{paths.AGENT}/wheels.tar"
DNS_REQUIREMENTS = f"{paths.AGENT}/requirements-dns.txt"
STREAM_REQUIREMENTS = f"{paths.AGENT}/requirements-stream.txt"
CERTBOT_REQUIREMENTS = f"{paths.AGENT}/requirements-certbot.txt"
SWAP = f"ln -sfn $new {paths.AGENT}/venv.new && mv -fT {paths.AGENT}/venv.new {VENV};"
SYSCTL = "/etc/sysctl.d/60-one-api-infra.conf"
INSTALLATION_STEPS = "/run/one-api-installation"  # a line a step: its begin, end and name
JOURNALD = "systemd-journald.service"


def packages_of(site: Site) -> tuple[str, ...]:
    """The packages that a site needs, whatever its server."""
    return (*PACKAGES, "certbot") if site.certbot == "distribution" else PACKAGES


def packages(site: Site, snapshot: Snapshot) -> tuple[str, ...]:
    """The packages that a server needs; an admin's own time daemon is not replaced."""
    has_time = any(name in snapshot.packages for name in TIME_DAEMONS)
    return packages_of(site) if has_time else (*packages_of(site), "systemd-timesyncd")


def directories() -> tuple[Directory, ...]:
    """The toolkit's own directories."""
    return (
        Directory(paths.AGENT),
        Directory(paths.CONFIG),
        Directory(paths.STATE),
        # nginx' workers reopen the callback log here after it was rotated; the file is 0640.
        Directory(logs.FOLDER),
        Directory(JOURNAL.rsplit("/", 1)[0]),
        Directory(SYSCTL.rsplit("/", 1)[0]),
        Directory(RESTARTS.rsplit("/", 1)[0]),
        Directory(RESTARTS),
    )


def agent_files(site: Site) -> tuple[File, ...]:
    """The agent, what it needs, and the site's settings."""
    return (
        requirements(site),
        certbot_requirements(site),
        _agent(),
        File(paths.SITE, plain.write(replace(site.public(), inventory=site.file_name)).encode()),
        *_roots(site),
    )


def _roots(site: Site) -> list[File]:
    """A private root, which many of the site's programs trust: a restore needs it first of all."""
    if not site.trusted_ca_file:
        return []
    return [File(paths.TRUSTED_CA, roots.read(site.trusted_ca_file, "trusted_ca_file"))]


@cache
def _agent() -> File:
    return File(paths.ZIPAPP, zipapp.build())


def files(site: Site) -> tuple[File, ...]:
    """Files of the system itself."""
    return (
        render.file(UPDATES, reboot_time=site.reboot_time),
        render.file(JOURNAL),
        render.file(SYSCTL),
        render.file(f"{RESTARTS}/nginx.service", "755"),
        render.file(
            f"{RESTARTS}/one-api.service",
            "755",
            activate=paths.agent("activate"),
            current=paths.CURRENT,
        ),
    )


def agent_problems(snapshot: Snapshot) -> tuple[Problem, ...]:
    """Nothing is known of certificates and payments where the agent fails: change nothing then."""
    if not snapshot.is_state_lost:
        return ()
    words, command = snapshot.probe("state"), paths.agent("state")
    return (catalogue.problem("system.agent", words=words, command=command),)


def requirements(site: Site) -> File:
    """What the virtual environment is made of."""
    return _together(paths.REQUIREMENTS, _parts(site))


def certbot_requirements(site: Site) -> File:
    """What of it obtains the certificate."""
    beside = [each for each in _parts(site) if each == DNS_REQUIREMENTS]
    return _together(CERTBOT_REQUIREMENTS, (CERTBOT_REQUIREMENTS, *beside))


def _parts(site: Site) -> tuple[str, ...]:
    """The lists of it: certbot's plugin for dns-01 and Litestream only where they are used, since
    each is as large as all the rest.
    """
    dns = [DNS_REQUIREMENTS] if site.acme_challenge == "dns-01" else []
    return (paths.REQUIREMENTS, *dns, *([STREAM_REQUIREMENTS] if site.is_streamed else []))


@cache
def _together(path: str, parts: tuple[str, ...]) -> File:
    return File(path, "".join(map(render.text, parts)).encode())


@cache
def _marks(parts: tuple[str, ...]) -> tuple[str, ...]:
    """What the environment notes of the lists that it was made of."""
    return tuple(hashlib.sha256(render.text(each).encode()).hexdigest() for each in parts)


def are_wheels_due(site: Site, snapshot: Snapshot) -> bool:
    """Whether the virtual environment is to be built of wheels that are not there."""
    is_theirs = site.pip_wheels == "admin" and not venv_is_complete(site, snapshot)
    return is_theirs and WHEELS not in snapshot.paths


def venv_is_complete(site: Site, snapshot: Snapshot) -> bool:
    """Whether the virtual environment holds what is asked for, whole, and its Python runs.

    What it holds beside, for a setting of before, is in nobody's way.
    """
    lines = snapshot.probes.get("venv", ())
    if len(lines) != 3:
        return False
    noted, _space, rest = lines[0].partition(" ")
    has_all = {*_marks(_parts(site))} <= {*noted.split("+")}
    return has_all and rest == f"{lines[1]} {lines[2]}"


def is_venv_due(site: Site, snapshot: Snapshot) -> bool:
    """Whether it is to be built, and nobody is about it."""
    return not (venv_is_complete(site, snapshot) or snapshot.is_active(units.INSTALLATION))


def _venv_sum(folder: str) -> str:
    """The shell command for the sum of the names and sizes of what stands in it."""
    files = f"find {folder}/ -name __pycache__ -prune -o -type f ! -name installed"
    return f"{files} -printf '%P %s\\n' | LC_ALL=C sort | sha256sum | cut -c1-64"


def venv_script(site: Site, certbot_step: str = "") -> str:
    """Build the virtual environment beside the old one and swap a link; a kill leaves the old.

    ``certbot_step``: where there is none, certbot's part comes first as a step of that name, and
    is used while the rest is on its way.
    """
    mark = "+".join(_marks(_parts(site)))
    new = f"{paths.AGENT}/venv-{requirements(site).sha256[:12]}-$(date +%s)"
    unpack, source, done = _wheels(site)
    lock = f"{paths.AGENT}/venv.lock"
    # Left behind, they would be taken for those of other requirements.
    brought = f"rm -rf {WHEELS}" if site.pip_wheels == "admin" else ":"
    pip = f"env PYTHONPATH=$(echo {PIP}) $new/bin/python -m pip install"
    pip += f" -q --disable-pip-version-check --no-compile {source} {PIP_SAFE} -r"
    first = f"step '{certbot_step}' {pip} {CERTBOT_REQUIREMENTS}; {SWAP} trap '{brought}' EXIT;"
    return (
        # Who may read a lock may hold it; and the services read what root's own umask would hide.
        f"set -e; umask 077; exec 9>{lock}; chmod 600 {lock}; flock 9; umask 022; new={new};"
        f" trap 'rm -rf $new; {brought}' EXIT; python3 -m venv --without-pip $new; {unpack}"
        + (f" [ -e {VENV}/installed ] || {{ {first} }};" if certbot_step else "")
        + f" {pip} {paths.REQUIREMENTS}; {done}"
        f' echo "{mark} $(python3 -V) $({_venv_sum("$new")})" >$new/installed;'
        f" {SWAP} trap - EXIT; {brought};"
        # Else it fills the folder of before while that is being removed.
        f" systemctl stop {units.BYTECODE} 2>/dev/null || :;"
        f" find {paths.AGENT} -maxdepth 1 -name 'venv-*' ! -path $new -exec rm -rf {{}} +;"
        f" {COMPILE} -x '{UNCOMPILED}' $new/lib || :"
    )


def _wheels(site: Site) -> tuple[str, str, str]:
    """How pip comes to wheels: what is done before, its options, what is done after."""
    if site.pip_wheels == "server":
        return "", shlex.join(pip_index(site)), ""
    folder = "$new/wheels"
    unpack = f"mkdir {folder} && tar -xf {WHEELS} -C {folder};"
    return unpack, f"--no-index --find-links {folder}", f"rm -rf {folder};"


def pip_index(site: Site) -> tuple[str, ...]:
    """pip's options for the index. Without TLS it wants the host named; the sums are pinned."""
    parts = urlsplit(site.pip_index or "")
    index = ("--index-url", site.pip_index) if site.pip_index else ()
    return (*index, "--trusted-host", parts.netloc) if parts.scheme == "http" else index


def is_compiled(snapshot: Snapshot) -> bool:
    """Whether the agent's bytecode was made of this agent, since its Python was."""
    return bool(snapshot.probe("bytecode"))


def _bytecode() -> str:
    """The shell command that names the bytecode, if there is one that fits."""
    stem = f"{paths.ZIPAPP.removesuffix('.pyz')}.{zipapp.checksum()}"
    # Its own time says when it was built, not when it came; and a link's says nothing of Python.
    newer = f"-newermc {paths.PYTHON} -name '{stem.rpartition('/')[2]}.*.pyz'"
    return f"find -H {paths.AGENT} -maxdepth 1 {newer} -size +0"


def time_is_ours(snapshot: Snapshot) -> bool:
    """Whether systemd-timesyncd is to run: not in a container, whose time is its host's."""
    in_container = snapshot.probe("virtualisation") not in {"", "none"}
    return "systemd-timesyncd" in snapshot.packages and not in_container


def probing_is_off(snapshot: Snapshot) -> bool:
    """Whether TCP MTU probing (``tcp_mtu_probing``) is not set to 1."""
    return snapshot.probe("mtu_probing") != "1"


def journal_is_stale(snapshot: Snapshot) -> bool:
    """Whether the journal started before its configuration was written, and runs with the old."""
    written, started = snapshot.probe("journal"), snapshot.unit(JOURNALD, "ActiveEnterTimestamp")
    return written.isdigit() and int(written) > int(started.removeprefix("@") or 0)


def concern(site: Site) -> Concern:
    """The system's part."""
    return Concern(
        files=(*agent_files(site), *files(site)),
        directories=directories(),
        units=UPDATERS,
        packages=packages_of(site),
        beside=SnapshotSpec(
            packages=(*TIME_DAEMONS, "certbot"),
            paths=(WHEELS,),
            units=(TIMESYNCD, JOURNALD, units.INSTALLATION),
            probes={
                "venv": f"cat {VENV}/installed && {paths.PYTHON} -V && {_venv_sum(VENV)}",
                "virtualisation": "systemd-detect-virt --container",
                "mtu_probing": "cat /proc/sys/net/ipv4/tcp_mtu_probing",
                "bytecode": _bytecode(),
                "journal": f"stat -c %Y {JOURNAL}",
                # The last line is the server's own time.
                units.INSTALLATION: f"cat {INSTALLATION_STEPS} 2>/dev/null &&"
                ' now=$(date +%s.%N) && echo "$now $now now"',
            },
        ),
    )
