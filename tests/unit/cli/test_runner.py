"""A run of pyinfra, believed only as far as it can be believed."""

from pathlib import Path

import pytest

from one_api_infra.cli import runner
from one_api_infra.cli.deploy import next_step
from one_api_infra.cli.runner import INTERRUPTED, Run
from one_api_infra.shared.validation import ValidationError

PLAN = [
    {"name": "nginx | Serve", "hosts_with_change": ["a"]},
    {"name": "nginx | Keep", "hosts_with_change": []},
]


def test_a_plan_is_what_would_change() -> None:
    assert Run(0, {"plan": PLAN}).changes == ["nginx | Serve"]
    assert Run(0, {}).changes == []
    assert Run(1, None).changes == []


def test_totals() -> None:
    assert Run(0, {"results": {"totals": {"success": 2}}}).totals == {"success": 2}
    assert Run(1, None).totals == {}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (0, "Next: `one-api-infra verify site.py`"),
        (1, "then run the same command again"),
        (INTERRUPTED, "running the same command again is safe"),
    ],
)
def test_each_end_says_what_is_next(
    code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    next_step(Run(code, None), Path("site.py"))
    assert told in " ".join(capsys.readouterr().err.split())


def test_the_literal_command_names_what_it_runs(tmp_path: Path) -> None:
    command = runner.pyinfra(tmp_path / "site.py", "nginx")
    assert command[1:] == ["-m", "pyinfra", str(tmp_path / "site.py"), "deploys/nginx.py"]
    assert (runner.folder() / "deploys/nginx.py").exists()


@pytest.mark.parametrize("settings", ['{"domain": "https://x"}', "{}", '{"domian": "a.b.com"}'])
def test_wrong_settings_are_refused_before_anybody_connects(tmp_path: Path, settings: str) -> None:
    path = tmp_path / "site.py"
    path.write_text(f'hosts = [("192.0.2.1", {settings}), ("192.0.2.2", {{"domain": 1}})]\n')
    with pytest.raises(ValidationError) as caught:
        runner.run(path, "site", "--dry", quiet=True)
    assert {each.path.split(": ")[0] for each in caught.value.problems} == {
        "192.0.2.1",
        "192.0.2.2",
    }


@pytest.mark.parametrize(
    ("run", "failed"),
    [
        (Run(0, {"results": {"failed_hosts": []}}), False),
        (Run(1, {"results": {"failed_hosts": ["b"]}}), False),  # another host's failure
        (Run(1, {"results": {"failed_hosts": ["a"]}}), True),
        (Run(1, None), True),
    ],
)
def test_a_host_has_failed_where_the_report_names_it(run: Run, *, failed: bool) -> None:
    assert run.has_failed("a") is failed
