"""The backup's settings and what they make of a server."""

import re
import subprocess
from pathlib import Path
from typing import Any

import certifi
import pytest

from one_api_infra.desired import backup, project, system
from one_api_infra.desired.snapshot import PathState, Snapshot
from one_api_infra.shared import paths, plain
from one_api_infra.shared.backup import Settings
from one_api_infra.shared.secret import Secret
from one_api_infra.shared.validation import ValidationError
from tests.unit.examples import site

PASSWORD = {"backup_password": "s3cret"}
CONFIGURED = re.escape(paths.CONFIG) + r"/[\w.-]+"


def names(**settings: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        site(**settings)
    return {problem.path for problem in caught.value.problems}


def test_without_a_repository_there_is_nothing() -> None:
    assert backup.concern(site()).files == ()
    assert backup.concern(site()).packages == ()


def test_contradictions_are_named() -> None:
    assert names(backup=["/srv/backup"]) == {"backup_password"}
    by_ssh = names(backup=["sftp:a@b:/srv"], **PASSWORD)
    assert by_ssh == {"backup_ssh_key_file"}
    assert names(backup=["/var/lib/one-api"], **PASSWORD) == {"backup[0]"}
    assert names(backup=["x y"], **PASSWORD) == {"backup[0]"}
    assert names(backup_keep={"hourly": -1}) == {"backup_keep.hourly"}
    assert names(backup_keep={"never": 1}) == {"backup_keep"}


RUNNING = {"ActiveState": "active", "ActiveEnterTimestamp": "@100"}
STREAMS = {"one-api-stream-store.service": RUNNING, "one-api-stream.service": RUNNING}


@pytest.mark.parametrize(
    ("units", "read", "written", "stale"),
    [
        (STREAMS, ("90", "100"), set(), False),
        (STREAMS, ("90", "101"), set(), True),
        (STREAMS, ("90",), {paths.BACKUP}, True),
        ({}, ("101",), {paths.BACKUP}, False),  # it will read them when it starts
        (STREAMS, ("stat: cannot statx '/etc/x'",), set(), False),
    ],
)
def test_stream_with_settings_of_before_is_stale(
    units: dict[str, dict[str, str]], read: tuple[str, ...], written: set[str], stale: bool
) -> None:
    found = Snapshot(units=dict(units), probes={"stream_read": read}, written=written)
    assert backup.is_stream_stale(found) is stale


def test_secrets_are_in_one_private_file() -> None:
    keys = {"AWS_SECRET_ACCESS_KEY": "s3cret-key"}
    known = site(backup=["rest:https://a:s3cret-url@b/"], backup_environment=keys, **PASSWORD)
    told = {file.path: file for file in backup.files(known)}
    file = told.pop(paths.BACKUP)
    assert isinstance(file.content, Secret)
    assert file.mode == "600"
    assert all(b"s3cret" not in each.data for each in told.values())
    found = plain.read(Settings, file.data.decode())
    assert found.password == "s3cret"
    assert found.environment == keys
    assert found.keep == {"hourly": 24, "daily": 14, "weekly": 8, "monthly": 12}
    assert "s3cret" not in repr(known)
    assert "s3cret" not in plain.write(known.public())


def test_a_key_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("ssh-ed25519 AAAA")
    known = site(backup=["sftp:a@b:/srv"], backup_ssh_key_file=str(path), **PASSWORD)
    with pytest.raises(ValidationError):
        backup.files(known)
    path.unlink()
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", str(path)], check=True)
    assert paths.BACKUP_SSH_KEY in {file.path for file in backup.files(known)}


def test_database_client_follows_the_database() -> None:
    url = "postgres://a:b@127.0.0.1/one"
    assert "postgresql-client" in backup.packages(
        site(database_url=url, backup=["/srv/b"], **PASSWORD)
    )


def test_cut_off_restore_stops_the_deploy() -> None:
    begun = Snapshot(paths={paths.RESTORE_MARK: PathState("f", "root", "root", "600")})
    assert backup.unfinished(Snapshot()) == ()
    (problem,) = backup.unfinished(begun)
    assert "restore" in problem.remedy
    assert backup.is_rebuild_due(begun)
    assert backup.lack(site(), Snapshot())
    there = Snapshot(paths={paths.ROOT_PASSWORD: PathState("f", "root", "root", "600")})
    assert backup.lack(site(), there) == ()


def test_rebuild_is_the_site_with_the_data_before_it() -> None:
    """What the whole site includes, rebuild includes too, in the same order but for what the data
    need.
    """

    def included(name: str) -> list[str]:
        text = (project.ROOT / f"deploys/{name}.py").read_text()
        return [line for line in text.splitlines() if line.startswith("local.include")]

    whole, again = included("site"), included("rebuild")
    own = {
        f'local.include("./{name}.py")' for name in ("backup", "environment", "release", "system")
    }
    assert set(again) == set(whole)
    assert [line for line in again if line not in own] == [
        line for line in whole if line not in own
    ]
    assert set(again) == set(whole)


def test_what_the_backup_reads_is_there_before_a_restore() -> None:
    """A rebuild brings the agent and the backup, then the data, and then the rest."""
    repository = "s3:https://s3.example.com/bucket/site"
    made = site(backup=[repository], trusted_ca_file=certifi.where(), **PASSWORD)
    own = backup.files(made)
    named = {name for file in own for name in re.findall(CONFIGURED, file.data.decode())}
    assert paths.TRUSTED_CA in named
    assert named <= {file.path for file in (*system.agent_files(made), *own)}
