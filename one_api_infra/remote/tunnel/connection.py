"""The tunnel's ssh: opened, kept open, and opened again whenever it dies."""

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from one_api_infra.remote import ssh
from one_api_infra.remote.tunnel.choice import Choice
from one_api_infra.shared.tunnel import CALLBACKS, WEB, Tunnel

PAUSE = 1.0  # seconds between two attempts
LOOK = 0.5  # seconds between two looks at the public name, until it answers
PROBE_SECONDS = 5.0
WORDS = 300
# Both ends notice a dead connection within some seconds, so that the next one can begin.
OPTIONS: Mapping[str, str | int] = {
    "ControlMaster": "no",
    "ControlPath": "none",
    "ExitOnForwardFailure": "yes",
    "ServerAliveInterval": 2,
    "ServerAliveCountMax": 2,
    "ConnectTimeout": 4,
    "BatchMode": "yes",
    "RequestTTY": "no",
}

Tell = Callable[[str, str], None]


@dataclass
class Connection:
    """``tell`` gets ``open`` with the public URL, ``lost`` or ``unreachable`` with ssh's words."""

    choice: Choice
    port: int
    callbacks_port: int
    tell: Tell
    ended: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[str] | None = None
    told: str = ""  # why the last connection ended, until the next one is open
    configuration: str = ""

    def __post_init__(self) -> None:
        """ValidationError for host data that ssh cannot take."""
        hosts = {self.choice.host: host_data(self.choice)}
        self.configuration = ssh.configuration(hosts, Path("unused"))

    @property
    def url(self) -> str:
        """Where the world finds One API."""
        return f"https://{self.choice.tunnel.domain}"

    def keep(self) -> None:
        """Until ``end`` is called."""
        with tempfile.TemporaryDirectory(prefix="one-api-infra-") as folder:
            configuration = Path(folder) / "ssh_config"
            configuration.write_text(self.configuration + "\n")
            words = command(self.choice, configuration, self.port, self.callbacks_port)
            while not self.ended.is_set():
                self._once(words)
                self.ended.wait(PAUSE)

    def _once(self, words: list[str]) -> None:
        """One connection to its end; why it ended is told once."""
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stderr=pipe, text=True, errors="replace") as process:
            self.process = process
            watcher = threading.Thread(target=self._tell_when_open, args=(process,), daemon=True)
            watcher.start()
            said = process.stderr.read() if process.stderr else ""
        watcher.join()
        reason = said.strip()[-WORDS:] or f"ssh: {process.returncode}"
        if not self.ended.is_set() and reason != self.told:
            self.tell("lost", reason)
        self.told = reason

    def _tell_when_open(self, process: subprocess.Popen[str]) -> None:
        began, is_told = time.monotonic(), False
        while process.poll() is None and not self.ended.is_set():
            reason = self._reason()
            if not reason:
                self.tell("open", self.url)
                self.told = ""
                return
            if not is_told and time.monotonic() - began > PROBE_SECONDS:
                self.tell("unreachable", reason)
                is_told = True
            time.sleep(LOOK)

    def _reason(self) -> str:
        """Why One API does not answer at the public name; empty if it does."""
        session = requests.Session()
        session.trust_env = False
        verify = self.choice.data.get("trusted_ca_file") or True
        try:
            reply = session.get(f"{self.url}/api/status", timeout=PROBE_SECONDS, verify=verify)
        except requests.RequestException as error:
            return f"{self.url}: {error}"[:WORDS]
        return "" if reply.status_code == requests.codes.ok else f"HTTP {reply.status_code}"

    def end(self) -> None:
        """End it for good."""
        self.ended.set()
        if self.process:
            self.process.terminate()


def host_data(choice: Choice) -> dict[str, Any]:
    """The host's own data, with the tunnel's user and key in the place of the admin's."""
    data = {key: value for key, value in choice.data.items() if key not in {"ssh_key", "ssh_user"}}
    data["ssh_user"] = choice.tunnel.user
    return data | ({"ssh_key": str(choice.key)} if choice.key else {})


def command(choice: Choice, configuration: Path, port: int, callbacks_port: int) -> list[str]:
    """ssh's words: what stands in the command wins over what stands in a file."""
    options = {**OPTIONS, **({"IdentitiesOnly": "yes"} if choice.key else {})}
    words = ["ssh", "-F", str(configuration), "-N"]
    words += [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    ends = {WEB: port, CALLBACKS: callbacks_port}
    words += [
        part for kind, to in ends.items() for part in ("-R", _forward(choice.tunnel, kind, to))
    ]
    return [*words, choice.host]


def _forward(tunnel: Tunnel, kind: str, port: int) -> str:
    return f"{tunnel.forwarded(kind)}:127.0.0.1:{port}"
