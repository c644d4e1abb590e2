"""Root file systems: what a fresh Debian server has, built once and kept."""

import hashlib
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
    shutil.rmtree(unfinished, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    chosen = SYSTEMS[system]
    run(*_bootstrap(chosen.suite, unfinished), stdin=SOURCES[chosen.id](chosen.suite, directory))
    _lead_to_own_keyring(unfinished, directory)
    _prepare(unfinished, public_key)
    return unfinished.rename(target)


def _bootstrap(suite: str, target: Path) -> list[str]:
    excludes = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNUSED]
    base = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={PACKAGES}"]
    return [*base, *excludes, suite, str(target), "-"]


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
    reply = requests.get(f"{mirror}/{KEYRING}", timeout=60)
    reply.raise_for_status()
    if hashlib.sha256(reply.content).hexdigest() != KEYRING_SHA256:
        raise LabError(f"{mirror}/{KEYRING}: not the file that is known")
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "keyring.deb")
        package.write_bytes(reply.content)
        run("dpkg-deb", "-x", package, folder)
        shutil.copy(Path(folder, "usr/share/keyrings/ubuntu-archive-keyring.gpg"), target)


def _mirrors() -> tuple[str, str]:
    """The mirrors of Debian and of its security updates that this machine uses."""
    uris: dict[bool, str] = {}
    for path in sorted(Path("/etc/apt").glob("sources.list")) + sorted(
        Path("/etc/apt/sources.list.d").glob("*")
    ):
        for line in path.read_text().splitlines():
            for word in line.split("#")[0].split():
                if "://" in word and "debian" in word:
                    uris.setdefault("security" in word, word.rstrip("/"))
    if False not in uris:
        raise LabError("/etc/apt: no Debian mirror found in this machine's apt sources")
    return uris[False], uris.get(True, f"{uris[False]}-security")


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
