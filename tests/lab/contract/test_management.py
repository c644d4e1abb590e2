"""Root, token, options: what the deploys rely on."""

import requests

from one_api_infra.shared import editions
from tests.lab.contract.conftest import OneApi


def test_1_status(one_api: OneApi) -> None:
    data = one_api.call("GET", "/api/status").json()["data"]
    assert data["server_address"] == "http://localhost:3000"
    assert data["system_name"] in {"One Hub", "Done Hub"}
    assert editions.of_status(data) == one_api.edition
    assert {"version", "start_time", "quota_per_unit", "PaymentUSDRate"} <= set(data)
    assert one_api.call("HEAD", "/api/status").status_code == 404


def test_2_refusals(one_api: OneApi) -> None:
    missing = one_api.call("GET", "/api/option/")
    assert (missing.status_code, missing.json()["success"]) == (401, False)
    invalid = one_api.call("GET", "/api/option/", headers={"Authorization": "0" * 32})
    assert (invalid.status_code, invalid.json()["success"]) == (200, False)
    body = {"username": "root", "password": "wrong-password"}
    wrong = one_api.call("POST", "/api/user/login", body)
    assert (wrong.status_code, wrong.json()["success"]) == (200, False)
    assert one_api.call("POST", "/api/user/login", {}).json()["success"] is False
    unknown = one_api.call("GET", "/api/nosuch")
    assert (unknown.status_code, "Invalid URL" in unknown.text) == (404, True)
    page = one_api.call("GET", "/panel/log")
    assert (page.status_code, "<html" in page.text) == (200, True)
    assert one_api.call("GET", "/api/option").status_code == 301


def test_3_root_is_claimed(one_api: OneApi) -> None:
    one_api.login()
    for password in ("short", "x" * 21):
        body = {"username": "root", "display_name": "Root User", "password": password}
        assert one_api.call("PUT", "/api/user/self", body).json()["success"] is False
    body = {"username": "root", "display_name": "Root User", "password": "a-new-password"}
    assert one_api.call("PUT", "/api/user/self", body).json()["success"] is True
    old = one_api.call("POST", "/api/user/login", {"username": "root", "password": "123456"})
    assert old.json()["success"] is False
    one_api.login("a-new-password")


def test_4_each_token_voids_the_last(one_api: OneApi) -> None:
    first = one_api.call("GET", "/api/user/token").json()["data"]
    second = one_api.call("GET", "/api/user/token").json()["data"]
    assert (len(first), first != second) == (32, True)
    one_api.session.cookies.clear()
    old = one_api.call("GET", "/api/option/", headers={"Authorization": first})
    assert old.json()["success"] is False
    one_api.session.headers["Authorization"] = second
    assert one_api.call("GET", "/api/option/").json()["success"] is True
    bearer = one_api.call("GET", "/api/option/", headers={"Authorization": f"Bearer {second}"})
    assert bearer.json()["success"] is True


def test_5_options(one_api: OneApi) -> None:
    address = {"key": "ServerAddress", "value": "https://site.test"}
    assert one_api.call("PUT", "/api/option/", address).json()["success"] is True
    stored = one_api.call("GET", "/api/option/").json()["data"]
    assert {row["key"]: row["value"] for row in stored}["ServerAddress"] == "https://site.test"
    assert one_api.call("GET", "/api/status").json()["data"]["server_address"] == (
        "https://site.test"
    )
    assert one_api.rows("SELECT value FROM options WHERE key = 'ServerAddress'") == [
        ["https://site.test"]
    ]
    unknown = {"key": "NoSuchKey", "value": "x"}
    assert one_api.call("PUT", "/api/option/", unknown).json()["success"] is True
    wrong = one_api.call("PUT", "/api/option/", {"key": "ServerAddress", "value": True})
    assert wrong.status_code == 400


def test_51_a_user_is_made_and_orders(one_api: OneApi) -> None:
    made = {"username": "payment-test", "display_name": "x", "password": "0123456789abcdefghij"}
    assert one_api.call("POST", "/api/user/", made).json()["success"] is True
    assert one_api.call("POST", "/api/user/", {"username": "x"}).json()["success"] is False
    found = one_api.call("GET", "/api/user/?keyword=payment-test&page=1&size=100").json()["data"]
    (row,) = found["data"]
    assert (row["username"], row["role"], row.get("password", "")) == ("payment-test", 1, "")
    changed = {**row, "password": "another-password"}
    assert one_api.call("PUT", "/api/user/", changed).json()["success"] is True
    root = one_api.session
    one_api.session = requests.Session()
    try:
        old = one_api.call("POST", "/api/user/login", made).json()
        new = {"username": "payment-test", "password": "another-password"}
        entered = one_api.call("POST", "/api/user/login", new).json()
        assert (old["success"], entered["success"]) == (False, True)
        assert one_api.call("GET", "/api/user/self").json()["data"]["username"] == "payment-test"
        assert one_api.call("GET", "/api/user/token").json()["success"] is True
    finally:
        one_api.session = root


def test_6_a_restart_keeps_all(one_api: OneApi) -> None:
    one_api.stop()
    one_api.start()
    data = one_api.call("GET", "/api/status").json()["data"]
    assert data["server_address"] == "https://site.test"
    assert one_api.call("GET", "/api/option/").json()["success"] is True


def test_7_compression_is_negotiated(one_api: OneApi) -> None:
    plain = one_api.call("GET", "/api/status", headers={"Accept-Encoding": "identity"})
    small = one_api.call("GET", "/api/status", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert plain.headers["X-Oneapi-Request-Id"]


def test_8_version_and_missing_secret(one_api: OneApi) -> None:
    host = one_api.site.host
    said = host.ssh("cd /tmp && /var/lib/contract/one-api --version")
    assert said.strip().startswith(("v0.14.27", one_api.edition.version))
    said = host.ssh(
        "cd /tmp && env -i PORT=3199 SQLITE_PATH=/tmp/x.db DISABLE_TOKEN_ENCODERS=true"
        " timeout 10 /var/lib/contract/one-api --log-dir /tmp/logs 2>&1; echo code $?"
    )
    assert "token_secret or hashids_salt is not set" in said
    assert "code 1" in said


def test_9_rate_limit_answers_429_with_nothing(one_api: OneApi) -> None:
    one_api.stop()
    one_api.start(GLOBAL_API_RATE_LIMIT="12")
    theirs = {"X-Real-IP": "192.0.2.7"}
    answers = [one_api.call("GET", "/api/status", headers=theirs) for _index in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.content for answer in refused} == {b""}
    notify = one_api.call("GET", "/api/payment/notify/any", headers=theirs)
    assert notify.status_code == 429
    own = [one_api.call("GET", "/api/status").status_code for _index in range(30)]
    assert (429 in own) == (one_api.edition.name == "one-hub")  # Done Hub lets loopback pass
