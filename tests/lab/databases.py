"""Debian's PostgreSQL and MariaDB on a host of the lab, and One API's rows in them."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from one_api_infra.lab.host import Host

NAME = USER = "oneapi"
PASSWORD = "p%ss:w@rd/1"  # what a URL has to quote, and what a naive one trips over
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"
NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Database:
    """A database server on ``host``; ``url`` is the site's ``database_url``."""

    host: Host
    package: str
    url: str
    setup: str
    client: str
    unit: str
    lock: str

    def install(self) -> None:
        """Install it, and make the database and its user."""
        self.host.ssh(f"apt-get -qq update && {APT} {self.package} >/dev/null 2>&1")
        self.host.ssh(self.client, stdin=self.setup)

    def rows(self, query: str) -> list[list[Any]]:
        """Rows as the server's own client prints them; whole numbers are numbers."""
        text = self.host.ssh(f"{self.client} {NAME}", stdin=f"{query};")
        return [[_value(cell) for cell in line.split("\t")] for line in text.splitlines() if line]

    def hold(self, *tables: str) -> None:
        """Keep everybody else out of these tables for some seconds."""
        self.host.ssh(f"{self.client} {NAME}", stdin=self.lock.format(*tables), check=False)

    def write(self, statement: str) -> None:
        """Change it behind One API's back."""
        self.host.ssh(f"{self.client} {NAME}", stdin=f"{statement};")


def _value(cell: str) -> Any:
    return int(cell) if NUMBER.fullmatch(cell) and len(cell) < 16 else cell


def postgresql(host: Host) -> Database:
    """Debian's PostgreSQL, on loopback: 100 connections."""
    setup = f"CREATE USER {USER} PASSWORD '{PASSWORD}'; CREATE DATABASE {NAME} OWNER {USER};"
    client = "cd /; runuser -u postgres -- psql -qtA -F \"$(printf '\\t')\" -v ON_ERROR_STOP=1"
    url = f"postgres://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:5432/{NAME}?sslmode=disable"
    lock = "BEGIN; LOCK TABLE {0}, {1} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT;"
    return Database(host, "postgresql", url, setup, client, "postgresql@*-main", lock)


def mariadb(host: Host) -> Database:
    """Debian's MariaDB, on loopback: 151 connections."""
    account = f"'{USER}'@'localhost'"
    setup = (
        f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4; CREATE USER {account} IDENTIFIED BY"
        f" '{PASSWORD}'; GRANT ALL ON {NAME}.* TO {account};"
    )
    url = f"{USER}:{PASSWORD}@tcp(127.0.0.1:3306)/{NAME}?parseTime=true"
    lock = "LOCK TABLES {0} WRITE, {1} WRITE; SELECT SLEEP(6); UNLOCK TABLES;"
    return Database(host, "mariadb-server", url, setup, "mariadb -N -B", "mariadb", lock)


KINDS = {"postgresql": postgresql, "mariadb": mariadb}
