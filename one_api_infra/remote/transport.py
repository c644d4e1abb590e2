"""An ssh connection whose commands cost one round trip each, with their input.

With paramiko's own it is two to three more: the channel is opened, the command is asked for, its
answer is waited for, and OpenSSH takes no input before the command has begun. Here, while nobody
waits for it, the next channel is opened, and a shell begun in it that waits for the command; and
nobody waits for answers: a server that refuses a command closes its channel.

Nagle's algorithm, which paramiko leaves on, holds every second small write until the server's
delayed acknowledgement: about 40 ms for each command.
"""

import socket
import threading
from functools import partial
from typing import Any

import gevent  # type: ignore[import-untyped]
from paramiko import Channel, Message, SSHException, Transport
from paramiko.auth_handler import AuthHandler
from paramiko.common import cMSG_CHANNEL_REQUEST
from typing_extensions import override

SILENT_SECONDS = 15  # a cut network is an error by then, not a run that hangs
READY = 3
PAUSES = (0.1, 0.3, 1.0)  # seconds
# In braces: of a command that is cut off nothing is done. What follows it is its input.
WAITING = 'sh -c \'read -r n && c=$(dd bs="$n" count=1 iflag=fullblock status=none) && eval "$c"\''


class EagerAuthentication(AuthHandler):
    """Shows its key along with the request to be asked for one: a round trip less.

    The two are paramiko's own, which its type stubs leave out.
    """

    def _request_auth(self) -> None:
        super()._request_auth()  # type: ignore[misc]
        accepted = Message()
        accepted.add_string("ssh-userauth")
        accepted.rewind()
        super()._parse_service_accept(accepted)  # type: ignore[misc]

    def _parse_service_accept(self, m: Message) -> None:
        """Nobody waits for the server's own word."""


class EagerTransport(Transport):
    """A connection that keeps open channels ready, in each of which a shell waits for a command.

    Three: each takes two round trips to make, commands that write take one, and the first change
    of a run takes a second channel for the lock.
    """

    _ready: "tuple[gevent.Greenlet, ...]" = ()
    _spare = READY

    @override
    def auth_publickey(self, username: str, key: Any, event: Any = None) -> list[str]:
        # How an RSA key signs is asked of the server, whose list may come a moment later.
        is_eager = event is None and "rsa" not in key.get_name() and self.initial_kex_done
        show = self._show if is_eager else super().auth_publickey
        left = show(username, key, event)
        if not left:  # the first channel is opened while the run prepares its first question
            self._ready = (gevent.spawn(self._open, ""),)
            gevent.sleep(0)
        return left

    def _show(self, username: str, key: Any, _event: None) -> list[str]:
        answered = threading.Event()
        self.auth_handler: Any = EagerAuthentication(self)
        self.auth_handler.auth_publickey(username, key, answered)
        left: list[str] = self.auth_handler.wait_for_response(answered)
        return left

    @override
    def open_session(self, *args: Any, **options: Any) -> Channel:
        if "timeout" not in options:  # for SFTP: a command's has one
            return self._opened(*args, **options)
        first, *rest = self._ready or (None,)
        self._ready = tuple(rest)
        ready: Channel | None = first.get() if first is not None else None
        if ready is None or ready.closed:
            ready = self._opened(*args, **options)
            ready.exec_command = partial(_ask, ready)  # type: ignore[method-assign]
        missing = range(self._spare - len(self._ready))
        self._ready += tuple(gevent.spawn(self._open) for _each in missing)
        return ready

    def _opened(self, *args: Any, **options: Any) -> Channel:
        """A channel that is needed: those that wait give way, and sshd takes a while to see it."""
        for pause in PAUSES:
            try:
                return super().open_session(*args, **options)
            except SSHException:  # of several refusals at once paramiko tells one its kind
                if not self.is_active():
                    raise
                self._give_way()
                gevent.sleep(pause)
        return super().open_session(*args, **options)

    def _open(self, waiting: str = WAITING) -> Channel | None:
        """A channel; None where sshd allows no more of them at a time (``MaxSessions``)."""
        try:
            channel = super().open_session()
            if waiting:
                _ask(channel, waiting)
                channel.get_pty = _no_terminal  # type: ignore[method-assign]
        except (SSHException, OSError, EOFError):
            self._give_way()
            return None
        channel.exec_command = partial(_tell if waiting else _ask, channel)  # type: ignore[method-assign]
        return channel

    def _give_way(self) -> None:
        """Keep none ready any more."""
        self._spare = 0
        for each in self._ready:
            if each.ready() and each.value:
                each.value.close()


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
    _forget_itself(channel)
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)  # a refusal comes as an answer, and closes the channel
    message.add_string(command)
    transport: Any = channel.transport
    transport._send_user_message(message)


def _no_terminal(*_args: Any, **_options: Any) -> None:
    raise SSHException("a shell runs in this channel: give `_get_pty` to the host, in its data")


def _tell(channel: Channel, command: str) -> None:
    _forget_itself(channel)
    channel.sendall(told(command))


def _forget_itself(channel: Channel) -> None:
    """A channel that nobody holds closes itself, unless it holds itself."""
    vars(channel).pop("exec_command", None)


def told(command: str) -> bytes:
    """What lets a shell that waits run a command."""
    text = f"{{\n{command}\n}}".encode()
    return b"%d\n%s" % (len(text), text)
