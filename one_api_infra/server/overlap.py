"""Whether two instances of One API can serve for a while, side by side."""

import time
from collections.abc import Iterator
from pathlib import Path

from one_api_infra.server import one_api
from one_api_infra.server.local import edition, run, site
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

NEW_SECONDS = 600.0  # since root was claimed
FREE_SHARE = 1.3  # of what One API uses now
# Two that poll one Telegram bot get each other's messages, or an error.
NOT_TWICE = ("TG_BOT_API_KEY",)


def obstacle() -> str:
    """Why a second instance cannot run beside the one that serves; empty if it can."""
    return next(_obstacles(), "")


def _obstacles() -> Iterator[str]:
    chosen, given = edition(site()), one_api.environment()
    if not chosen.overlaps:
        yield _("two instances of {edition} were not tried", edition=chosen.title)
    if not one_api.is_confirmed():
        yield _("root is not claimed yet")
    elif time.time() - Path(paths.PASSWORD_CONFIRMED).stat().st_mtime < NEW_SECONDS:
        yield _("the site is new")
    for name in NOT_TWICE:
        if given.get(name):
            yield _("{name} is set: two instances would poll one bot", name=name)
    if run("systemctl", "is-active", units.NGINX, units.ONE_API)[0] or not one_api.answers():
        yield _("nothing is served")
    needed, free = _memory()
    if free < needed:
        yield _("{needed} MiB of memory are needed, {free} are free", needed=needed, free=free)


def _memory() -> tuple[int, int]:
    """MiB that a second instance may take, and what is available.

    What One API has read of its files is counted as its memory too, and is none of these.
    """
    group = run("systemctl", "show", "-P", "ControlGroup", units.ONE_API)[1]
    stat = Path(f"/sys/fs/cgroup{group}/memory.stat")
    text = stat.read_text() if group and stat.exists() else ""
    counted = dict(line.split() for line in text.splitlines())
    words = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(words["MemAvailable"].split()[0]) >> 10
    return int(int(counted.get("anon", "0")) * FREE_SHARE) >> 20, free
