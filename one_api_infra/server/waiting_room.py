"""A port at which whoever comes waits, until it is known where they are to go."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

PROXY = "/usr/lib/systemd/systemd-socket-proxyd"
BACKLOG = 4096
HANDLES = 6  # of a connection: two sockets, two pipes
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
        # Of its own the proxy refuses the 257th.
        script = f"ulimit -S -n {BACKLOG * HANDLES} 2>/dev/null; exec {FIRST_HANDED}<&{handle};"
        script += ' LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        options = ["--exit-idle-time=10s", f"--connections-max={BACKLOG}"]
        subprocess.Popen(
            ["sh", "-c", script, "sh", PROXY, *options, f"127.0.0.1:{port}"],
            pass_fds=(handle,),
            env={**os.environ},
        )


@contextlib.contextmanager
def opened() -> Iterator[Room]:
    """A room of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        yield Room(listener)
