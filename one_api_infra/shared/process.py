"""Processes of a server, as the agent saw them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Holder:
    """Who listens on a port: the program, and its unit, or its process where it has none.

    ``path`` is the program's file; empty where it was not looked at.
    """

    program: str
    process: int
    unit: str
    path: str = ""


@dataclass(frozen=True)
class Process:
    """One API's main process; ``user`` is empty where it does not run.

    ``is_loaded``: it was started from what is on disk now. ``is_release``: the program on disk is
    the one that its folder is named after. ``restarts`` are systemd's own since the
    last start by hand, ``age`` is seconds since the last of them, ``died_of`` what ended the one
    before (``oom-kill``, ``exit-code``…). ``lost`` are files of its database that it holds open
    while their names are gone, each with the handle by which root can still copy it; ``holders``
    are other processes that have the database's file open.
    """

    user: str
    is_loaded: bool
    is_release: bool
    restarts: int
    age: float
    died_of: str
    lost: Mapping[str, str]
    drop_ins: tuple[str, ...]
    holders: tuple[Holder, ...]
