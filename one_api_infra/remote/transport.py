"""An ssh connection whose commands cost one round trip each, those with an input two.

With paramiko's own it is one to two more: the channel is opened, the command is asked for, and the
answer is waited for. Here the next channel is opened while nobody waits for it, and nobody waits
for the answer: a server that refuses a command closes its channel. (OpenSSH takes no input before
the command has begun.)

Nagle's algorithm, which paramiko leaves on, holds every second small write until the server's
delayed acknowledgement: about 40 ms for each command.
"""

import socket
from functools import partial
from typing import Any

import gevent  # type: ignore[import-untyped]
from paramiko import Channel, Message, SSHException, Transport
from paramiko.common import cMSG_CHANNEL_REQUEST
from typing_extensions import override

SILENT_SECONDS = 15  # a cut network is an error by then, not a run that hangs


class EagerTransport(Transport):
    """A connection that keeps one open channel ready."""

    _ready: "gevent.Greenlet | None" = None

    @override
    def open_session(self, *args: Any, **options: Any) -> Channel:
        # A greenlet that has ended is false.
        ready: Channel | None = self._ready.get() if self._ready is not None else None
        if ready is None or ready.closed:
            ready = super().open_session(*args, **options)
        self._ready = gevent.spawn(self._open)
        ready.exec_command = partial(_ask, ready)  # type: ignore[method-assign]
        return ready

    def _open(self) -> Channel | None:
        """A channel; None where sshd allows no more of them at a time (``MaxSessions``)."""
        try:
            return super().open_session()
        except (SSHException, OSError, EOFError):
            return None


def made(sock: Any, **options: Any) -> Transport:
    """paramiko's ``transport_factory``."""
    if isinstance(sock, socket.socket):  # a ProxyCommand is none
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_SECONDS * 1000)
    transport = EagerTransport(sock, **options)
    transport.set_keepalive(SILENT_SECONDS // 3)
    return transport


def _ask(channel: Channel, command: str) -> None:
    """``Channel.exec_command`` without its wait for the answer."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)  # a refusal comes as an answer, and closes the channel
    message.add_string(command)
    transport: Any = channel.transport
    transport._send_user_message(message)
