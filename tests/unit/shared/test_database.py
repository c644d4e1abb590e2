"""Where ``database_url`` leads, in One API's own forms; how many connections one host opens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared import database
from one_api_infra.shared.database import MYSQL, POSTGRESQL

FORMS = [
    ("postgres://u:p%40ss@db.example.com/one", (POSTGRESQL, "u", "p@ss", "one")),
    ("postgresql://u:p@[2001:db8::1]:5433/one?sslmode=disable", (POSTGRESQL, "u", "p", "one")),
    ("u:p@tcp(db.example.com:3307)/one?parseTime=true", (MYSQL, "u", "p", "one")),
    ("u:p@ss:w/rd@tcp(127.0.0.1)/one", (MYSQL, "u", "p@ss:w/rd", "one")),
    ("u@unix(/run/mysqld/mysqld.sock)/one", (MYSQL, "u", "", "one")),
    ("postgres://u:p@/one?host=/run/postgresql", (POSTGRESQL, "u", "p", "one")),
]


@pytest.mark.parametrize(("url", "known"), FORMS)
def test_user_password_and_name(url: str, known: tuple[str, ...]) -> None:
    found = database.parse(url)
    assert (found.kind, found.user, found.password.reveal(), found.name) == known


@pytest.mark.parametrize(
    ("url", "where"),
    [
        (FORMS[0][0], ("db.example.com", 5432, "")),
        (FORMS[1][0], ("2001:db8::1", 5433, "")),
        (FORMS[2][0], ("db.example.com", 3307, "")),
        (FORMS[3][0], ("127.0.0.1", 3306, "")),
        (FORMS[4][0], ("", 0, "/run/mysqld/mysqld.sock")),
        (FORMS[5][0], ("", 0, "/run/postgresql/.s.PGSQL.5432")),
    ],
)
def test_where_it_is(url: str, where: tuple[str, int, str]) -> None:
    found = database.parse(url)
    assert (found.host, found.port, found.socket) == where


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("postgres://u:p@h/d", "preferred"),
        ("postgres://u:p@h/d?sslmode=disable", "off"),
        ("postgres://u:p@h/d?sslmode=require", "unverified"),
        ("postgres://u:p@h/d?sslmode=verify-full", "verified"),
        ("u:p@tcp(h)/d", "off"),
        ("u:p@tcp(h)/d?tls=true", "verified"),
        ("u:p@tcp(h)/d?tls=skip-verify", "unverified"),
    ],
)
def test_how_it_is_encrypted(url: str, tls: str) -> None:
    assert database.parse(url).tls == tls


@pytest.mark.parametrize("url", ["", "one-api.db", "mysql://u:p@h/d", "u:p@h/d", "tcp(h)/d"])
def test_other_forms_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        database.parse(url)


@given(st.text(max_size=60))
def test_hostile_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        found = database.parse(text)
    except ValueError:
        return
    assert found.host or found.socket


def test_password_is_never_shown() -> None:
    assert "hunter2" not in repr(database.parse("u:hunter2@tcp(h)/d"))


@given(st.integers(20, 1000), st.integers(0, 10), st.integers(1, 5))
def test_all_hosts_together_stay_below_the_limit(limit: int, reserved: int, clients: int) -> None:
    each = database.allowed(limit, reserved, clients)
    assert each >= 1
    assert each * clients <= limit - reserved or each == 1


@pytest.mark.parametrize(("limit", "reserved"), [(100, 3), (151, 1)], ids=["PostgreSQL", "MariaDB"])
def test_the_default_fits_what_debian_ships(limit: int, reserved: int) -> None:
    assert int(database.pool(50)["SQL_MAX_OPEN_CONNS"]) <= database.allowed(limit, reserved, 1)
