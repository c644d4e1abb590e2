"""What the rest of the machine does by itself cuts no stream: packages, certificates, logs."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.load import Load
from tests.lab.sites import LabSite
from tests.lab.streams import prepare, stream

EVENTS, GAP = 200, 200  # of a stream: forty seconds
MODEL = f"stream-{EVENTS}-{GAP}"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends"
MASTER = "cat /run/nginx.pid"
ACTS = (
    f"{APT} install --reinstall nginx",
    "systemctl start one-api-certificate",
    "logrotate --force /etc/one-api-infra/logrotate.conf",
)
# The library that nginx has loaded is another file now, as after a security update.
RENEWED = "f=$(ldconfig -p | grep -o '/.*libssl.so.3'); cp $f $f.new; mv $f.new $f"


@pytest.mark.long
def test_no_stream_is_cut(site: LabSite) -> None:
    token = prepare(site, MODEL)
    site.host.ssh(f"apt-get -qq update; {APT} install needrestart")
    master = site.host.ssh(MASTER)

    def ask() -> None:
        assert site.outside.get("/api/status").status == 200

    with ThreadPoolExecutor(10) as pool:
        load = Load(ask, 0.05)
        streams = [pool.submit(stream, site, token, MODEL) for _number in range(10)]
        time.sleep(1)
        for act in ACTS:
            site.host.ssh(act)
        upgraded = site.host.ssh(MASTER)
        site.host.ssh(f"{RENEWED}; needrestart -q -r a", check=False)
        restarted = site.host.ssh(MASTER)
        counted = [each.result() for each in streams]
        load.end()
    assert len({master, upgraded, restarted}) == 3
    assert counted == [EVENTS] * 10
    assert load.failures == []
    assert site.deploy("-y", "--json").changed == []
