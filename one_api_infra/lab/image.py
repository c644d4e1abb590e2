"""Root file systems: what a fresh Debian server has, built once and kept."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import requests

from one_api_infra.desired.systems import SYSTEMS
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.process import run

# What a cloud image has and a minimal bootstrap lacks; no python, no curl: a blank server.
PACKAGES = (
    "apt,systemd-sysv,dbus,libpam-systemd,openssh-server,iproute2,ca-certificates,sudo,procps,"
    "systemd-timesyncd"
)
# Its mounts (this machine's own /dev/shm among them) go with it, also when it or we are killed.
ALONE = ("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--propagation=private", "--fork",
         "--kill-child")  # fmt: skip
MIRROR = re.compile(r"https?://\S+/(debian|debian-security)/?")
SUITE = re.compile(
    r"(bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing)(-[a-z-]+|/updates)?"
)
UNUSED = ("man", "doc", "locale", "info")
MACHINE_FILES = ("etc/pip.conf",)
MACHINE_CAS = Path("/usr/local/share/ca-certificates")
KEYRING = "pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"
KEYRING_SHA256 = "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8"


def build(directory: Path, system: str, public_key: str) -> Path:
    """The root file system of ``system`` (``debian-12``…) under ``directory``; made if missing."""
    target = directory / system
    if target.exists():
        return target
    if system not in SYSTEMS:
        raise LabError(f"{system}: expected one of {', '.join(SYSTEMS)}")
    unfinished = directory / f"{system}.unfinished"
    run("rm", "-rf", "--one-file-system", unfinished)
    directory.mkdir(parents=True, exist_ok=True)
    chosen = SYSTEMS[system]
    run(*_bootstrap(chosen.suite, unfinished), stdin=SOURCES[chosen.id](chosen.suite, directory))
    _lead_to_own_keyring(unfinished, directory)
    _prepare(unfinished, public_key)
    return unfinished.rename(target)


def _bootstrap(suite: str, target: Path) -> list[str]:
    excludes = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNUSED]
    base = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={PACKAGES}"]
    return [*ALONE, *base, *excludes, suite, str(target), "-"]


def debian(suite: str, _directory: Path) -> str:
    """This machine's own apt sources, for another Debian release."""
    main, security = _mirrors()
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    tail = f"Components: main\nSigned-By: {keyring}\n"
    return (
        f"Types: deb\nURIs: {main}\nSuites: {suite} {suite}-updates\n{tail}\n"
        f"Types: deb\nURIs: {security}\nSuites: {suite}-security\n{tail}"
    )


def ubuntu(suite: str, directory: Path) -> str:
    """The Ubuntu beside this machine's Debian mirror, by the key that its package holds."""
    mirror = f"{_mirrors()[0].rpartition('/')[0]}/ubuntu"
    keyring = directory / "ubuntu-archive-keyring.gpg"
    if not keyring.exists():
        _fetch_keyring(mirror, keyring)
    suites = f"{suite} {suite}-updates {suite}-security"
    return (
        f"Types: deb\nURIs: {mirror}\nSuites: {suites}\nComponents: main universe\n"
        f"Signed-By: {keyring}\n"
    )


def _lead_to_own_keyring(root: Path, directory: Path) -> None:
    """What apt was told here is, on the host itself, in its own package."""
    for path in (root / "etc/apt/sources.list.d").glob("*.sources"):
        path.write_text(path.read_text().replace(str(directory), "/usr/share/keyrings"))


SOURCES: Mapping[str, Callable[[str, Path], str]] = {"debian": debian, "ubuntu": ubuntu}


def _fetch_keyring(mirror: str, target: Path) -> None:
    """Debian has no package of it: Ubuntu's own, whose sum is known."""
    try:
        reply = requests.get(f"{mirror}/{KEYRING}", timeout=60)
        reply.raise_for_status()
    except requests.RequestException as error:
        raise LabError(f"no Ubuntu beside this machine's Debian mirror: {error}") from None
    if hashlib.sha256(reply.content).hexdigest() != KEYRING_SHA256:
        raise LabError(f"{mirror}/{KEYRING}: not the file that is known")
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "keyring.deb")
        package.write_bytes(reply.content)
        run("dpkg-deb", "-x", package, folder)
        shutil.copy(Path(folder, "usr/share/keyrings/ubuntu-archive-keyring.gpg"), target)


def _mirrors() -> tuple[str, str]:
    """The mirrors of Debian and of its security updates that this machine uses."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    found = mirrors(text)
    if "debian" not in found:
        raise LabError("/etc/apt: no Debian mirror found in this machine's apt sources")
    return found["debian"], found.get("debian-security", f"{found['debian']}-security")


def mirrors(sources: str) -> dict[str, str]:
    """The first mirror of ``debian`` and of ``debian-security`` in apt's sources, of either form.

    Cloud images name a file that lists them; other projects' repositories have no ``main``, or no
    release of Debian's.
    """
    lines = [line.split("#")[0] for line in sources.splitlines()]
    entries = [line for line in lines if line.startswith("deb ")]
    entries += "\n".join(line for line in lines if line not in entries).split("\n\n")
    uris: dict[str, str] = {}
    for entry in entries:
        words = entry.split()
        if "main" not in words or not any(map(SUITE.fullmatch, words)):
            continue
        for word in words:
            for uri in _listed(word) if word.startswith("mirror+file:") else [word]:
                if match := MIRROR.fullmatch(uri):
                    uris.setdefault(match[1], uri.rstrip("/"))
    return uris


def _listed(uri: str) -> list[str]:
    path = Path(uri.removeprefix("mirror+file:"))
    lines = path.read_text().splitlines() if path.is_file() else []
    return [line.split()[0] for line in lines if line.strip()]


def _prepare(root: Path, public_key: str) -> None:
    """Enable networkd; copy the admin's key, this machine's pip.conf and CA roots."""
    ssh = root / "root/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    (ssh / "authorized_keys").write_text(public_key)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    unit = "systemd-networkd.service"
    (wants / unit).unlink(missing_ok=True)
    (wants / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")
    for name in MACHINE_FILES:
        if (source := Path("/") / name).exists():
            shutil.copy(source, root / name)
    for certificate in MACHINE_CAS.glob("*.crt"):
        shutil.copy(certificate, root / MACHINE_CAS.relative_to("/"))
    run("chroot", root, "update-ca-certificates")
