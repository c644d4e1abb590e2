"""Each change is nothing where all is as wanted, and its command does what it says."""

import getpass
import grp
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.desired import changes
from one_api_infra.desired.changes import Change
from one_api_infra.desired.resources import Directory, File, SnapshotSpec
from one_api_infra.desired.snapshot import Snapshot, parse, script
from one_api_infra.shared import units
from one_api_infra.shared.secret import Secret

NAME = "it's; a $file"
UNIT = "one-api.service"
WELL = {"LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "active"}
BLANK = Snapshot()


def own(path: Path, content: bytes | Secret = b"content", mode: str = "640") -> File:
    """A file that this test's user may own."""
    return File(str(path), content, mode, getpass.getuser(), grp.getgrgid(os.getgid()).gr_name)


def look(*paths: Path) -> Snapshot:
    wanted = SnapshotSpec(paths=tuple(map(str, paths)))
    output = subprocess.check_output(["sh", "-c", script(wanted)], text=True)
    return parse(output.removesuffix("\n").split("\n"))


def umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def written(path: Path, wanted: File | Directory) -> Change | None:
    """The change that brings one path to what is wanted."""
    folders = [wanted] if isinstance(wanted, Directory) else []
    files = [wanted] if isinstance(wanted, File) else []
    return changes.files(changes.differing(look(path), folders, files))


def carry_out(change: Change | None) -> int:
    assert change
    done = subprocess.run(["sh", "-c", change.command], input=change.stdin, text=True, check=False)
    return done.returncode


@pytest.mark.parametrize("content", [b"content", b"", bytes(range(256)) * 400, Secret("s3cret")])
@pytest.mark.parametrize("before", ["nothing", "other", "mode", "folder", "link", "broken link"])
def test_file(tmp_path: Path, before: str, content: bytes | Secret) -> None:
    path = tmp_path / NAME
    match before:
        case "other":
            path.write_text("something else")
        case "mode":
            path.write_bytes(own(path, content).data)
            path.chmod(0o666)
        case "folder":
            path.mkdir()
            (path / "kept").touch()
        case "link":
            (tmp_path / "elsewhere").mkdir()
            path.symlink_to(tmp_path / "elsewhere")
        case "broken link":
            path.symlink_to(tmp_path / "nowhere")
    wanted = own(path, content)
    assert carry_out(written(path, wanted)) == 0
    assert path.read_bytes() == wanted.data
    assert not path.is_symlink()
    assert written(path, wanted) is None
    assert not list(tmp_path.glob(".*"))
    assert [each.name for each in tmp_path.rglob("kept")] == ["kept"] * (before == "folder")


def test_file_that_cannot_be_written_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text("old")
    wanted = replace(own(path), owner="nobody-here")
    assert carry_out(written(path, wanted)) != 0
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_secret_stands_in_no_command() -> None:
    for file in (File("/etc/x", Secret("s3cret")), File("/etc/x", b"s3cret", "600")):
        change = changes.files({"/etc/y": File("/etc/y", b"open"), "/etc/x": file})
        assert change
        assert change.command == "sh"
        assert "s3cret" not in repr(change)


def test_directory(tmp_path: Path) -> None:
    path = tmp_path / NAME / "below"
    wanted = Directory(str(path), "750", getpass.getuser(), grp.getgrgid(os.getgid()).gr_name)
    assert carry_out(written(path, wanted)) == 0
    assert written(path, wanted) is None
    path.chmod(0o777)
    assert carry_out(written(path, wanted)) == 0
    assert written(path, wanted) is None


def test_what_is_not_wanted_is_removed(tmp_path: Path) -> None:
    path = str(tmp_path / NAME)
    assert changes.differing(look(tmp_path / NAME), absent=[path]) == {}
    (tmp_path / NAME).symlink_to(tmp_path / "nowhere")
    due = changes.differing(look(tmp_path / NAME), absent=[path])
    assert carry_out(changes.files(due)) == 0
    assert changes.differing(look(tmp_path / NAME), absent=[path]) == {}


@pytest.mark.parametrize("size", [10, changes.LONGEST])
def test_many_are_made_by_one_command(tmp_path: Path, size: int) -> None:
    """Folders first; what is long is the command's input, and nothing of it is lost."""
    folder, link = tmp_path / "new" / "below", tmp_path / "link"
    link.symlink_to("nowhere")
    files = [own(folder / f"{number}", bytes(range(256)) * size, "644") for number in range(5)]
    directory = Directory(str(folder), "750", files[0].owner, files[0].group)
    everything = [*(tmp_path / "new" / "below" / str(number) for number in range(5)), folder, link]
    arguments = ([directory], files, [str(link)])
    change = changes.files(changes.differing(look(*everything), *arguments))
    assert change
    assert (change.stdin is None) == (size == 10)
    assert carry_out(change) == 0
    assert changes.differing(look(*everything), *arguments) == {}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o777 & ~umask()


@given(st.floats(0, 1))
def test_of_a_connection_that_is_cut_nothing_is_done(part: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [own(folder / each, Secret("content" * 9)) for each in ("a", "b")]
        change = changes.files({each.path: each for each in files})
        assert change
        assert change.stdin
        whole = change.stdin.rstrip("\n")
        subprocess.run(
            ["sh"],
            input=whole[: int(part * (len(whole) - 1))],
            text=True,
            check=False,
            stderr=subprocess.DEVNULL,
        )
        assert list(folder.iterdir()) == []


def test_the_first_that_fails_ends_it(tmp_path: Path) -> None:
    files = [replace(own(tmp_path / "a"), owner="nobody-here"), own(tmp_path / "b")]
    assert carry_out(changes.files({each.path: each for each in files})) != 0
    assert list(tmp_path.iterdir()) == []


def test_private_is_for_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert changes.private(look(path), [str(path)]) is None
    path.write_text("key")
    path.chmod(0o644)
    assert changes.private(look(path), [str(path)])


def test_placed_only_with_the_right_sum(tmp_path: Path) -> None:
    arrival, path = tmp_path / "arrival", tmp_path / "place"
    arrival.write_bytes(b"release")
    path.write_bytes(b"old")
    right = File("", b"release").sha256
    assert carry_out(changes.placed(str(path), str(arrival), "0" * 64, "755")) != 0
    assert path.read_bytes() == b"old"
    arrival.write_bytes(b"release")
    assert carry_out(changes.placed(str(path), str(arrival), right, "755")) == 0
    assert path.read_bytes() == b"release"
    assert path.stat().st_mode & 0o777 == 0o755
    assert not arrival.exists()


def test_user_is_made_once() -> None:
    change = changes.user(BLANK, "one-api", "/var/lib/one-api")
    assert change
    assert "nologin --home-dir /var/lib/one-api one-api" in change.command
    assert changes.user(Snapshot(users={"one-api": ("one-api",)}), "one-api", "/x") is None


def test_only_missing_packages_are_installed() -> None:
    change = changes.packages(Snapshot(packages={"nginx": "1"}), ("nginx", "nftables"))
    assert change
    assert change.command.endswith("--no-install-recommends nftables")
    assert changes.packages(Snapshot(packages={"nginx": "1"}), ("nginx",)) is None


@pytest.mark.parametrize(
    ("found", "steps"),
    [
        ({}, None),
        ({"UnitFileState": "static"}, None),
        ({"ActiveState": "failed"}, ["restart"]),
        ({"ActiveState": "inactive", "UnitFileState": "disabled"}, ["enable", "restart"]),
        ({"NeedDaemonReload": "yes"}, ["restart"]),
        (
            {"LoadState": "masked", "UnitFileState": "masked", "ActiveState": "inactive"},
            ["unmask", "unmask", "enable", "restart"],
        ),
    ],
)
def test_unit(found: dict[str, str], steps: list[str] | None) -> None:
    change = changes.unit(Snapshot(units={UNIT: WELL | found}), UNIT)
    told = [each.split()[1] for each in change.command.split(" && ")] if change else None
    reads = [] if steps and "enable" in steps else ["daemon-reload"]  # enabling reads, too
    assert told == ([*reads, *steps] if steps else None)


def test_unit_follows_the_files_of_those_beside_it() -> None:
    stale = Snapshot(units={UNIT: WELL, "a.timer": {"NeedDaemonReload": "yes"}})
    assert changes.unit(stale, UNIT) is None
    assert changes.unit(stale, UNIT, beside=("a.timer",)) == Change("systemctl daemon-reload")


@pytest.mark.parametrize("path", [units.path(UNIT), units.path(f"{UNIT}.d/ours.conf")])
def test_unit_whose_file_this_run_has_written_is_read_anew_without_a_look(path: str) -> None:
    seen = Snapshot(units={UNIT: WELL, "a.timer": dict(WELL)})
    seen.note(path, None)
    assert changes.unit(seen, "a.timer") is None
    assert changes.unit(seen, "a.timer", beside=(UNIT,))
    change = changes.unit(seen, UNIT)
    assert change
    assert change.command == f"systemctl daemon-reload && systemctl restart {UNIT}"
    seen.note_unit(UNIT)
    assert changes.unit(seen, UNIT, beside=("a.timer",)) is None


@pytest.mark.parametrize("is_known_before", [True, False])
def test_a_service_whose_file_was_read_along_with_anothers_is_restarted(
    *, is_known_before: bool
) -> None:
    told = {"NeedDaemonReload": "yes"} if is_known_before else {}
    seen = Snapshot(units=dict.fromkeys((UNIT, "b.service", "b.timer"), WELL | told))
    if not is_known_before:
        for each in seen.units:
            seen.note(units.path(each), None)
    seen.note_unit(UNIT)
    change = changes.unit(seen, "b.service")
    assert change
    assert "systemctl restart b.service" in change.command
    seen.note_unit("b.service")
    assert changes.unit(seen, "b.service") is changes.unit(seen, UNIT) is None
    assert changes.unit(seen, "b.timer") is None


def test_a_transient_unit_that_has_failed_is_forgotten() -> None:
    seen = Snapshot(units={"a.service": {"ActiveState": "failed"}})
    change = changes.forgotten(seen, "a.service")
    assert change
    assert change.command == "systemctl reset-failed a.service"
    assert changes.forgotten(Snapshot(), "a.service") is None


def test_unit_that_was_brought_up_is_known_to_run() -> None:
    seen = Snapshot(units={UNIT: WELL | {"ActiveState": "failed", "UnitFileState": "static"}})
    seen.note_unit(UNIT)
    assert seen.units[UNIT]["UnitFileState"] == "static"
    seen.note_unit("new.timer")
    assert seen.starts_at_boot("new.timer")
    assert changes.unit(seen, UNIT) is changes.unit(seen, "new.timer") is None
