"""nginx' files are the new ones or the old ones, whole."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from one_api_infra.server.nginx_files import are_relieved, install, swap


def configuration(release: str, *, absent: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "release": release,
        "parts": {"site.conf": f"# {release}", "log.js": release},
        "files": {"/etc/nginx/nginx.conf": f"include one-api/site.conf; # {release}"},
        "absent": list(absent),
    }


def tree(root: Path) -> dict[str, str]:
    """All that stands there: links by where they lead, files by content and mode."""
    found = {}
    for path in root.rglob("*"):
        if path.is_symlink():
            shown = f"-> {path.readlink()}"
        else:
            shown = f"{path.stat().st_mode:o} {path.read_text() if path.is_file() else ''}"
        found[str(path.relative_to(root))] = shown
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A server's folder, as Debian leaves it."""
    root = tmp_path / "nginx"
    (root / "sites-enabled").mkdir(parents=True)
    (root / "nginx.conf").write_text("Debian's own")
    (root / "nginx.conf").chmod(0o640)
    (root / "sites-enabled/default").symlink_to("/etc/nginx/sites-available/default")
    return root


def let(root: Path, new: dict[str, Any], serve: Callable[[], str | None]) -> str | None:
    return swap(new, root, root.parent / "previous", serve)


def test_new_files_stand_behind_a_link(root: Path) -> None:
    default = "/etc/nginx/sites-enabled/default"
    assert let(root, configuration("one", absent=(default,)), lambda: None) is None
    assert (root / "one-api").readlink() == Path("one-api.d/one")
    assert (root / "one-api/site.conf").read_text() == "# one"
    assert not (root / "sites-enabled/default").is_symlink()


def test_only_the_release_that_serves_is_kept(root: Path) -> None:
    for release in ("one", "two"):
        assert let(root, configuration(release), lambda: None) is None
    assert [path.name for path in (root / "one-api.d").iterdir()] == ["two"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("again", ["two", "one"])
def test_one_that_does_not_serve_leaves_the_old_whole(root: Path, first: bool, again: str) -> None:
    if not first:
        assert let(root, configuration("one"), lambda: None) is None
    before = tree(root)
    new = configuration(again, absent=("/etc/nginx/sites-enabled/default",))
    new["parts"] |= {"more.conf": "x"}
    seen = []

    def serve() -> str:
        seen.append((root / "one-api/more.conf").read_text())
        return "port 80 does not answer"

    assert let(root, new, serve) == "port 80 does not answer"
    assert seen == ["x"]
    assert tree(root) == before


def test_a_copy_is_written_as_the_real_one(root: Path) -> None:
    copy = root.parent / "copy"
    shutil.copytree(root, copy, symlinks=True)
    install(configuration("one"), copy)
    install(configuration("one"), root)
    assert tree(copy) == tree(root)


@pytest.mark.parametrize(
    ("before", "now", "leaving", "relieved"),
    [
        (set(), {"1"}, set(), True),
        ({"1"}, {"1"}, set(), False),
        ({"1"}, {"1", "2"}, set(), False),
        ({"1"}, {"1", "2"}, {"1"}, True),
        ({"1"}, {"2"}, {"1"}, True),
        ({"1", "2"}, {"2", "3"}, {"1"}, False),
        ({"1"}, set(), {"1"}, False),
    ],
)
def test_old_workers_have_to_go(
    before: set[str], now: set[str], leaving: set[str], relieved: bool
) -> None:
    assert are_relieved(before, now, leaving.__contains__) is relieved
