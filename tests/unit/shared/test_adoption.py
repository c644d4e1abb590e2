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
    given = told.get("variables", {})
    secret = {"USER_TOKEN_SECRET": SECRET} if given != {"NONE": ""} else {}
    found = adoption.read(TOLD | told | {"variables": given | secret})
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
    for name in (
        "_",
        "localhost",
        "203.0.113.7",
        "AI.example.com",
        "*.example.com",
        ".example.com",
    ):
        nginx = {"/etc/nginx/conf.d/a.conf": f"server {{ server_name {name}; }}"}
        assert refusals({"nginx": nginx}) == [], name
    local = {"variables": {"USER_TOKEN_SECRET": SECRET, "SQL_DSN": "local"}}
    assert refusals(local) == []


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
    assert "canary-" not in "\n".join(adoption.told(found, "ai.example.com"))
    wanted = ("new-api", "v0.1", "u:p@tcp(h:3306)/e", "ai.example.com")
    assert "canary-" not in "\n".join(adoption.refusals(found, *wanted))


def test_a_line_without_a_value_takes_none_of_the_next() -> None:
    text = f"REDIS_CONN_STRING=\nUSER_TOKEN_SECRET={SECRET}\nSQL_DSN=\nSESSION_SECRET=s\n"
    found = adoption.read(TOLD | {"variables": {}, "files": {".env": text}})
    assert (found.redis, found.database) == ("", "")
    assert found.secrets == {"USER_TOKEN_SECRET": SECRET, "SESSION_SECRET": "s"}
    yaml = f"logs:\n  session_secret: no\nuser_token_secret: {SECRET}\n"
    found = adoption.read(TOLD | {"variables": {}, "files": {"/data/config.yaml": yaml}})
    assert found.secrets == {"USER_TOKEN_SECRET": SECRET}


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1))
def test_a_quoted_value_is_whole(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    text = f'USER_TOKEN_SECRET="{escaped}" # ours\n'
    found = adoption.read(TOLD | {"variables": {}, "files": {".env": text}})
    assert found.secrets == {"USER_TOKEN_SECRET": value}


@pytest.mark.parametrize(("told", "words"), [
    ({"variables": {"NONE": ""}}, "USER_TOKEN_SECRET"),
    ({"cgroup": "0::/system.slice/supervisor.service\n"}, "supervisor.service"),
    ({"cgroup": "0::/system.slice/pm2-root.service\n"}, "pm2-root.service"),
    ({"cgroup": "0::/system.slice/cron.service\n"}, "cron.service"),
    ({"variables": {"USER_TOKEN_SECRET": SECRET, "LOG_SQL_DSN": "x"}}, "LOG_SQL_DSN"),
])  # fmt: skip
def test_what_would_be_lost_is_refused(told: dict[str, Any], words: str) -> None:
    (refused,) = refusals(told)
    assert words in refused
    found = adoption.read(TOLD | told)
    given = {"LOG_SQL_DSN": ""}
    left = adoption.refusals(found, "one-hub", "v0.14.27", "", "ai.example.com", given)
    assert bool(left) is (words != "LOG_SQL_DSN")


def test_what_is_not_taken_over_is_named() -> None:
    more = {"HTTPS_PROXY": "http://127.0.0.1:7890", "PATH": "/bin", "LC_ALL": "C", "EMPTY": ""}
    nginx = {"/a": "server { server_name ai.example.com www.example.com; }"}
    found = adoption.read(TOLD | {"variables": TOLD["variables"] | more, "nginx": nginx})
    lines = "\n".join(adoption.told(found, "ai.example.com"))
    assert "not taken over: HTTPS_PROXY;" in lines
    assert "no longer served: www.example.com;" in lines


def test_what_would_be_in_the_way_is_named() -> None:
    files = {
        "/etc/nginx/conf.d/a.conf": "server { server_name AI.example.com; return 301 x; }",
        "/etc/nginx/conf.d/b.conf": "server { server_name other.example.com; }",
    }
    told = adoption.in_the_way([3001], files, ("ai.example.com",))
    assert [words.split(" ")[0] for words in told] == ["port", "/etc/nginx/conf.d/a.conf"]
    assert adoption.in_the_way([], {}, ("ai.example.com",)) == []
