"""Root file systems: what a fresh Debian server has, built once and kept."""

import shutil
from pathlib import Path

from one_api_infra.desired.systems import SYSTEMS
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.process import run

# What a cloud image has and a minimal bootstrap lacks; no python, no curl: a blank server.
PACKAGES = (
    "systemd-sysv,dbus,libpam-systemd,openssh-server,iproute2,ca-certificates,sudo,procps,"
    "systemd-timesyncd"
)
UNUSED = ("man", "doc", "locale", "info")
MACHINE_FILES = ("etc/pip.conf",)
MACHINE_CAS = Path("/usr/local/share/ca-certificates")


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
    suite = SYSTEMS[system].suite
    run(*_bootstrap(suite, unfinished), stdin=sources(suite))
    _prepare(unfinished, public_key)
    return unfinished.rename(target)


def _bootstrap(suite: str, target: Path) -> list[str]:
    excludes = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNUSED]
    base = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={PACKAGES}"]
    return [*base, *excludes, suite, str(target), "-"]


def sources(suite: str) -> str:
    """This machine's own apt sources, for another Debian release."""
    main, security = _mirrors()
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    tail = f"Components: main\nSigned-By: {keyring}\n"
    return (
        f"Types: deb\nURIs: {main}\nSuites: {suite} {suite}-updates\n{tail}\n"
        f"Types: deb\nURIs: {security}\nSuites: {suite}-security\n{tail}"
    )


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
