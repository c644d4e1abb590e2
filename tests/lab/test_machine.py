"""What the rest of the machine does by itself cuts no stream: packages, certificates, logs."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from one_api_infra.shared import paths
from tests.lab.load import Load
from tests.lab.sites import LabSite
from tests.lab.streams import prepare, stream

EVENTS, GAP = 75, 200  # of a stream: fifteen seconds
MODEL = f"stream-{EVENTS}-{GAP}"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends"
MASTER = "cat /run/nginx.pid"
# The library that nginx has loaded is another file now, as after a security update.
RENEWED = "f=$(ldconfig -p | grep -o '/.*libssl.so.3'); cp $f $f.new; mv $f.new $f"
ACTS = {
    "the certificate is renewed": "systemctl start one-api-certificate",
    "logs are rotated": "logrotate --force /etc/one-api-infra/logrotate.conf",
    "nginx' package is upgraded": f"{APT} install --reinstall nginx",
    "needrestart sees a new library": f"{RENEWED}; needrestart -q -r a",
}
NEW_MASTER = {"nginx' package is upgraded", "needrestart sees a new library"}


@pytest.mark.long
def test_no_stream_is_cut(site: LabSite) -> None:
    token = prepare(site, MODEL)
    # On a new site One API is restarted: nobody is served yet who could be cut off.
    site.host.ssh(f"touch -d yesterday {paths.PASSWORD_CONFIRMED}")
    site.host.ssh(f"apt-get -qq update; {APT} install needrestart")

    def ask() -> None:
        assert site.outside.get("/api/status").status == 200

    for name, act in ACTS.items():
        master = site.host.ssh(MASTER)
        with ThreadPoolExecutor(10) as pool:
            load = Load(ask, 0.05)
            streams = [pool.submit(stream, site, token, MODEL) for _number in range(10)]
            time.sleep(1)
            site.host.ssh(act)
            ends = [each.exception() or each.result() for each in streams]
            load.end()
        assert ends == [EVENTS] * 10, name
        assert load.failures == [], name
        assert (site.host.ssh(MASTER) != master) == (name in NEW_MASTER), name
    assert site.deploy("-y", "--json").changed == []
