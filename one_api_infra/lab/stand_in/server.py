"""The command line and the routes."""

import argparse
import os
import socket
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path

from .connection import Action, Limiter
from .management import NAME, VERSION, Management
from .payments import Payments
from .relay import Relay
from .store import Store


class Handler(Management, Payments, Relay):
    """One connection, with all actions."""

    disable_nagle_algorithm = True  # as Go does it: else each answer takes 40 ms longer


ROUTES: list[tuple[str, str, bool, Action]] = [
    ("GET", "/api/status", False, Handler.status),
    ("POST", "/api/user/login", False, Handler.login),
    ("GET", "/api/user/", True, Handler.users),
    ("POST", "/api/user/", True, Handler.add_user),
    ("PUT", "/api/user/", True, Handler.change_user),
    ("GET", "/api/user/self", True, Handler.myself),
    ("PUT", "/api/user/self", True, Handler.change_password),
    ("GET", "/api/user/token", True, Handler.new_token),
    ("POST", "/api/user/order", True, Handler.create_order),
    ("GET", "/api/user/order/status", True, Handler.order_status),
    ("POST", "/api/user/quota/([0-9]+)", True, Handler.change_quota),
    ("GET", "/api/option/", True, Handler.options),
    ("PUT", "/api/option/", True, Handler.set_option),
    ("GET", "/api/payment/", True, Handler.payments),
    ("POST", "/api/payment/", True, Handler.add_payment),
    ("PUT", "/api/payment/", True, Handler.change_payment),
    ("DELETE", "/api/payment/([0-9]+)", True, Handler.delete_payment),
    ("GET", "/api/payment/order", True, Handler.orders),
    ("GET", "/api/log/", True, Handler.logs),
    ("ANY", "/api/payment/notify/([^/]+)", False, Handler.notify),
    ("GET", "/api/user/epay/notify", False, Handler.epay_notify),
    ("POST", "/api/channel/", True, Handler.add_channel),
    ("POST", "/api/token/", True, Handler.add_token),
    ("GET", "/api/token/", True, Handler.tokens),
    ("GET", "/v1/models", False, Handler.models),
    ("POST", "/v1/chat/completions", False, Handler.relay),
]


class Server(ThreadingHTTPServer):
    """On all interfaces, IPv4 and IPv6, as One API is."""

    address_family = socket.AF_INET6
    request_queue_size = 512
    daemon_threads = True


def main() -> None:
    """One Hub's command line and environment."""
    parser = argparse.ArgumentParser(description=NAME)
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 3000))
    parser.add_argument("--log-dir", default="./logs")
    parser.add_argument("--config", default="config.yaml")
    parser.add_argument("--version", action="version", version=VERSION)
    arguments = parser.parse_args()
    print(f"{NAME}: this is not One Hub", flush=True)
    if not os.environ.get("USER_TOKEN_SECRET"):
        sys.exit("[FATAL] failed to initialize user token: token_secret or hashids_salt is not set")
    Path(arguments.log_dir).mkdir(exist_ok=True)
    Handler.routes = ROUTES
    Handler.store = Store((os.environ.get("SQLITE_PATH") or "one-api.db").partition("?")[0])
    Handler.global_limit = Limiter(int(os.environ.get("GLOBAL_API_RATE_LIMIT") or 300), 180)
    Server(("::", arguments.port), Handler).serve_forever()
