"""A cloud that stands before a host: it answers requests for a name itself, and resets TLS."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from one_api_infra.lab.process import run
from tests.lab.sites import LabSite

TABLE = "one_api_lab_cloud"
ALIBABA = (
    "HTTP/1.1 403 Forbidden\r\nServer: Beaver\r\nContent-Type: text/html\r\n\r\n<html><title>"
    "Non-compliance ICP Filing</title><iframe src='http://batit.aliyun.com/alww.html?id=0'></iframe>"
)
TENCENT = (
    "HTTP/1.1 302 Found\r\nLocation: https://dnspod.qcloud.com/static/webblock.html?d=NAME\r\n"
    "Content-Length: 0\r\n\r\n"
)
SILENT = "HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n"  # TLS alone
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
ALERT = bytes.fromhex("15030300020270")  # fatal, unrecognized_name


@contextmanager
def cdn(site: LabSite, answer: str, folder: Path) -> Iterator[None]:
    """A CDN that answers in the place of the server, for who comes from this machine."""
    live = f"/etc/one-api-infra/letsencrypt/live/{site.domain}"
    pem = folder / "cdn.pem"
    pem.write_text(site.host.ssh(f"cat {live}/fullchain.pem {live}/privkey.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    address = site.lab.network.service("provider")
    with socket.create_server((address, 443)) as server:
        threading.Thread(target=_wrapped, args=(server, context, answer), daemon=True).start()
        with _led_to(site, address, "443"):
            yield
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def _led_to(site: LabSite, address: str, ports: str) -> Iterator[None]:
    """Who goes to the site's host from this machine arrives at another address."""
    rules = f"table ip {TABLE} {{\n chain way {{\n type nat hook output priority -100;\n"
    rules += f" ip daddr {site.host.address} tcp dport {ports} dnat to {address}\n }}\n}}\n"
    run("nft", "-f", "-", stdin=rules)
    try:
        yield
    finally:
        run("nft", "delete", "table", "ip", TABLE)


def _wrapped(server: socket.socket, context: ssl.SSLContext, answer: str) -> None:
    while True:
        try:
            connection = server.accept()[0]
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, context, answer), daemon=True).start()


def _answer(connection: socket.socket, context: ssl.SSLContext, answer: str) -> None:
    with contextlib.suppress(OSError), connection:  # one that looks at the handshake alone
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(4096)
            wrapped.sendall(answer.encode())


@contextmanager
def before(site: LabSite, page: str, *, resets: bool = True) -> Iterator[None]:
    """For who comes from this machine, the CA too; what is for other names is let be."""
    address = site.lab.network.service("provider")
    with socket.create_server((address, 80)) as plain, socket.create_server((address, 443)) as tls:
        threading.Thread(target=_pages, args=(plain, page), daemon=True).start()
        threading.Thread(target=_handshakes, args=(tls, site.domain), daemon=True).start()
        with _led_to(site, address, "{ 80, 443 }" if resets else "80"):
            yield
        for server in (plain, tls):
            server.shutdown(socket.SHUT_RDWR)


def _pages(server: socket.socket, page: str) -> None:
    while True:
        try:
            connection = server.accept()[0]
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(page.encode())


def _handshakes(server: socket.socket, name: str) -> None:
    while True:
        try:
            connection = server.accept()[0]
        except OSError:
            return
        with connection:
            if name.encode() in connection.recv(4096):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            else:
                connection.sendall(ALERT)
