"""Every deploy also runs alone, and changes nothing on a finished site."""

from one_api_infra.shared import paths
from tests.lab.sites import ROOT, LabSite

NAMES = sorted(path.stem for path in (ROOT / "deploys").glob("*.py"))


def test_each_runs_alone(site: LabSite) -> None:
    assert "site" in NAMES
    for name in NAMES:
        if name == "remove":
            continue
        done = site.deploy("-y", "--json", name=name)
        assert (done.code, done.changed) == (0, []), (name, done.stderr)


def test_a_changed_file_is_healed(site: LabSite) -> None:
    """Drift: each of our files is changed or removed, and one run brings all back."""
    files = [
        "/etc/one-api/one-api.env",
        "/etc/systemd/system/one-api.service",
        "/etc/nginx/conf.d/one-api.conf",
        "/etc/nginx/nginx.conf",
        "/etc/systemd/system/one-api-certificate.timer",
        "/etc/one-api-infra/site.json",
        "/opt/one-api-infra/one-api-infra.pyz",
        "/etc/one-api-infra/logrotate.conf",
    ]
    sums = site.host.ssh(f"sha256sum {' '.join(files)}; stat -c '%n %U %a' {' '.join(files)}")
    for index, path in enumerate(files):
        site.host.ssh(f"rm {path}" if index % 2 else f"echo '# drift' >>{path}; chmod 666 {path}")
    site.host.ssh(f"chmod 644 {paths.ROOT_PASSWORD} {paths.GENERATED}")
    site.host.ssh("nft flush ruleset; ln -sfn nowhere /etc/nginx/one-api; systemctl stop one-api")
    site.converge()
    again = f"sha256sum {' '.join(files)}; stat -c '%n %U %a' {' '.join(files)}"
    assert site.host.ssh(again) == sums
    modes = site.host.ssh(f"stat -c %a {paths.ROOT_PASSWORD} {paths.GENERATED}")
    assert modes.split() == ["600", "600"]
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
