"""Where a backup goes: what is taken, what is refused, and what of it is shown."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared import repository, stream

TAKEN = (
    "/srv/backup",
    "sftp:backup@host.example.com:/srv/ai",
    "sftp:backup@host:ai",
    f"sftp:backup@host:/{'a' * 80}/",  # what took hours
    "sftp://backup@host.example.com:2222//srv/ai",
    "rclone+ssh://backup@host.example.com:2222",
    "s3:https://s3.example.com/bucket/ai",
    "s3:s3.amazonaws.com/bucket",
    "rest:https://name:s3cret@rest.example.com:8000/ai/",
    "b2:bucket:ai",
)
REFUSED = (
    "", "backup", "/", "srv/backup", "/srv/back up", "/srv/$(id)", "sftp:host:/srv", "ftp://x/y",
    "sftp:-oProxyCommand=x@host:/srv", "sftp:a@b:/srv'; id", "s3:", "rest:https://x/ y",
    "/srv/backup\n",
)  # fmt: skip


@pytest.mark.parametrize("text", TAKEN)
def test_taken(text: str) -> None:
    assert repository.parse(text).name


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no repository"):
        repository.parse(text)


def test_a_password_is_not_shown() -> None:
    for word in ("s3cret", "s3@cret"):
        shown = repository.parse(f"rest:https://name:{word}@rest.example.com:8000/ai/").name
        assert shown == "rest:https://name@rest.example.com:8000/ai/"
    for word in ("se^cret", "100%"):  # restic prints what it cannot read
        with pytest.raises(ValueError, match="userinfo"):
            repository.parse(f"rest:https://name:{word}@rest.example.com/")
    assert "s3" not in repository.masked('parse "https://name:s3cret@host/": no')
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        repository.parse("rest:https://name:s3/cret@rest.example.com:8000/ai/")
    found = repository.parse("rest:https://name:s3cret@rest.example.com:8000/ai/")
    assert "s3cret" in found.url
    assert found.name == "rest:https://name@rest.example.com:8000/ai/"


@pytest.mark.parametrize(
    ("text", "option", "words"),
    [
        ("sftp:a@b:/srv", "sftp.command", ["Port=22", "a@b", "-s", "sftp"]),
        ("sftp://a@b:2222//srv", "sftp.command", ["Port=2222", "a@b", "-s", "sftp"]),
        ("rclone+ssh://a@b:2222", "rclone.program", ["Port=2222", "a@b"]),
    ],
)
def test_ssh_is_told_its_key(text: str, option: str, words: list[str]) -> None:
    found = repository.parse(text)
    name, _equals, command = found.options[1].partition("=")
    assert name == option
    assert found.needs_ssh
    told = shlex.split(command)
    assert told[0] == "ssh"
    assert "IdentityFile=/etc/one-api-infra/backup-ssh-key" in told
    assert set(words) <= set(told)


@pytest.mark.parametrize(
    ("text", "provider"),
    [
        ("s3:https://oss-cn-hangzhou.aliyuncs.com/bucket/ai", "Alibaba"),
        ("s3:https://cos.ap-guangzhou.myqcloud.com/bucket", "TencentCOS"),
        ("s3:s3.amazonaws.com/bucket", "AWS"),
        ("s3:https://minio.example.com/bucket", "Other"),
    ],
)
def test_a_stream_speaks_its_providers_way(text: str, provider: str) -> None:
    found = stream.carrier(text)
    assert found
    assert found.options["provider"] == provider


@given(st.text(max_size=60))
def test_whatever_is_taken_reaches_a_shell_whole(text: str) -> None:
    try:
        found = repository.parse(text)
    except ValueError:
        return
    assert not set(text) & set("'\"\\ \n\t\0")
    for option in found.options:
        shlex.split(option)
