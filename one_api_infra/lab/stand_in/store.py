"""The database, as One Hub's rows; passwords; epay's signature."""

import hashlib
import hmac
import os
import secrets
import sqlite3
import threading
import uuid
from typing import Any

QUOTA_PER_UNIT = 500000
IS_DONE_HUB = "RELAY_ONLY" in os.environ
RATE = 7.3
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT UNIQUE,
  password TEXT, role INTEGER, access_token TEXT, quota INTEGER, last_login_ip TEXT);
CREATE TABLE IF NOT EXISTS options (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS payments (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT,
  uuid TEXT UNIQUE, name TEXT, icon TEXT, notify_domain TEXT, fixed_fee REAL, percent_fee REAL,
  currency TEXT, config TEXT, sort INTEGER, enable INTEGER, created_at INTEGER,
  updated_at INTEGER, deleted_at TEXT);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER,
  gateway_id INTEGER, trade_no TEXT UNIQUE, gateway_no TEXT, amount INTEGER, order_amount REAL,
  order_currency TEXT, quota INTEGER, fee REAL, discount REAL, status TEXT, created_at INTEGER,
  updated_at INTEGER, deleted_at TEXT);
CREATE TABLE IF NOT EXISTS logs (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER,
  created_at INTEGER, type INTEGER, content TEXT, username TEXT, quota INTEGER, source_ip TEXT);
CREATE TABLE IF NOT EXISTS channels (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, type INTEGER,
  key TEXT, base_url TEXT, models TEXT);
CREATE TABLE IF NOT EXISTS tokens (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, name TEXT,
  key TEXT);
"""
OPTIONS = {
    "ServerAddress": "http://localhost:3000",
    "SystemName": "One Hub",
    "PaymentUSDRate": str(RATE),
    "PaymentMinAmount": "1",
    "QuotaPerUnit": str(QUOTA_PER_UNIT),
} | ({"PaymentCallbackAddress": ""} if IS_DONE_HUB else {})


class Store:
    """The database, as One Hub's rows."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.local = threading.local()
        with self.db as db:
            db.executescript(SCHEMA)
            if not db.execute("SELECT 1 FROM users").fetchone():
                values = ("root", hashed("123456"), 100, uuid.uuid4().hex, 100000000)
                statement = "INSERT INTO users (username, password, role, access_token, quota)"
                db.execute(f"{statement} VALUES (?, ?, ?, ?, ?)", values)
        stored = self.rows("SELECT key, value FROM options")
        self.options = OPTIONS | {row["key"]: row["value"] for row in stored}

    @property
    def db(self) -> sqlite3.Connection:
        """A connection for each thread."""
        if not hasattr(self.local, "db"):
            self.local.db = sqlite3.connect(self.path, timeout=3)
            self.local.db.row_factory = sqlite3.Row
        connection: sqlite3.Connection = self.local.db
        return connection

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a query."""
        return self.db.execute(query, values).fetchall()

    def write(self, statement: str, *values: Any) -> int:
        """One statement, committed by itself; the id of an inserted row."""
        with self.db as db:
            return db.execute(statement, values).lastrowid or 0


def hashed(password: str) -> str:
    """A salted hash."""
    salt = secrets.token_hex(8)
    return salt + hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


def is_password(password: str, stored: str) -> bool:
    """Whether a password has that hash."""
    salt, wanted = stored[:16], stored[16:]
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()
    return hmac.compare_digest(found, wanted)


def signed(name: str) -> str:
    """A customer's key: with other secrets it opens nothing, as One Hub's."""
    secret = os.environ.get("USER_TOKEN_SECRET", "").encode()
    return name + hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()[:32]


def sign(parameters: dict[str, str], key: str) -> str:
    """epay V1's signature: MD5 over the sorted non-empty parameters and the key."""
    used = sorted((k, v) for k, v in parameters.items() if v and k not in {"sign", "sign_type"})
    text = "&".join(f"{k}={v}" for k, v in used) + key
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
