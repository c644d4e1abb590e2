"""A site on PostgreSQL or MariaDB: a second run changes nothing, and its checks see the server."""

from collections.abc import Callable

import pytest

from tests.lab import databases, ledgers
from tests.lab.sites import LabSite

# The stand-in keeps SQLite; of One API's tables the checks read this one.
OPTIONS = {
    "postgresql": 'CREATE TABLE options ("key" text, value text); GRANT ALL ON options TO oneapi',
    "mariadb": "CREATE TABLE options (`key` varchar(64), value text)",
}


@pytest.mark.long
@pytest.mark.parametrize("kind", databases.KINDS)
def test_second_run_changes_nothing(packaged: Callable[[str], LabSite], kind: str) -> None:
    _converges(packaged("debian-13"), kind)


@pytest.mark.long
@pytest.mark.parametrize("kind", databases.KINDS)
def test_of_a_blank_server(blank: Callable[[str], LabSite], kind: str) -> None:
    """One API asks it before the checks' drivers are there."""
    _converges(blank("debian-13"), kind)


def _converges(site: LabSite, kind: str) -> None:
    site.use(databases.KINDS[kind](site.host))
    site.converge()
    assert site.store
    site.store.write(OPTIONS[kind])
    ledgers.run(site)  # with what the agent leaves on the server
    second = site.deploy("-y", "--json")
    assert second.code == 0, second.stderr
    assert second.changed == []
    verified = site.verify("-k", "database")
    assert verified.returncode == 0, verified.stdout
