"""A run over an sshd that allows few sessions at a time."""

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
