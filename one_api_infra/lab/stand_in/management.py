"""Status, root, options, channels and tokens."""

import os
import secrets
import time
import uuid

from .connection import BAD_PARAMETERS, Connection
from .store import IS_DONE_HUB, OPTIONS, QUOTA_PER_UNIT, hashed, is_password, signed

NAME = "one-api-infra stand-in for One Hub"
VERSION = "v0.14.27-stand-in"
USER_FIELDS = ["id", "username", "role", "quota"]
BAD_LOGIN = "用户名或密码错误，或用户已被封禁"


class Management(Connection):
    """Everything but payments and relay."""

    def status(self) -> None:
        """GET /api/status"""
        options = self.store.options
        self.ok(
            {
                "version": VERSION,
                "start_time": self.started,
                "system_name": options["SystemName"],
                "server_address": options["ServerAddress"],
                "quota_per_unit": QUOTA_PER_UNIT,
                "email_verification": False,
                "top_up_link": "",
                "PaymentUSDRate": float(options["PaymentUSDRate"]),
                "PaymentMinAmount": int(options["PaymentMinAmount"]),
                "stand_in": NAME,
            }
            | ({"builtin_chat_enabled": True} if IS_DONE_HUB else {})
        )

    def login(self) -> None:
        """POST /api/user/login"""
        if not self.login_limit.allows(self.client()):
            self.reply(429, b"", "text/plain")
            return
        body = self.data()
        if not body or not body.get("username") or not body.get("password"):
            self.refuse(BAD_PARAMETERS)
            return
        found = self.store.rows("SELECT * FROM users WHERE username = ?", body["username"])
        if not found or not is_password(str(body["password"]), found[0]["password"]):
            self.refuse(BAD_LOGIN)
            return
        user = found[0]
        statement = "UPDATE users SET last_login_ip = ? WHERE id = ?"
        self.store.write(statement, self.client(), user["id"])
        cookie = f"session={self.session(str(user['id']))}; Path=/; Max-Age=2592000; HttpOnly"
        data = {"id": user["id"], "username": user["username"], "role": user["role"], "status": 1}
        secure = "; Secure" if os.environ.get("HTTPS") == "true" else ""
        self.ok(data, headers={"Set-Cookie": f"{cookie}; SameSite=Strict{secure}"})

    def myself(self) -> None:
        """GET /api/user/self"""
        fields = ("id", "username", "role", "quota", "access_token", "last_login_ip")
        self.ok({name: self.current[name] for name in fields})

    def users(self) -> None:
        """GET /api/user/"""
        query = "SELECT * FROM users WHERE username LIKE ?"
        self.page(query, USER_FIELDS, f"{self.query.get('keyword', '')}%")

    def add_user(self) -> None:
        """POST /api/user/"""
        body = self.data() or {}
        if not body.get("username") or not body.get("password"):
            self.refuse(BAD_PARAMETERS)
            return
        statement = "INSERT INTO users (username, password, role, access_token, quota)"
        values = (body["username"], hashed(body["password"]), 1, uuid.uuid4().hex, 0)
        self.store.write(f"{statement} VALUES (?, ?, ?, ?, ?)", *values)
        self.ok()

    def change_user(self) -> None:
        """PUT /api/user/: the password, if one is given."""
        body = self.data() or {}
        if body.get("password"):
            statement = "UPDATE users SET password = ? WHERE id = ?"
            self.store.write(statement, hashed(body["password"]), body["id"])
        self.ok()

    def change_password(self) -> None:
        """PUT /api/user/self"""
        password = str((self.data() or {}).get("password") or "")
        if not 8 <= len(password) <= 20:
            tag = "min" if len(password) < 8 else "max"
            error = f"Error:Field validation for 'Password' failed on the '{tag}' tag"
            self.refuse(f"输入不合法 Key: 'User.Password' {error}")
            return
        statement = "UPDATE users SET password = ? WHERE id = ?"
        self.store.write(statement, hashed(password), self.current["id"])
        self.ok()

    def new_token(self) -> None:
        """GET /api/user/token: a new one each time, the last one void."""
        token = uuid.uuid4().hex
        statement = "UPDATE users SET access_token = ? WHERE id = ?"
        self.store.write(statement, token, self.current["id"])
        self.ok(token)

    def change_quota(self, identity: str) -> None:
        """POST /api/user/quota/ID: by hand; the log's line holds the remark."""
        body = self.data() or {}
        quota = int(body.get("quota") or 0)
        if not quota:
            self.refuse("不能为0")
            return
        statement = "UPDATE users SET quota = quota + ? WHERE id = ?"
        self.store.write(statement, quota, int(identity))
        content = f"管理员增减用户额度 ＄{quota / QUOTA_PER_UNIT:.6f} 额度"
        if body.get("remark"):
            content += f", 备注: {body['remark']}"
        statement = "INSERT INTO logs (user_id, created_at, type, content, username, quota)"
        values = (int(identity), int(time.time()), 3, content, "root", quota)
        self.store.write(f"{statement} VALUES (?, ?, ?, ?, ?, ?)", *values)
        self.ok()

    def options(self) -> None:
        """GET /api/option/"""
        hidden = ("Token", "Secret")
        shown = {
            k: v for k, v in self.store.options.items() if k in OPTIONS and not k.endswith(hidden)
        }
        self.ok([{"key": key, "value": value} for key, value in shown.items()])

    def set_option(self) -> None:
        """PUT /api/option/: success for an unknown key too."""
        body = self.data()
        if not body or not isinstance(body.get("value"), str):
            self.refuse(BAD_PARAMETERS, 400)
            return
        statement = (
            "INSERT INTO options VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        )
        self.store.write(statement, body["key"], body["value"])
        self.store.options[body["key"]] = body["value"]
        self.ok()

    def add_channel(self) -> None:
        """POST /api/channel/"""
        body = self.data() or {}
        statement = (
            "INSERT INTO channels (name, type, key, base_url, models) VALUES (?, ?, ?, ?, ?)"
        )
        values = (body["name"], body["type"], body["key"], body["base_url"], body["models"])
        self.store.write(statement, *values)
        self.ok()

    def add_token(self) -> None:
        """POST /api/token/"""
        statement = "INSERT INTO tokens (user_id, name, key) VALUES (?, ?, ?)"
        name = (self.data() or {}).get("name", "")
        self.store.write(statement, self.current["id"], name, signed(secrets.token_hex(8)))
        self.ok()

    def tokens(self) -> None:
        """GET /api/token/"""
        query = "SELECT * FROM tokens WHERE name LIKE ?"
        self.page(query, ["id", "name", "key"], f"{self.query.get('keyword', '')}%")
