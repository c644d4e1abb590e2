"""The way by which all others ask; where it is closed this one alone is made, and fails."""

from testinfra.host import Host


def test_ssh_answers(host: Host) -> None:
    assert host.run("true").rc == 0
