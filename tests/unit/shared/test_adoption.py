"""What a One API that somebody has set up is read as, and when it is not adopted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared import adoption

SECRET = "s3cret-of-theirs"
TOLD: dict[str, Any] = {
    "process": 42,
    "user": "1000",
    "program": "/opt/ai/one-api",
    "words": ["./one-api", "--port", "3000"],
    "cwd": "/opt/ai",
    "variables": {"USER_TOKEN_SECRET": SECRET, "PATH": "/bin"},
    "files": {".env": "", "config.yaml": ""},
    "cgroup": "0::/user.slice/user-0.slice/session-3.scope\n",
    "port": 3000,
    "status": {"version": "v0.14.27", "PaymentUSDRate": 7, "server_address": ""},
    "sqlite": "/opt/ai/one-api.db",
    "sqlite_inside": "/opt/ai/one-api.db",
    "nginx": {},
}
CONTAINER = "0::/system.slice/docker-" + "ab" * 32 + ".scope\n"


def refusals(told: dict[str, Any], database: str = "", edition: str = "one-hub") -> list[str]:
    found = adoption.read(TOLD | told)
    return adoption.refusals(found, edition, "v0.14.27", database, "ai.example.com")


@pytest.mark.parametrize(
    ("cgroup", "stop", "is_by_hand"),
    [
        ("0::/user.slice/user-0.slice/session-3.scope\n", "kill 42", True),
        ("0::/system.slice/ssh.service\n", "kill 42", True),
        ("0::/system.slice/my-ai.service\n", "systemctl disable --now my-ai.service", False),
        ("12:pids:/docker/" + "ab" * 32 + "\n", "docker stop --time 60 abababababab", False),
        (CONTAINER, "docker stop --time 60 abababababab", False),
    ],
)
def test_how_it_runs(cgroup: str, stop: str, is_by_hand: bool) -> None:
    found = adoption.read(TOLD | {"cgroup": cgroup})
    assert stop in found.stop
    assert (found.started is not None) == is_by_hand
    assert bool(found.start) != is_by_hand


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", f"USER_TOKEN_SECRET='{SECRET}'\n"),
        (".env", f'export USER_TOKEN_SECRET="{SECRET}" # ours\n'),
        ("config.yaml", f"port: 3000\nuser_token_secret: {SECRET}  # ours\n"),
        ("config.yaml", f'user_token_secret: "{SECRET}"\n'),
    ],
)
def test_secrets_in_files_are_read_and_the_environment_is_over_them(file: str, text: str) -> None:
    found = adoption.read(TOLD | {"variables": {}, "files": {file: text}})
    assert found.secrets == {"USER_TOKEN_SECRET": SECRET}
    over = adoption.read(TOLD | {"variables": {"USER_TOKEN_SECRET": "x"}, "files": {file: text}})
    assert over.secrets == {"USER_TOKEN_SECRET": "x"}


def test_what_fits_is_adopted() -> None:
    assert refusals({}) == []
    dsn = {"USER_TOKEN_SECRET": SECRET, "SQL_DSN": "one:pw@tcp(db.example.com:3306)/ai?charset=x"}
    assert refusals({"variables": dsn}, "one:pw@tcp(db.example.com:3306)/ai") == []
    compose = {"variables": {"SQL_DSN": "root:pw@tcp(mysql:3306)/ai"}}
    assert refusals(compose, "root:pw@tcp(127.0.0.1:3306)/ai") == []
    odd = {"variables": {"SQL_DSN": "one:p%s:w@rd/1@tcp(mysql:3306)/ai?parseTime=true"}}
    assert refusals(odd, "one:p%s:w@rd/1@tcp(127.0.0.1:3306)/ai") == []
    nginx = {"/etc/nginx/conf.d/a.conf": "server { server_name www.x.com ai.example.com; }"}
    assert refusals({"nginx": nginx}) == []
    nginx = {"/etc/nginx/conf.d/a.conf": "server {\n  server_name www.x.com ai.example.com;\n}"}
    assert refusals({"nginx": nginx}) == []


@pytest.mark.parametrize(
    ("told", "database", "edition", "words"),
    [
        ({"status": {}}, "", "one-hub", "3000"),
        ({"status": {"version": "v0.6.10"}}, "", "one-hub", '"one-api"'),
        ({}, "", "new-api", '"one-hub"'),
        ({"status": {"version": "v0.15.0", "PaymentUSDRate": 7}}, "", "one-hub", "v0.15.0"),
        ({"variables": {"SQL_DSN": "a:b@tcp(h:1)/x"}}, "", "one-hub", "database_url"),
        ({"variables": {"SQL_DSN": "a:b@tcp(h:1)/x"}}, "a:b@tcp(h:1)/y", "one-hub", "SQL_DSN"),
        ({}, "postgres://a:b@h/x", "one-hub", "database_url"),
        ({"sqlite": "", "cgroup": CONTAINER}, "", "one-hub", "-v "),
        ({"nginx": {"x": "\nserver_name shop.org;"}}, "", "one-hub", "shop.org"),
    ],
)
def test_what_does_not_fit_is_refused(
    told: dict[str, Any], database: str, edition: str, words: str
) -> None:
    (found,) = refusals(told, database, edition)
    assert words in found


@given(value=st.text(min_size=6))
def test_no_secret_is_shown(value: str) -> None:
    secret = f"canary-{value}"
    given_ = {"USER_TOKEN_SECRET": secret, "SQL_DSN": f"u:{secret}@tcp(h:3306)/d"}
    found = adoption.read(TOLD | {"variables": given_})
    assert "canary-" not in "\n".join(adoption.told(found))
    wanted = ("new-api", "v0.1", "u:p@tcp(h:3306)/e", "ai.example.com")
    assert "canary-" not in "\n".join(adoption.refusals(found, *wanted))
