"""Changing nginx' configuration: tested on a copy, swapped at once, put back on failure."""

import http.client
import json
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

from one_api_infra.server import certificate, files, serving
from one_api_infra.server.local import CommandError, must, run, site, tail, write
from one_api_infra.server.nginx_files import are_relieved, install, swap
from one_api_infra.shared import nginx_release, paths, units, upgrade
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _

SERVE_SECONDS = 15
POLL = 0.02  # seconds
LINK = f"{paths.NGINX}/one-api"
INCLUDE = "one-api.conf"
WORKER = "www-data"
SERVER_NAME = re.compile(r"\bserver_name\s+([^;]*);")
KEPT = f"{paths.STATE}/nginx"
PREVIOUS = f"{KEPT}/previous"
ORIGINAL_CONF = f"{KEPT}/nginx.conf.original"
DEFAULT_SITE_WAS_ON = "default-site-was-on"


def apply() -> None:
    """Read the configuration from standard input (JSON) and let nginx serve it."""
    configuration = json.load(sys.stdin)
    let_serve(_leading(configuration, serving.upstream(site())))  # an upgrade may have changed it


def go_to(port: int, *, payments: int = 0, fallback: int = 0) -> None:
    """Let nginx bring what is new to a port; see ``upgrade.upstream``."""
    text = upgrade.upstream(port, payments=payments, fallback=fallback)
    let_serve(_leading(brought(), text), staged=False)


def _leading(configuration: Mapping[str, Any], text: str) -> dict[str, Any]:
    parts = {**configuration["parts"], upgrade.PART: text}
    return {**configuration, "parts": parts, "release": nginx_release.name(parts)}


def brought() -> dict[str, Any]:
    """The configuration that was brought, as it is on disk."""
    sums: Mapping[str, str] = json.loads(Path(paths.NGINX_WRITTEN).read_text())
    texts = {path: Path(path).read_text() for path in sums}
    own = {path for path in texts if path.startswith(f"{LINK}/")}
    return {
        "parts": {path.removeprefix(f"{LINK}/"): texts[path] for path in own},
        "files": {path: text for path, text in texts.items() if path not in own},
        "absent": [],
    }


def let_serve(configuration: Mapping[str, Any], *, staged: bool = True) -> None:
    """Test a configuration, swap it in, and put the old one back if nginx does not serve.

    Without ``staged`` it is tested where it is to stand: a mount namespace takes more rights than
    a unit should have.
    """
    _prepare()
    if staged:
        test(configuration)

    def serve() -> str | None:
        return ("" if staged else problem()) or _reload()

    if wrong := swap(configuration, Path(paths.NGINX), Path(PREVIOUS), serve):
        run("systemctl", "reload-or-restart", units.NGINX)
        raise CommandError(
            _(
                "nginx did not serve with the new configuration; the old one is back: {problem}",
                problem=wrong,
            )
        )
    parts = {f"{LINK}/{name}": text for name, text in configuration["parts"].items()}
    write(paths.NGINX_WRITTEN, nginx_release.sums(parts | configuration["files"]))


def is_as_written() -> bool:
    """Whether what is on disk is what was brought."""
    sums: Mapping[str, str] = json.loads(Path(paths.NGINX_WRITTEN).read_text())
    return all(
        Path(path).is_file() and files.sha256(Path(path).read_bytes()) == wanted
        for path, wanted in sums.items()
    )


def problem() -> str:
    """Why nginx would not start or reload with what is on disk; empty if it would."""
    code, output = run(*nginx_release.TEST)
    if code:  # another site's log or key may stand where this unit may not go
        code, output = run(*nginx_release.OUTSIDE, *nginx_release.TEST)
    return next((line for line in output.splitlines() if "[emerg]" in line), output) if code else ""


def closed_folder() -> str:
    """A folder in which nginx keeps what is too large for its memory, if it may not write there."""
    for name in ("body", "proxy"):
        path = Path("/var/lib/nginx", name)
        if path.is_dir():
            found = path.stat()
            if path.owner() != WORKER or found.st_mode & 0o700 != 0o700:
                return str(path)
    return ""


def rivals(site: SiteFile) -> tuple[str, ...]:
    """Files of other nginx sites that have one of our names: one of the two is never asked."""
    own = {site.domain, site.callback_domain}
    found = []
    for pattern in ("conf.d/*.conf", "sites-enabled/*"):
        for path in sorted(Path(paths.NGINX).glob(pattern)):
            if path.name != INCLUDE and path.is_file() and own & _names(path):
                found.append(str(path))
    return tuple(found)


def _names(path: Path) -> set[str]:
    text = re.sub(r"#.*", "", path.read_text(errors="replace"))
    return {name for each in SERVER_NAME.findall(text) for name in each.lower().split()}


def _prepare() -> None:
    """Directories and the log, and the package's nginx.conf kept for the day of removal."""
    Path(KEPT).mkdir(mode=0o700, exist_ok=True)
    Path(paths.WEBROOT).mkdir(exist_ok=True)
    conf, original = Path(f"{paths.NGINX}/nginx.conf"), Path(ORIGINAL_CONF)
    if not original.exists():
        shutil.copy2(conf, original)
    if Path(f"{paths.NGINX}/sites-enabled/default").is_symlink():
        (Path(KEPT) / DEFAULT_SITE_WAS_ON).touch()
    tunnels = (each.callback_log for each in site().tunnels)
    for log in map(Path, (paths.CALLBACK_LOG, paths.ACCESS_LOG, *tunnels)):
        log.touch(0o640)
        log.chmod(0o640)
        shutil.chown(log, "www-data", "adm")


def test(configuration: Mapping[str, Any]) -> None:
    """Let nginx test a copy that stands, for it alone, where the real one is."""
    with tempfile.TemporaryDirectory(dir="/etc", prefix=".nginx.") as directory:
        copy = Path(directory) / "nginx"
        shutil.copytree(paths.NGINX, copy, symlinks=True)
        install(configuration, copy)
        inside = f"mount --bind {copy} {paths.NGINX} && nginx -t -q"
        code, output = run("unshare", "--mount", "sh", "-c", inside)
    if code:
        raise CommandError(
            _(
                "nginx refuses the new configuration; nothing was changed.\n"
                "Remedy: mend the template that its words name:"
            )
            + "\n"
            + tail(output.splitlines())
        )


def _reload() -> str | None:
    """Reload (or start) and wait until it serves; what is wrong otherwise."""
    _let_start()
    _raise_limit()
    before = _workers()
    code, output = run("systemctl", "reload-or-restart", units.NGINX)
    if code:
        return output + "\n" + tail(_error_log())
    token = f"health-{secrets.token_hex(8)}"
    proof = Path(paths.WEBROOT) / ".well-known" / "acme-challenge" / token
    proof.parent.mkdir(parents=True, exist_ok=True)
    proof.write_text(token)
    try:
        return _wait(before, token)
    finally:
        proof.unlink()


def _let_start() -> None:
    """Let systemd start it as its unit says; each of these loads all units anew, 0.2 s and more."""
    told = run("systemctl", "show", "--property=UnitFileState,NeedDaemonReload", units.NGINX)[1]
    if "UnitFileState=masked" in told:
        run("systemctl", "unmask", "--quiet", units.NGINX)
        run("systemctl", "unmask", "--quiet", "--runtime", units.NGINX)
    if "UnitFileState=enabled\n" not in f"{told}\n":
        must("systemctl", "enable", "--quiet", units.NGINX)
    elif "NeedDaemonReload=yes" in told:
        must("systemctl", "daemon-reload")


def _raise_limit() -> None:
    """Let nginx open as many files as the system allows it.

    It runs with the limit of its start, which may be Debian's 1,024, and in a container it cannot
    raise that itself: then a thousand connections that say nothing are all it takes.
    """
    pid = Path("/run/nginx.pid")
    if pid.exists() and _is_short_of_files(pid.read_text().strip()):
        most = "ulimit -Hn"  # of a unit, which is what nginx would get at its next start
        limit = run(*nginx_release.OUTSIDE, "sh", "-c", most)[1]
        run("prlimit", "--pid", pid.read_text().strip(), f"--nofile={limit}:{limit}")


def _is_short_of_files(pid: str) -> bool:
    """Whether nginx may open less than it needs, and systemd could give it more."""
    return _may_open(pid)[0] < min(nginx_release.FILES, _may_open("1")[1])


def _may_open(pid: str) -> tuple[float, ...]:
    """How many files a process may open, and how many it may let itself open."""
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:  # it has just died
        return (inf, inf)
    soft, hard = re.findall(r"^Max open files +(\S+) +(\S+)", limits, re.MULTILINE)[0]
    return tuple(inf if each == "unlimited" else float(each) for each in (soft, hard))


def _wait(before: set[str], token: str) -> str | None:
    deadline = time.monotonic() + SERVE_SECONDS
    problem: str | None = _("it did not start new workers")
    while time.monotonic() < deadline:
        # An old worker answers too, until it is told to go: it would prove the old configuration.
        if are_relieved(before, _workers(), _is_leaving) and (problem := _serves(token)) is None:
            return None
        time.sleep(POLL)
    return f"{problem}\n{tail(_error_log())}"


def _is_leaving(pid: str) -> bool:
    try:
        return b"shutting down" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def _serves(token: str) -> str | None:
    current = site()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
        path = f"/.well-known/acme-challenge/{token}"
        connection.request("GET", path, headers={"Host": current.domain})
        reply = connection.getresponse()
        if reply.read().decode(errors="replace") != token:
            return _("port 80 answers {status} for an ACME challenge", status=reply.status)
    except OSError as error:
        return _("port 80 does not answer: {error}", error=error)
    if certificate.not_served(current):
        return _("port 443 does not serve the certificate on disk")
    return None


def _workers() -> set[str]:
    """The worker processes, by id."""
    pid = Path("/run/nginx.pid")
    master = pid.read_text().strip() if pid.exists() else ""
    children = Path(f"/proc/{master}/task/{master}/children")
    return set(children.read_text().split()) if master and children.exists() else set()


def _error_log() -> list[str]:
    path = Path("/var/log/nginx/error.log")
    return path.read_text(errors="replace").splitlines()[-5:] if path.exists() else []
