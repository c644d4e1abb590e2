"""The ledger's tables, and how those of before become them."""

import zlib

SCHEMA = """
CREATE TABLE IF NOT EXISTS callbacks (
  id TEXT PRIMARY KEY, at REAL NOT NULL, gateway TEXT NOT NULL, account TEXT NOT NULL,
  number TEXT NOT NULL, gateway_number TEXT NOT NULL, money TEXT, currency TEXT NOT NULL,
  merchant TEXT NOT NULL, is_paid INTEGER NOT NULL, is_genuine INTEGER NOT NULL,
  is_test INTEGER NOT NULL, client TEXT NOT NULL, status INTEGER NOT NULL, answer BLOB,
  is_accepted INTEGER NOT NULL, seconds REAL NOT NULL, request_id TEXT NOT NULL, line BLOB);
CREATE INDEX IF NOT EXISTS callbacks_number ON callbacks (number);
CREATE INDEX IF NOT EXISTS callbacks_at ON callbacks (at);
CREATE INDEX IF NOT EXISTS callbacks_forged ON callbacks (at) WHERE is_genuine = 0;
CREATE INDEX IF NOT EXISTS callbacks_kept ON callbacks (number) WHERE line IS NOT NULL;
CREATE TABLE IF NOT EXISTS orders (
  number TEXT PRIMARY KEY, user INTEGER NOT NULL, account TEXT NOT NULL, money TEXT NOT NULL,
  currency TEXT NOT NULL, quota INTEGER NOT NULL, status TEXT NOT NULL, created REAL NOT NULL,
  gateway_number TEXT NOT NULL, since REAL NOT NULL,
  class TEXT NOT NULL DEFAULT '', class_since REAL NOT NULL DEFAULT 0,
  is_settled INTEGER NOT NULL DEFAULT 0,
  done_at REAL, done_credits INTEGER NOT NULL DEFAULT 0, may_send REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS orders_created ON orders (created);
CREATE INDEX IF NOT EXISTS orders_since ON orders (since);
CREATE INDEX IF NOT EXISTS orders_class ON orders (class) WHERE is_settled = 0;
CREATE INDEX IF NOT EXISTS orders_status ON orders (status);
CREATE INDEX IF NOT EXISTS orders_user ON orders (user, quota);
CREATE TABLE IF NOT EXISTS credits (
  id INTEGER PRIMARY KEY, user INTEGER NOT NULL, quota INTEGER NOT NULL, at REAL NOT NULL,
  number TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS credits_at ON credits (at);
CREATE TABLE IF NOT EXISTS corrections (
  id INTEGER PRIMARY KEY, user INTEGER NOT NULL, quota INTEGER NOT NULL, at REAL NOT NULL,
  number TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS corrections_number ON corrections (number);
CREATE TABLE IF NOT EXISTS replies (
  number TEXT PRIMARY KEY, at REAL NOT NULL, status TEXT NOT NULL, gateway_number TEXT NOT NULL,
  money TEXT, currency TEXT NOT NULL, merchant TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS replies_at ON replies (at);
CREATE TABLE IF NOT EXISTS questions (number TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS acts (
  id INTEGER PRIMARY KEY, number TEXT NOT NULL, callback TEXT NOT NULL, kind TEXT NOT NULL,
  started REAL NOT NULL, ended REAL, result TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS acts_number ON acts (number);
CREATE TABLE IF NOT EXISTS cases (
  number TEXT NOT NULL, class TEXT NOT NULL, opened REAL NOT NULL, closed REAL,
  notified INTEGER NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',
  remedy TEXT NOT NULL DEFAULT '', quota INTEGER NOT NULL DEFAULT 0,
  payment TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (number, class));
CREATE TABLE IF NOT EXISTS hours (
  hour INTEGER PRIMARY KEY, runs INTEGER NOT NULL, down INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
VERSION = 4
# Columns that came later: table, column, and what it is.
ADDED = (
    ("orders", "done_at", "REAL"),
    ("orders", "done_credits", "INTEGER NOT NULL DEFAULT 0"),
    ("orders", "may_send", "REAL NOT NULL DEFAULT 0"),
    ("credits", "number", "TEXT NOT NULL DEFAULT ''"),
    ("cases", "remedy", "TEXT NOT NULL DEFAULT ''"),
    ("cases", "quota", "INTEGER NOT NULL DEFAULT 0"),
    ("cases", "payment", "TEXT NOT NULL DEFAULT ''"),
)
# What had another name before version 3.
RENAMED = (
    ("words", "said", "ALTER TABLE words RENAME COLUMN said TO status"),
    ("words", "status", "ALTER TABLE words RENAME TO replies"),
    ("callbacks", "is_taken", "ALTER TABLE callbacks RENAME COLUMN is_taken TO is_accepted"),
    ("cases", "told", "ALTER TABLE cases RENAME COLUMN told TO notified"),
    ("cases", "class", "UPDATE cases SET class = 'invalid_signature' WHERE class = 'forged'"),
    ("notes", "name", "UPDATE notes SET name = 'orders_read' WHERE name = 'books_read'"),
    ("notes", "name", "UPDATE notes SET name = 'orders_begin' WHERE name = 'books_begin'"),
)
# WeChat Pay's rows had a currency before version 4, which no callback names.
MENDED = (
    "UPDATE callbacks SET currency = '' WHERE gateway = 'wxpay'",
    "UPDATE replies SET currency = '' WHERE number IN (SELECT orders.number FROM orders, notes,"
    " json_each(notes.value) AS kinds WHERE notes.name = 'accounts' AND kinds.value = 'wxpay'"
    " AND kinds.key = orders.account)",
)
# Changes with the tables: a run compares this number, not every table.
SCHEMA_ID = zlib.crc32(f"{VERSION}{SCHEMA}{ADDED}".encode()) & 0x7FFFFFFF
LATER = "CREATE INDEX IF NOT EXISTS credits_number ON credits (number)"
