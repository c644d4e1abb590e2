"""The commands: what they refuse, what they tell, and with which exit code."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from one_api_infra import __version__
from one_api_infra.cli import commands
from one_api_infra.cli.lazy import names
from one_api_infra.shared.validation import ValidationError

PROGRAM = "import sys; sys.argv[0] = 'one-api-infra'; from one_api_infra.cli import main; main()"
ON_INVENTORIES = [
    "deploy",
    "verify",
    "status",
    "callbacks",
    "report",
    "upgrade",
    "rollback",
    "remove",
]
HOSTS = 'hosts = [("a.example-site.com", {"domain": "pay.example-site.com"})]\n'


def refusal(*arguments: str) -> str:
    """What a command refuses; it asks nothing and changes nothing."""
    result = CliRunner().invoke(commands, arguments)
    assert isinstance(result.exception, ValidationError), result.output
    return str(result.exception)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=os.environ | {"ONE_API_INFRA_LANGUAGE": "en"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.py"
    path.write_text(HOSTS)
    return path


@pytest.mark.parametrize("command", ON_INVENTORIES)
def test_a_missing_inventory_is_refused_with_the_command_that_writes_one(command: str) -> None:
    assert "`one-api-infra init nowhere.py` writes one" in refusal(command, "nowhere.py")


@pytest.mark.parametrize("command", ON_INVENTORIES)
def test_a_limit_that_matches_nothing_is_refused(command: str, inventory: Path) -> None:
    told = refusal(command, str(inventory), "--limit=b*")
    assert "a host that matches b*; there are: a.example-site.com" in told


@pytest.mark.parametrize("command", ON_INVENTORIES)
def test_an_inventory_without_hosts_is_refused(command: str, inventory: Path) -> None:
    inventory.write_text("hosts = []\n")
    assert "add a host to `hosts`" in refusal(command, str(inventory))


def test_order_wants_an_inventory_too() -> None:
    assert "one-api-infra init" in refusal("order", "1700000000123", "nowhere.py")


def test_a_refusal_is_one_message_and_exit_2() -> None:
    done = run("deploy", "nowhere.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_refusals_are_chinese_too() -> None:
    assert "服务器" in run("--help", ONE_API_INFRA_LANGUAGE="zh_CN").stdout
    assert "解决办法" in run("deploy", "nowhere.py", ONE_API_INFRA_LANGUAGE="zh_CN").stderr


def test_version_is_the_packages_own() -> None:
    assert CliRunner().invoke(commands, ["--version"]).output.strip().endswith(__version__)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    told = CliRunner().invoke(commands, ["completion", shell]).output
    assert "one-api-infra" in told
    assert "_ONE_API_INFRA_COMPLETE" in told


def test_a_command_imports_no_other() -> None:
    code = "import sys; from one_api_infra.cli import commands; "
    code += "commands.get_command(None, 'verify'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "one_api_infra.cli.verify" in loaded
    assert loaded.isdisjoint({"one_api_infra.cli.tunnel", "pyinfra", "pytest", "requests", "rich"})


def test_bash_completes_commands() -> None:
    words = {"COMP_WORDS": "one-api-infra de", "COMP_CWORD": "1"}
    done = run(_ONE_API_INFRA_COMPLETE="bash_complete", **words)
    assert "plain,deploy" in done.stdout


@pytest.mark.parametrize("name", names())
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(commands, [name, "--help"])
    assert result.exit_code == 0
    command = commands.commands[name]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert max(parameter.opts, key=len) in result.output


def test_a_release_is_not_named_twice(inventory: Path) -> None:
    inventory.write_text(HOSTS.replace('com"}', 'com", "artifact": "/opt/one-api"}'))
    told = refusal("upgrade", str(inventory), "v0.14.28")
    assert "artifact" in told
    assert "leave one of the two out" in told


def test_what_is_no_release_is_refused(inventory: Path) -> None:
    assert "write it as v0.14.27" in refusal("upgrade", str(inventory), "newest")


def test_a_server_that_is_away_is_one_failure_with_its_cause(inventory: Path) -> None:
    settings = '"acme_email": "a@example-site.com", "ssh_hostname": "127.0.0.1", "ssh_port": 1}'
    inventory.write_text(HOSTS.replace("}", f", {settings}"))
    told = run("verify", str(inventory))
    assert told.returncode == 1, told.stdout + told.stderr
    assert "cannot be asked by ssh: a.example-site.com: ssh: connect to host 127.0.0.1 port 1" in (
        told.stdout
    )
    assert len(told.stdout.splitlines()) < 15
    assert "deselected, 1 error" in told.stdout
