"""Commands about payments as the callbacks' own user, in the hardening of its unit.

Root opens nothing in a directory that another user can write: a link there would lead it anywhere.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from one_api_infra.server.local import CommandError, run
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _, language

UNIT = Path(units.path(units.CALLBACKS))
DATABASE_UNIT = Path(units.path(units.DATABASE))
OWN = ("Type=", "ExecStart=", "TimeoutStartSec=")  # what a command has otherwise than the unit
# ``order`` shows One API's own lines, which are the journal's.
SECONDS = {"callbacks-follow": 86_400, "test-payment": 7200}
MOST = 60  # seconds of any other
JOURNAL = ("SupplementaryGroups=systemd-journal", "BindReadOnlyPaths=-/var/log/journal")


def properties(unit: str) -> Iterator[str]:
    """The properties of a unit's service section, but for what starts it."""
    _before, _mark, section = unit.partition("[Service]\n")
    for line in section.splitlines():
        if line.startswith("["):
            return
        if "=" in line and not line.startswith(("#", *OWN)):
            yield line


def replace(command: str, arguments: Sequence[str]) -> None:
    """Exec the command as the callbacks' user; CommandError if the service is off."""
    if not UNIT.exists():
        raise CommandError(
            _(
                "There is no ledger here: the callback service is off. Remedy: deploy with"
                " `callbacks` on."
            )
        )
    if DATABASE_UNIT.exists():
        run("systemctl", "start", DATABASE_UNIT.name)
    if not os.path.lexists(paths.LEDGER):
        run("systemctl", "start", UNIT.name)  # its first run makes it
    limit = f"RuntimeMaxSec={SECONDS.get(command, MOST)}"
    options = [f"--property={each}" for each in (*properties(UNIT.read_text()), *JOURNAL, limit)]
    started = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", *options]
    started += [f"--setenv=ONE_API_INFRA_LANGUAGE={language()}"]
    sys.stdout.flush()
    os.execvp("systemd-run", [*started, paths.PYTHON, paths.ZIPAPP, command, *arguments])  # noqa: S606
