"""One API's process has in its environment what the inventory says, whatever the text."""

import base64
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from one_api_infra.shared import environment_file
from tests.lab.conftest import SYSTEMS
from tests.lab.sites import LabSite

NASTY = (
    "",
    " blanks around ",
    "back\\slash",
    "ends in a backslash\\",
    "\"both\" 'quotes'",
    "'",
    '"',
    "$HOME `id` $(id) %n %%",
    "# no comment",
    "; neither",
    "two\nlines\n",
    "\r",
    "a\rPORT=1",
    "a\nPORT=1",
    "tab\tand bell\a",
    "中文，全角",
    "\ufeff",
    "x" * environment_file.MOST,
)
SHOW = "systemd-run -q --pipe --wait -p EnvironmentFile=/root/environment base64 /proc/self/environ"


def parse(printed: str) -> dict[str, str]:
    """The variables of a process, from its environ in base64."""
    entries = base64.b64decode(printed).decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


@pytest.mark.parametrize("system", SYSTEMS)
def test_systemd_reads_what_was_written(blank: Callable[[str], LabSite], system: str) -> None:
    site = blank(system)

    @given(st.lists(st.text(max_size=60).filter(environment_file.is_value), max_size=50))
    @example(list(NASTY))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def check(values: Sequence[str]) -> None:
        wanted = {f"X_{number}": value for number, value in enumerate(values)}
        site.host.ssh("cat >/root/environment", stdin=environment_file.text(wanted.items()))
        found = parse(site.host.ssh(SHOW))
        assert {name: found.get(name) for name in wanted} == wanted

    check()


def test_one_api_has_what_the_inventory_says(site: LabSite) -> None:
    wanted = {f"X_{number}": value for number, value in enumerate(NASTY)}
    site.inventory(environment=wanted)
    site.converge()
    process = "$(systemctl show --property=MainPID --value one-api)"
    found = parse(site.host.ssh(f"base64 /proc/{process}/environ"))
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["PORT"] == "3000"
    assert site.deploy("-y", "--json").changed == []
