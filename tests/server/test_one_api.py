"""One API itself."""

import json
import re

from testinfra.host import Host

from one_api_infra.desired.site import Site
from tests.server.wire import Wire

PROCESS = '"/proc/$(systemctl show --property=MainPID --value one-api)"'


def test_service_is_enabled_and_runs(host: Host) -> None:
    assert host.service("one-api").is_enabled
    assert host.service("one-api").is_running


def test_runs_as_a_user_without_a_shell(host: Host) -> None:
    assert host.user("one-api").shell == "/usr/sbin/nologin"
    assert host.check_output(f"stat -c %U {PROCESS}") == "one-api"


def test_unit_is_hardened(host: Host) -> None:
    words = host.check_output("systemd-analyze security --no-pager one-api.service | tail -n 1")
    assert float(re.findall(r"[0-9]+\.[0-9]", words)[-1]) <= 2.0


def test_what_runs_is_what_is_installed(host: Host) -> None:
    """Neither the release nor the settings were changed after the start."""
    started = int(host.check_output(f"stat -c %Y {PROCESS}"))
    files = "/opt/one-api/current /etc/one-api/one-api.env /etc/systemd/system/one-api.service"
    changed = host.check_output(f"stat -c %Y {files}").split()
    assert max(map(int, changed)) <= started


def test_executable_is_named_after_its_content(host: Host) -> None:
    summed = host.check_output('sha256sum "$(readlink -f /opt/one-api/current/one-api)"')
    digest, executable = summed.split()
    assert executable.split("/")[-2] == digest[:16]


def test_restarts_have_not_piled_up(host: Host) -> None:
    assert int(host.check_output("systemctl show --property=NRestarts --value one-api")) < 5


def test_data_is_its_own_alone(host: Host) -> None:
    found = host.check_output("stat -c '%U %a' /var/lib/one-api")
    assert found in {"one-api 700", "root 700"}


def test_status_answers_through_the_site(outside: Wire, site: Site) -> None:
    answer = outside.get("/api/status")
    assert answer.status == 200
    assert json.loads(answer.body)["success"] is True


def test_default_password_is_refused(host: Host, site: Site) -> None:
    body = json.dumps({"username": "root", "password": "123456"})
    url = f"http://127.0.0.1:{site.one_api_port}/api/user/login"
    # Logins are limited by address, twenty in twenty minutes: a monitor that verifies each minute
    # would use up those of the server itself. One API believes the address that it is told here.
    script = (
        "import random, sys, urllib.request as u;"
        "who = '198.18.%d.%d' % (random.randrange(256), random.randrange(256));"
        "r = u.Request(sys.argv[1], sys.argv[2].encode(), {'Content-Type': 'application/json',"
        " 'X-Forwarded-For': who, 'X-Real-IP': who});"
        "print(u.urlopen(r, timeout=9).read().decode())"
    )
    answer = json.loads(host.check_output("python3 -c %s %s %s", script, url, body))
    assert answer["success"] is False


def test_set_up_page_is_closed(outside: Wire, site: Site) -> None:
    closed = [path for path in site.edition.closed_routes if outside.get(path).status != 404]
    assert closed == []
    for path in site.edition.read_only_routes:
        assert outside.request("POST", "https", path).status == 403
        assert outside.get(path).status == 200
