"""A run over an sshd that allows few sessions at a time, and with keys of every kind."""

import subprocess
from pathlib import Path

import pytest

from one_api_infra.shared import paths
from tests.lab.sites import LabSite


@pytest.mark.parametrize("sessions", [3, 4])
def test_few_sessions_are_enough(site: LabSite, sessions: int) -> None:
    """The lock holds one all the while, SFTP the second since it brought a release."""
    site.host.ssh(
        f"echo 'MaxSessions {sessions}' >/etc/ssh/sshd_config.d/few.conf; systemctl restart ssh;"
        f" rm {paths.CURRENT}/one-api"
    )
    site.inventory(environment={"RELAY_TIMEOUT": "300"})
    assert site.deploy("-y", "--json").changed
    assert "RELAY_TIMEOUT" in site.host.ssh("cat /etc/one-api/one-api.env")
    second = site.deploy("-y", "--json").totals
    assert second["no_change"] == second["hosts"]


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_every_kind_of_key(site: LabSite, kind: str, tmp_path: Path) -> None:
    """One that the server does not know is refused, and not taken for its silence."""
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True)
    site.inventory(ssh_key=str(key), ssh_allow_agent=False)
    refused = site.deploy("-y", "--json")
    assert refused.code != 0
    assert "uthentication" in refused.stderr
    public = key.with_suffix(".pub").read_text().strip()
    site.host.ssh(f"echo '{public}' >>/root/.ssh/authorized_keys")
    run = site.deploy("-y", "--json").totals
    assert run["no_change"] == run["hosts"]
