"""A port at which whoever comes waits, until it is known where they are to go."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

PROXY = "/usr/lib/systemd/systemd-socket-proxyd"
BACKLOG = 4096
FIRST_HANDED = 3  # sd_listen_fds(3)


@dataclass
class Room:
    """Nobody is let in yet: the kernel keeps who comes."""

    listener: socket.socket

    @property
    def port(self) -> int:
        """Where to come."""
        return int(self.listener.getsockname()[1])

    def lead_to(self, port: int) -> None:
        """Let all in, to a port of this host; who has gone does not keep the program alive."""
        handle = self.listener.fileno()
        script = f'exec {FIRST_HANDED}<&{handle}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        subprocess.Popen(
            ["sh", "-c", script, "sh", PROXY, "--exit-idle-time=10s", f"127.0.0.1:{port}"],
            pass_fds=(handle,),
            env={**os.environ},
        )


@contextlib.contextmanager
def opened() -> Iterator[Room]:
    """A room of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        yield Room(listener)
