"""Reaching a server: what ssh is told, and how a command becomes root's."""

import base64
import os
import stat
import subprocess
from pathlib import Path

import pytest

from one_api_infra.remote import ssh
from one_api_infra.shared.validation import ValidationError

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAILE4vHcL2q0NO24MgXVQ+WhWqz2aQR8k6ZemFHnw6r2l"
FINGERPRINT = "SHA256:sAXvxbDj3yXFsTqWSAm6U1w1mtaQqwvgoKKMig7DnUs"
# Takes its options, and with -S the password from its input, as sudo does.
SUDO = """#!/bin/sh
password=
while :; do
    case $1 in
        -n) [ -e "$0.asks" ] && exit 1; shift;;
        -S) read -r password; shift;;
        -p) shift 2;;
        *) break;;
    esac
done
[ ! -e "$0.asks" ] || [ "$password" = s3cret ] || exit 1
exec "$@"
"""


def test_fingerprint_is_openssh_s() -> None:
    assert ssh.fingerprint(base64.b64decode(KEY)) == FINGERPRINT


def test_stanza_asks_nothing_and_shares_a_connection(tmp_path: Path) -> None:
    data = {"ssh_hostname": "198.51.100.7", "ssh_user": "root", "ssh_port": 2222, "ssh_key": None}
    lines = [line.strip() for line in ssh.stanza("shop", data, tmp_path).splitlines()]
    assert lines[0] == "Host shop"
    assert {"HostName 198.51.100.7", "User root", "Port 2222", "BatchMode yes"} <= set(lines)
    (shared,) = [line for line in lines if line.startswith(f"ControlPath {tmp_path}/")]
    assert len(shared) == len(f"ControlPath {tmp_path}/") + 8  # whatever the host is called
    assert not [line for line in lines if line.startswith("IdentityFile")]


def test_the_admins_own_configuration_comes_last(tmp_path: Path) -> None:
    """Of all hosts together: what stands first wins; and a hop is no host of ours."""
    own = tmp_path / "own"
    own.write_text("Host shop\n  ProxyJump bastion\nHost bastion\n  HostName 198.51.100.9\n")
    data = {"ssh_config_file": str(own), "ssh_user": "root"}
    path = tmp_path / "config"
    path.write_text(ssh.configuration({"shop": data, "bar": data}, tmp_path))
    told = {}
    for name in ("shop", "bastion"):
        command = ["ssh", "-F", str(path), "-G", name]
        told[name] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "proxyjump bastion" in told["shop"]
    assert "hostname 198.51.100.9" in told["bastion"]


def test_each_host_follows_its_own_file_and_no_command_of_it(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.write_text("RemoteCommand tmux\nRequestTTY force\nProxyJump bastion\n")
    other.write_text("Host bastion\n  HostName 198.51.100.9\n")
    path = tmp_path / "config"
    hosts = {"shop": {"ssh_config_file": str(own)}, "bar": {"ssh_config_file": str(other)}}
    path.write_text(ssh.configuration(hosts, tmp_path))
    told = {}
    for name in ("shop", "bar", "bastion"):
        command = ["ssh", "-F", str(path), "-G", name]
        told[name] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "proxyjump bastion" in told["shop"]
    assert "proxyjump" not in told["bar"]
    assert "hostname 198.51.100.9" in told["bastion"]
    assert "remotecommand tmux" not in told["shop"]
    assert "requesttty false" in told["shop"]


def test_values_with_a_space_are_one_word_to_ssh(tmp_path: Path) -> None:
    data = {"ssh_hostname": "198.51.100.7", "ssh_key": "/home/me/My Keys/id"}
    path = tmp_path / "config"
    path.write_text(ssh.stanza("a" * 60, data, tmp_path) + "\n")
    command = ["ssh", "-F", str(path), "-G", "a" * 60]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "identityfile /home/me/My Keys/id" in done.stdout


def test_a_pinned_key_is_all_that_is_known(tmp_path: Path) -> None:
    text = ssh.stanza("shop", {"ssh_fingerprint": FINGERPRINT}, tmp_path)
    options = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert options["StrictHostKeyChecking"] == "yes"
    assert options["UserKnownHostsFile"] == "/dev/null"
    script = options["KnownHostsCommand"].partition('"')[2].partition('"')[0]
    for found, known in ((FINGERPRINT, f"h ssh-ed25519 {KEY}\n"), ("SHA256:other", "")):
        command = ["sh", "-c", script, found, "h", "ssh-ed25519", KEY]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.stdout, done.returncode) == (known, 0)


@pytest.mark.parametrize("text", ["SHA256:", "MD5:x", "SHA256:" + "a" * 42 + ";", "x; id"])
def test_what_is_no_fingerprint_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValidationError):
        ssh.stanza("shop", {"ssh_fingerprint": text}, tmp_path)


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("command", ['printf %s "it\'s; $HOME"', "cat", "echo 'a b'; exit 3"])
def test_a_command_is_the_same_as_root(tmp_path: Path, asks: bool, command: str) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(SUDO)
    sudo.chmod(0o755)
    if asks:
        (tmp_path / "sudo.asks").touch()
    password = ssh.password({"_sudo_password": "s3cret"}) if asks else ""
    own = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    wrapped = ssh.as_root(command)
    assert "s3cret" not in wrapped

    def run(script: str, stdin: str) -> tuple[str, int]:
        done = subprocess.run(
            ["sh", "-c", script], input=stdin, env=own, capture_output=True, text=True, check=False
        )
        return done.stdout, done.returncode

    assert run(wrapped, f"{password}in") == run(command, "in")


def test_the_password_comes_from_the_host_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ssh.SUDO_PASSWORD, raising=False)
    assert ssh.password({}) == ""
    monkeypatch.setenv(ssh.SUDO_PASSWORD, "theirs")
    assert ssh.password({}) == "theirs\n"
    assert ssh.password({"_sudo_password": "own"}) == "own\n"


@pytest.mark.parametrize("password", ["s3cret", "it's", "$(id)", "%s\\n", "a b"])
def test_askpass_tells_any_password_from_a_private_file(tmp_path: Path, password: str) -> None:
    own = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    made = subprocess.run(
        ["sh", "-c", ssh.ASKPASS], input=ssh.askpass(password), env=own, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    path = Path(made.stdout.strip())
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert subprocess.check_output([path], text=True) == f"{password}\n"


def test_a_server_that_does_not_answer_is_told() -> None:
    server = ssh.Server("nobody", {"ssh_hostname": "127.0.0.1", "ssh_port": 1})
    output, error = server.run("true", 5.0)
    assert output == ""
    assert error


def test_a_command_that_fails_without_a_word_has_failed() -> None:
    assert ssh._output(["sh", "-c", "exit 3"], 5.0, "") == ("", "exit code 3")
    assert ssh._output(["sh", "-c", "echo a; echo b >&2"], 5.0, "") == ("a\n", "")
