"""What One API runs on a server that this toolkit has not set up: a look that changes nothing.

The admin's machine sends this file to the server's own Python before anything is installed there:
it has the standard library alone, and prints one object a process.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PROGRAMS = {"one-api", "one-hub", "new-api", "done-hub", "veloera", "one-api-arm64"}
FILES = (".env", "config.yaml", "data/config.yaml")
CONFIG = re.compile(r"--?config(?:=(.+))?")  # names another one
SQLITE = re.compile(r"(?im)^\s*(?:export\s+)?sqlite_path\s*[:=]\s*[\"']?([^\"'\s?]+)")
DATABASE = "one-api.db"  # where none is named
NGINX = ("etc/nginx/sites-enabled/*", "etc/nginx/conf.d/*.conf")
UPSTREAM = re.compile(r"(?m)^\s*upstream\s+(\S+)\s*\{([^}]*)\}")
LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]"}  # noqa: S104  # read, not listened at
OURS = ("/opt/one-api/releases/", "/opt/one-api/current/")
OWN_LAYER = r"/overlay(2|-containers|fs)?/|/containers/"  # gone when the container stops
Mount = dict[str, str]  # "device", "root", "at"
URL = "http://127.0.0.1:{port}/api/status"
# No proxy of the environment leads to this host's own ports.
ASK = """import sys, urllib.request as u
print(u.build_opener(u.ProxyHandler({})).open(sys.argv[1], timeout=10).read().decode())"""
NAME = re.compile(r"(?m)(?:^|[{;])\s*server_name\s+([^;]+);")
MOST = 200_000  # bytes of a file that are read


def main() -> None:
    """Print what was found, as JSON."""
    print(json.dumps([found for found in map(look, processes()) if found]))


def processes() -> list[int]:
    """The numbers of all processes."""
    return sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def look(number: int) -> dict[str, Any] | None:
    """What a process tells of itself; None if it is no One API, or this toolkit's own."""
    folder = f"/proc/{number}"
    words = read(f"{folder}/cmdline").rstrip("\0").split("\0")
    program = link(f"{folder}/exe")
    names = {Path(word).name for word in (program, *words[:2])}
    if not names & PROGRAMS or any(word.startswith(OURS) for word in (program, *words[:2])):
        return None
    port = listening(number)
    cwd, given = link(f"{folder}/cwd"), variables(read(f"{folder}/environ").split("\0"))
    # By the process' own root: the link reads "/" in a container too.
    files = {path: read(f"{folder}/root{Path(cwd, path)}") for path in (*FILES, *configs(words))}
    database = sqlite(number) or closed(number, Path(cwd, sqlite_path(given, files)))
    return {
        "process": number,
        "user": str(Path(folder).stat().st_uid),
        "program": program,
        "words": words,
        "cwd": cwd,
        "variables": given,
        "files": files,
        "cgroup": read(f"{folder}/cgroup"),
        "port": published(number, port),
        "status": status(number, port),
        "sqlite": on_this_host(number, database) if database else "",
        "sqlite_inside": database,
        "nginx": led(dict(nginx()), published(number, port)),
    }


def read(path: str) -> str:
    """A file's text; empty where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(MOST).decode("utf-8", "replace")
    except OSError:
        return ""


def link(path: str) -> str:
    """Where a link leads; empty where it is none."""
    try:
        return str(Path(path).readlink()).replace(" (deleted)", "")
    except OSError:
        return ""


def variables(lines: list[str]) -> dict[str, str]:
    """NAME=value lines as a dict."""
    return dict(line.split("=", 1) for line in lines if "=" in line)


def listening(number: int) -> int:
    """The lowest TCP port at which a process listens; 0 for none."""
    inodes = {name for _path, name in descriptors(number) if name.startswith("socket:[")}
    ports = [port for port, inode in sockets(number) if f"socket:[{inode}]" in inodes]
    return min(ports, default=0)


def descriptors(number: int) -> list[tuple[str, str]]:
    """A process' open files, as (path, where it leads)."""
    return [(path, link(path)) for path in entries(f"/proc/{number}/fd")]


def entries(folder: str) -> list[str]:
    """The paths of what stands in a folder; none for one that is gone."""
    try:
        return [str(path) for path in Path(folder).iterdir()]
    except OSError:
        return []


def sockets(number: int) -> Iterator[tuple[int, str]]:
    """The listening TCP sockets of a process' network, as (port, inode)."""
    for name in ("tcp", "tcp6"):
        for line in read(f"/proc/{number}/net/{name}").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                yield int(words[1].rpartition(":")[2], 16), words[9]


def is_here(number: int) -> bool:
    """Whether a process' network is this host's."""
    return link(f"/proc/{number}/ns/net") in {"", link("/proc/self/ns/net")}


def published(number: int, port: int) -> int:
    """The host's port that leads to a container's port, by Docker's own proxies; else the same."""
    if is_here(number):
        return port
    own = read(f"/proc/{number}/net/fib_trie")
    proxies = (read(f"/proc/{each}/cmdline").split("\0") for each in processes())
    return next(filter(None, (forwarded(words, own, port) for words in proxies)), port)


def forwarded(words: list[str], addresses: str, port: int) -> int:
    """The host's port of a ``docker-proxy``, if it leads to a port of these addresses; else 0."""
    known = dict(zip(words[1::2], words[2::2], strict=False))
    is_proxy = Path(words[0]).name == "docker-proxy"
    is_its = known.get("-container-ip", "-") in addresses
    leads_here = is_proxy and is_its and known.get("-container-port") == str(port)
    return int(known["-host-port"]) if leads_here else 0


def status(number: int, port: int) -> dict[str, Any]:
    """What ``/api/status`` answers, asked in the process' own network."""
    enter = [] if is_here(number) else ["nsenter", f"--net=/proc/{number}/ns/net"]
    done = subprocess.run(
        [*enter, sys.executable, "-c", ASK, URL.format(port=port)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return dict(json.loads(done.stdout)["data"])
    except (ValueError, KeyError, TypeError):
        return {}


def sqlite(number: int) -> str:
    """The SQLite file that a process has open, as the process names it."""
    for path, name in descriptors(number):
        is_file = name.startswith("/") and Path(path).is_file()
        if is_file and read(path).startswith("SQLite format 3"):
            return name
    return ""


def closed(number: int, path: Path) -> str:
    """The same, where it has the file not open: Go closes what was idle for a minute."""
    is_there = read(f"/proc/{number}/root{path}").startswith("SQLite format 3")
    return str(path) if is_there else ""


def sqlite_path(given: dict[str, str], files: dict[str, str]) -> str:
    """The SQLite file that its settings name, beside what it was started in."""
    named = [found[1] for text in files.values() if (found := SQLITE.search(text))]
    return given.get("SQLITE_PATH", "").partition("?")[0] or (named[-1] if named else DATABASE)


def configs(words: list[str]) -> list[str]:
    """The files that its command line names."""
    found = [(at, match) for at, word in enumerate(words) if (match := CONFIG.fullmatch(word))]
    return [match[1] or "".join(words[at + 1 : at + 2]) for at, match in found]


def on_this_host(number: int, name: str) -> str:
    """The path by which this host knows a process' file; empty where it knows none."""
    theirs, ours = mounts(number), mounts("self")
    is_here = link(f"/proc/{number}/root") == "/" and theirs == ours
    return name if is_here else volume(name, theirs, ours)


def volume(name: str, theirs: list[Mount], ours: list[Mount]) -> str:
    """The host's path of a container's file; empty for one in the container's own layer.

    A volume is a folder of the host's: the same device, and a root in it.
    """
    inside = best(theirs, lambda mount: below(name, mount["at"]))
    if not inside:
        return ""
    there = inside["root"].rstrip("/") + name[len(inside["at"].rstrip("/")) :]
    here = best(
        ours,
        lambda mount: (
            mount["device"] == inside["device"]
            and below(there, mount["root"])
            and not re.search(OWN_LAYER, mount["at"])
        ),
    )
    if not here:
        return ""
    return os.path.normpath(here["at"] + "/" + there[len(here["root"].rstrip("/")) :])


def mounts(number: int | str) -> list[Mount]:
    """A process' mounts (proc(5), mountinfo)."""
    found = []
    for line in read(f"/proc/{number}/mountinfo").splitlines():
        words = line.split()
        found.append({"device": words[2], "root": words[3], "at": words[4]})
    return found


def below(path: str, folder: str) -> bool:
    """Whether a path is a folder's, or in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def best(found: list[Mount], fits: Callable[[Mount], bool]) -> Mount | None:
    """The mount with the longest place that fits."""
    return max(filter(fits, found), key=lambda mount: len(mount["at"]), default=None)


def nginx() -> list[tuple[str, str]]:
    """nginx' files of sites, as (path, text)."""
    return [(path, read(path)) for pattern in NGINX for path in map(str, Path("/").glob(pattern))]


def led(files: dict[str, str], port: int) -> dict[str, str]:
    """The nginx files that lead to a port of this host, by an upstream's name too."""
    upstreams = [found for text in files.values() for found in UPSTREAM.findall(text)]
    names = [name for name, servers in upstreams if leads_to(servers, port)]
    via = (
        re.compile(rf"https?://(?:{'|'.join(map(re.escape, names))})(?![\w.-])") if names else None
    )
    found = {
        path: text
        for path, text in files.items()
        if leads_to(text, port) or (via and via.search(text))
    }
    its = {name for text in found.values() for name in domains(text)}
    redirects = {path: text for path, text in files.items() if its >= domains(text) > set()}
    return found | redirects


def domains(text: str) -> set[str]:
    """The domains in a text of nginx'; a site's redirect to https may be a file of its own."""
    return {name for line in NAME.findall(text) for name in line.split() if "." in name}


def leads_to(text: str, port: int) -> bool:
    """Whether a text of nginx' names a port of this host."""
    named = re.findall(rf"(?:http://|server\s+)([\w.:-]+|\[::1?\]):{port}(?!\d)", text)
    return any(name in LOOPBACK or is_own(name) for name in named)


def is_own(address: str) -> bool:
    """Whether an IPv4 address is this host's: Docker's bridge, a network card."""
    pattern = rf"-- {re.escape(address)}\n\s+/32 host LOCAL"
    return re.search(pattern, read("/proc/net/fib_trie")) is not None


if __name__ == "__main__":
    main()
