"""restic's words: those of a real one, 0.14 and 0.18."""

import pytest

from one_api_infra.shared import restic

WORDS = [
    ("Fatal: wrong password or no key found", "password"),
    ("Save(<lock/1>) failed: write /b: no space left on device\nunable to create lock in backend",
     "full"),
    ("Fatal: open /b/locks: permission denied\nunable to create lock in backend", "refused"),
    ("Fatal: unable to create lock in backend: repository is already locked by PID 9", "locked"),
    ("Fatal: unable to open config file: stat /srv/x/config: no such file or directory\n"
     "Is there a repository at the following location?\n/srv/x", "absent"),
    ("Save(<data/1>) failed: write /srv/x: no space left on device", "full"),
    ("Fatal: unable to open repository at sftp:a@b:/x: ssh: connect to host b port 22:"
     " Connection refused", "unreachable"),
    ("Fatal: unable to open config file: Head \"https://x/config\": dial tcp: lookup x:"
     " no such host", "unreachable"),
    ("subprocess ssh: a@b: Permission denied (publickey).", "refused"),
    ("subprocess ssh: Host key verification failed.", "refused"),
    ("Fatal: create key in repository failed: mkdir /srv/x/keys: operation not permitted",
     "failed"),
    ("error: load <data/3c1>: invalid data returned", "damaged"),
    ("Pack ID does not match, want 1, got 2\nFatal: repository contains errors", "damaged"),
    ("one-api-infra: dump: journalctl -u one-api-dump", "dump"),
    ("one-api-infra: no room for a copy of the database: 900 MiB", "room"),
    ("something new", "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "reason"), WORDS)
def test_reason(words: str, reason: str) -> None:
    assert restic.reason(words) == reason


def test_detail_is_the_line_that_says_why() -> None:
    words = "Save(<lock/1>) failed: no space left on device\nunable to create lock in backend"
    assert restic.detail(words) == "Save(<lock/1>) failed: no space left on device"


def test_detail_is_the_last_line_that_is_no_json() -> None:
    assert restic.detail('{"a": 1}\nFatal: x\n{"b": 2}\n') == "Fatal: x"
    assert restic.detail("") == ""
