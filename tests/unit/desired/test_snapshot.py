"""One look: the script's output becomes a snapshot."""

import subprocess
from pathlib import Path

import pytest

from one_api_infra.desired import snapshot as snapshots
from one_api_infra.desired.resources import File, SnapshotSpec
from one_api_infra.desired.snapshot import MARK, Snapshot, parse, path_state, script
from one_api_infra.shared import plain
from one_api_infra.shared.state import State


def test_looks_at_this_machine(tmp_path: Path) -> None:
    name = "it's a file"
    (tmp_path / name).write_bytes(b"content")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("target")
    paths = [str(tmp_path / each) for each in (name, "empty", "link", "missing")]
    wanted = SnapshotSpec(
        paths=(*paths, str(tmp_path)),
        patterns=(f"{tmp_path}/em*",),
        packages=("dpkg", "no-such-package"),
        users=("root", "nobody-here"),
        probes={"two": "echo a; echo b", "state": "sleep 0.1; echo d", "none": "true"}
        | {"fails": "echo c; false", "open": "printf e", "last": "echo f"},
    )
    output = subprocess.check_output(["sh", "-c", script(wanted)], text=True)
    snapshot = parse(output.removesuffix("\n").split("\n"))

    mode = oct((tmp_path / name).stat().st_mode)[-3:]
    assert snapshot.has_file(File(paths[0], b"content", mode))
    assert not snapshot.has_file(File(paths[0], b"other", mode))
    assert snapshot.paths[paths[1]].kind == "f"
    assert snapshot.paths[paths[2]].target == "target"
    assert paths[3] not in snapshot.paths
    assert snapshot.paths[str(tmp_path)].kind == "d"
    assert set(snapshot.packages) <= {"dpkg"}
    assert set(snapshot.users) == {"root"}
    wanted_probes = {"two": ("a", "b"), "fails": ("c",), "none": (), "state": ("d",)}
    wanted_probes |= {"open": ("e",), "last": ("f",)}
    assert snapshot.probes == wanted_probes


def test_units() -> None:
    lines = [f"{MARK}units", "Id=a.service", "ActiveState=active", "", "Id=b.timer", "ActiveState="]
    snapshot = parse(lines)
    assert snapshot.is_active("a.service")
    assert not snapshot.is_active("b.timer")
    assert not snapshot.is_active("missing.service")


def test_socket_listens_on_several_addresses() -> None:
    lines = [f"{MARK}units", "Listen=[::]:22 (Stream)", "Listen=/run/x (Stream)", "Id=ssh.socket"]
    assert parse(lines).unit("ssh.socket", "Listen") == "[::]:22 (Stream)\n/run/x (Stream)"


def test_notes_what_an_operation_made() -> None:
    snapshot = Snapshot()
    file = File("/etc/x", b"x")
    snapshot.note(file.path, path_state(file))
    assert snapshot.has_file(file)
    assert not snapshot.is_stale
    snapshot.note(file.path, None)
    assert not snapshot.has_file(file)
    assert snapshot.paths.get("/etc/x") is None


@pytest.mark.parametrize("path", snapshots.READ_BY_STATE)
def test_what_the_agent_reads_makes_its_answer_stale(path: str) -> None:
    snapshot = Snapshot()
    snapshot.note(path, path_state(File(path, b"x")))
    assert snapshot.is_stale


def test_state_that_is_no_json_is_empty() -> None:
    for words in ("Traceback", '{"a": 1}', "[]"):
        lost = Snapshot(probes={"state": (words,)})
        assert (lost.state(), lost.is_state_lost) == (State(), True)
    told = State(renewal={"server": "x"})
    assert Snapshot(probes={"state": (plain.write(told),)}).state() == told
    assert not Snapshot().is_state_lost


def test_a_unit_that_a_command_has_started_runs_and_the_rest_is_as_it_was_seen() -> None:
    seen = Snapshot(units={"nginx.service": {"UnitFileState": "disabled"}})
    seen.note_running("nginx.service")
    seen.note_running("")
    assert seen.is_active("nginx.service")
    assert seen.unit("nginx.service", "UnitFileState") == "disabled"
    assert [*seen.units] == ["nginx.service"]
