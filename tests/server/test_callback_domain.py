"""One domain, everywhere: in One API's answers, in its database, on the callback routes."""

import json

import pytest
from testinfra.host import Host

from one_api_infra.desired.site import Site
from one_api_infra.remote.probe_client import Answer
from tests.server.wire import PLAIN, Wire, callbacks

DATABASE = "/var/lib/one-api/one-api.db"
QUERY = (
    "import json, sqlite3, sys; db = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True);"
    "print(json.dumps(db.execute(sys.argv[2]).fetchall()))"
)


ELSEWHERE = {301, 302, 307, 308, 429, 502, 503, 504}  # WeChat Pay's refusal is a 400


def rows(host: Host, query: str) -> list[list[str]]:
    """Rows of One API's database, read by another route than its API; as its user, not as root."""
    answer = host.check_output("runuser -u one-api -- python3 -c %s %s %s", QUERY, DATABASE, query)
    return list(json.loads(answer))


@pytest.fixture(scope="module")
def sqlite(site: Site) -> None:
    """Skips where the database is not a file."""
    if site.database_url:
        pytest.skip("the database is not SQLite")


@pytest.fixture(params=["https", "http"])
def scheme(request: pytest.FixtureRequest) -> str:
    """Both, but where nobody needs port 80: it may be closed before the server."""
    if request.param == "http":
        request.getfixturevalue("needs_port_80")
    return str(request.param)


@pytest.fixture(scope="module")
def payments(host: Host, site: Site, sqlite: None) -> list[list[str]]:
    """The payment rows: uuid and notify domain."""
    if not site.edition.payment_rows:
        pytest.skip(f"{site.edition.title} has no payment rows")
    return rows(host, "SELECT uuid, notify_domain FROM payments WHERE deleted_at IS NULL")


def test_status_names_the_domain(outside: Wire, site: Site) -> None:
    assert json.loads(outside.get("/api/status").body)["data"]["server_address"] == site.origin


def test_database_holds_the_domain(host: Host, site: Site, sqlite: None) -> None:
    edition = site.edition
    wanted = dict.fromkeys(edition.address_options, site.origin)
    wanted |= dict.fromkeys(edition.callback_options, site.callback_origin)
    stored = {row[0]: row[1] for row in rows(host, "SELECT key, value FROM options")}
    assert {key: stored.get(key) for key in wanted} == wanted


def test_payment_rows_hold_the_domain(site: Site, payments: list[list[str]]) -> None:
    assert [origin for _uuid, origin in payments if origin != site.callback_origin] == []


def test_site_file_holds_the_domain(host: Host, site: Site) -> None:
    stored = json.loads(host.check_output("cat /etc/one-api-infra/site.json"))
    assert (stored["domain"], stored["callback_domain"]) == site.domains[:1] + site.domains[-1:]


def test_callback_routes_answer_as_one_api_does(outside: Wire, site: Site, scheme: str) -> None:
    answers = {
        (method, path): outside.request(method, scheme, path, PLAIN)
        for method, path in callbacks(site)
    }
    assert {asked: each for asked, each in answers.items() if not _is_one_api(each)} == {}


def test_refusal_arrives_as_plain_bytes(
    outside: Wire, site: Site, payments: list[list[str]], scheme: str
) -> None:
    if not payments:
        pytest.skip("there is no payment row yet")
    for uuid, _origin in payments:
        path = f"/api/payment/notify/{uuid}"
        answer = outside.request("GET", scheme, path, PLAIN)
        assert answer.status not in ELSEWHERE
        assert "content-encoding" not in answer.headers


def _is_one_api(answer: Answer) -> bool:
    """No redirect, no web page, no compression, and One API's own mark on it."""
    return (
        answer.status not in ELSEWHERE
        and b"<html" not in answer.body.lower()
        and "content-encoding" not in answer.headers
        and "x-oneapi-request-id" in answer.headers
    )
