"""A session of requests that talks to no address that ``addresses.is_allowed`` refuses."""

import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from one_api_infra.server.callbacks.gateways import addresses

FAILURES = (requests.RequestException, HTTPError)


def _judged(connection: socket.socket) -> socket.socket:
    if not addresses.is_allowed(connection.getpeername()[0]):
        connection.close()
        raise addresses.ForbiddenAddressError
    return connection


class _Http(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _judged(super()._new_conn())


class _Https(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _judged(super()._new_conn())


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def make() -> requests.Session:
    """A session."""
    session = requests.Session()
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session
