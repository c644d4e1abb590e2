"""One API's management API, as far as a site needs it: on loopback, for all editions.

A refusal is HTTP 200 with ``success: false`` as often as a 4xx, and ``success: true`` proves
nothing: a failed write to the database is answered with it too. Read back what you wrote.

By the standard library's client: the agent asks at each look, and importing requests would be
a quarter of the server's work for it.
"""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.request import HTTPCookieProcessor, HTTPHandler, OpenerDirector, Request

from one_api_infra.shared.editions.edition import Edition
from one_api_infra.shared.texts import _

ROOT, ROOT_ID = "root", 1  # the first user
EDITED = ("id", "username", "display_name", "group", "remark")  # by New API's PUT /api/user/
CANARY = "one-api-infra"  # the name of our own key
DEFAULT_PASSWORD = "123456"  # noqa: S105  # One API's own first password, to be replaced
TIMEOUT = 15
PAGE = 100  # the most that one-hub gives


class ApiError(Exception):
    """One API refused, or did not answer."""


def entered(data: Mapping[str, Any]) -> tuple[int, str]:
    """The user's id in a login's answer, and the bearer token; empty where a cookie came instead.

    New API since 2026-07-20 has the user in a part of its own (controller/user.go). ApiError where
    a second factor is asked for.
    """
    user = data.get("user") or data
    if "id" not in user:
        raise ApiError(
            _(
                "One API asks for a second factor after the password, which nobody here has.\n"
                "Remedy: turn it off on that user's page, run again, and turn it on again."
            )
        )
    return int(user["id"]), str(data.get("access_token") or "")


class Api:
    """One API at ``base`` (``http://127.0.0.1:3000``); calls raise ApiError."""

    def __init__(
        self, edition: Edition, base: str, token: str | None = None, user: int = ROOT_ID
    ) -> None:
        self.edition = edition
        self.base = base
        self.user = user
        self.timeout: float = TIMEOUT
        self.headers = {"Content-Type": "application/json"}
        self.opener = OpenerDirector()  # a bare one: no proxy of the environment, no redirects
        self.opener.add_handler(HTTPHandler())
        if token:
            self._authorize(token)
        else:
            from http.cookiejar import CookieJar, DefaultCookiePolicy  # noqa: PLC0415  # rarely needed

            # What a login answers. On loopback the cookie comes and goes without TLS.
            policy = DefaultCookiePolicy(secure_protocols=("http", "https"))
            self.opener.add_handler(HTTPCookieProcessor(CookieJar(policy)))

    def status(self) -> dict[str, Any]:
        """``/api/status``: version, start time, and the ServerAddress that this node uses."""
        return dict(self._call("GET", "/api/status"))

    def login(self, password: str, username: str = ROOT) -> bool:
        """Log in and keep the session; 20 failures in 20 minutes lock everybody out."""
        body = {"username": username, "password": password}
        answer = self.request("POST", "/api/user/login", body)
        if not answer.get("success"):
            return False
        self.user, bearer = entered(answer.get("data") or {})
        if bearer:
            self.headers["Authorization"] = f"Bearer {bearer}"
        elif self.edition.user_header:
            self.headers[self.edition.user_header] = str(self.user)
        return True

    def is_set_up(self) -> bool:
        """Whether somebody has taken the open set-up page already (new-api)."""
        return bool(self._call("GET", "/api/setup")["status"])

    def set_up(self, password: str) -> None:
        """Become root through the open set-up page (new-api)."""
        body = {"username": ROOT, "password": password, "confirmPassword": password}
        self._call("POST", "/api/setup", body | {"SelfUseModeEnabled": False})

    def set_password(self, password: str) -> None:
        """Change root's password, whatever the old one is.

        New API asks a user for the old one, and root for none (controller/user.go): as root it
        edits itself, and every field that is not sent would be emptied.
        """
        known = self._call("GET", "/api/user/self")
        if self.edition.root == "setup":
            row = {name: known.get(name, "") for name in EDITED}
            self._call("PUT", "/api/user/", row | {"password": password})
            return
        names = {name: known.get(name) or ROOT for name in ("username", "display_name")}
        self._call("PUT", "/api/user/self", names | {"password": password})

    def new_token(self) -> str:
        """A new management token. Each call makes the one before it invalid."""
        token = str(self._call("GET", "/api/user/token"))
        self._authorize(token)
        return token

    def options(self) -> dict[str, str]:
        """All options but the secret ones, which One API does not tell."""
        return {row["key"]: row["value"] for row in self._call("GET", "/api/option/")}

    def set_option(self, key: str, value: str) -> None:
        """Set one option."""
        self._call("PUT", "/api/option/", {"key": key, "value": value})

    def payments(self) -> list[dict[str, Any]]:
        """All payment rows (one-hub)."""
        rows: list[dict[str, Any]] = []
        page = 1
        while True:
            data = self._call("GET", f"/api/payment/?page={page}&size={PAGE}")
            rows += data["data"] or []
            if len(rows) >= data["total_count"] or not data["data"]:
                return rows
            page += 1

    def canary(self) -> str | None:
        """The key of our own in One API's database, as it was made there; None if there is none."""
        path = f"/api/token/?page=1&size={PAGE}&keyword={CANARY}"
        rows = self._call("GET", path)["data"] or []
        return next((str(row["key"]) for row in rows if row["name"] == CANARY), None)

    def add_canary(self) -> None:
        """Make that key: good for a list of models, and for less than any request costs."""
        body = {"name": CANARY, "remain_quota": 1, "unlimited_quota": False, "expired_time": -1}
        self._call("POST", "/api/token/", body)

    def opens(self, key: str) -> bool:
        """Whether a key is let in: it gets a list of models."""
        stranger = Api(self.edition, self.base)
        stranger.headers["Authorization"] = f"Bearer sk-{key}"
        return "data" in stranger.request("GET", "/v1/models")

    def set_notify_domain(self, identity: int, origin: str) -> None:
        """Set a payment row's notify domain. Without ``uuid`` no other column is touched."""
        self._call("PUT", "/api/payment/", {"id": identity, "notify_domain": origin})

    def _authorize(self, token: str) -> None:
        self.headers["Authorization"] = token
        if self.edition.user_header:
            self.headers[self.edition.user_header] = str(self.user)

    def get(self, path: str) -> Any:
        """What an answer holds; ApiError for a refusal."""
        return self._call("GET", path)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self.request(method, path, body)
        if not answer.get("success"):
            reason = answer.get("message") or answer
            raise ApiError(_("One API refused {path}: {reason}", path=path, reason=reason))
        return answer.get("data")

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One call; its answer as it came, refusals too. ApiError if there is none."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.base + path, data, self.headers, method=method)  # noqa: S310  # loopback
        try:
            with self.opener.open(request, timeout=self.timeout) as reply:
                status, text = reply.status, reply.read()
        except (OSError, HTTPException) as error:
            raise ApiError(
                _("One API does not answer at {url}: {reason}", url=self.base, reason=_words(error))
            ) from None
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        return answer if isinstance(answer, dict) else {"message": f"HTTP {status}"}


def _words(error: Exception) -> str:
    """The system's own words for an error: ``Connection refused``, ``timed out``."""
    cause = getattr(error, "reason", error)
    return str(getattr(cause, "strerror", None) or cause) or type(cause).__name__
