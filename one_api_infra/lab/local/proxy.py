"""A proxy by which a One API on this machine reaches the gateways' names here, and all else there.

One API is started with ``HTTPS_PROXY``; Go's clients follow it, and trust ``SSL_CERT_FILE``.
"""

import contextlib
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from one_api_infra.lab.apis import Handler
from one_api_infra.lab.ca import GATEWAY_NAMES, write_certificates

BYTES = 64 * 1024
SECONDS = 20  # for a connection
ROOT, ROOTS = "https-root.pem", "roots.pem"


def trust(folder: Path) -> ssl.SSLContext:
    """What speaks for the gateways' names; the roots to be trusted are left in ``roots.pem``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ROOT).exists():
        write_certificates(folder, "127.0.0.1")
    system = ssl.get_default_verify_paths().cafile
    known = Path(system).read_text() if system and Path(system).is_file() else ""
    (folder / ROOTS).write_text(known + (folder / ROOT).read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "https.pem", folder / "https.key")
    return context


def connect(request: BaseHTTPRequestHandler, context: ssl.SSLContext) -> None:
    """Answer ``CONNECT HOST:PORT``."""
    host, _colon, port = request.path.rpartition(":")
    request.close_connection = True
    if host in GATEWAY_NAMES:
        request.send_response(200)
        request.end_headers()
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(request.connection, server_side=True) as inner,
        ):
            Handler(inner, request.client_address, request.server)
        return
    try:
        far = socket.create_connection((host, int(port)), SECONDS)
    except (OSError, ValueError):
        request.send_error(502)
        return
    request.send_response(200)
    request.end_headers()
    with far:
        far.settimeout(None)
        back = threading.Thread(target=_hand_on, args=(far, request.connection), daemon=True)
        back.start()
        _hand_on(request.connection, far)
        back.join()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
