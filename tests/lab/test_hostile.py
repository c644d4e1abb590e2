"""Servers that mean harm to who looks at them: each look ends in time, with an observation."""

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from one_api_infra.checks.observers import http, tls
from one_api_infra.checks.observers.dns import ask

HERE = "127.0.9.9"  # a loopback address of its own: observers know no other ports than 80 and 443
Serve = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def drip(connection: socket.socket) -> None:
    """A byte every tenth of a second, for ever."""
    connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def endless(connection: socket.socket) -> None:
    """As much as it takes."""
    connection.sendall(HEAD + b"\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def bomb(connection: socket.socket) -> None:
    """A few bytes that unpack to a gigabyte."""
    body = gzip.compress(b"\0" * 100_000_000) * 10
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body))
    connection.sendall(body)


def headers(connection: socket.socket) -> None:
    """Headers without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Y: " + b"z" * 1000 + b"\r\n")


def garbage(connection: socket.socket) -> None:
    """No protocol at all."""
    connection.sendall(os.urandom(4096))


def silence(connection: socket.socket) -> None:
    """Nothing."""
    time.sleep(60)


def cut(connection: socket.socket) -> None:
    """Half an answer."""
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\nsucc")


@pytest.fixture
def serve() -> Iterator[Callable[[int, Serve], None]]:
    """Listens on a port of ``HERE`` and treats each connection by a function."""
    listeners: list[socket.socket] = []

    def start(port: int, treat: Serve) -> None:
        listener = socket.create_server((HERE, port))
        listeners.append(listener)

        def loop() -> None:
            while True:
                try:
                    connection, _peer = listener.accept()
                except OSError:
                    return
                threading.Thread(target=each, args=(connection,), daemon=True).start()

        def each(connection: socket.socket) -> None:
            with connection:
                try:
                    connection.recv(100)
                    treat(connection)
                except OSError:
                    pass

        threading.Thread(target=loop, daemon=True).start()

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        listener.close()


@pytest.mark.parametrize("treat", [drip, endless, bomb, headers, garbage, silence, cut])
def test_http(serve: Callable[[int, Serve], None], treat: Serve) -> None:
    serve(80, treat)
    started = time.monotonic()
    found = http.request("GET", "http", "pay.lab.test", HERE, "/x")
    assert time.monotonic() - started < 2 * http.SECONDS + 3
    assert len(found.body) <= http.LIMIT
    assert found.error or found.status == 200


@pytest.mark.parametrize("treat", [drip, endless, garbage, silence, cut])
def test_tls(serve: Callable[[int, Serve], None], treat: Serve) -> None:
    serve(443, treat)
    started = time.monotonic()
    (found,) = tls.gather(["pay.lab.test"], [HERE], None)
    assert time.monotonic() - started < 2 * tls.SECONDS + 2
    assert found.error


def test_dns_that_answers_nonsense() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((HERE, 53))

    def loop() -> None:
        while True:
            try:
                question, peer = server.recvfrom(4096)
            except OSError:
                return
            server.sendto(question[:2] + os.urandom(300), peer)

    threading.Thread(target=loop, daemon=True).start()
    found = ask("pay.lab.test", "public", HERE)
    server.close()
    assert found.addresses == ()
    assert found.error
