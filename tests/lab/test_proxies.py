"""A load balancer before the site: whose word of the client's address is believed."""

import json
import secrets
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import wait_until
from tests.lab.sites import LabSite

FORGED = "203.0.113.99"
INSTALL = (
    "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y"
    " --no-install-recommends nginx libnginx-mod-stream ssl-cert >/dev/null 2>&1"
)
# It ends TLS and speaks it anew, as CDNs do.
OVER_HTTP = """
include /etc/nginx/modules-enabled/*.conf; events {{}}
http {{ server {{
  listen 443 ssl; listen 80;
  ssl_certificate /etc/ssl/certs/ssl-cert-snakeoil.pem;
  ssl_certificate_key /etc/ssl/private/ssl-cert-snakeoil.key;
  location / {{
    proxy_pass https://{address}; proxy_ssl_server_name on; proxy_ssl_name {domain};
    proxy_set_header Host {domain}; proxy_set_header X-Real-IP $http_x_real_ip;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  }} }} }}
"""
# It hands connections on as they are, and says before them whose they are.
BY_PROXY_PROTOCOL = """
include /etc/nginx/modules-enabled/*.conf; events {{}}
stream {{
  server {{ listen 443; listen [::]:443; proxy_pass {address}:443; proxy_protocol on; }}
  server {{ listen 80; listen [::]:80; proxy_pass {address}:80; proxy_protocol on; }}
}}
"""


CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE  # a proxy has any certificate


def proxy(lab: Lab, name: str) -> Host:
    host = lab.create(name, "debian-13")
    host.ssh(INSTALL)
    return host


def use(host: Host, site: LabSite, configuration: str) -> None:
    text = configuration.format(address=site.host.address, domain=site.domain)
    host.ssh("cat >/etc/nginx/nginx.conf; systemctl restart nginx", stdin=text)


@pytest.fixture(scope="module")
def proxies(lab: Lab) -> Iterator[tuple[Host, Host]]:
    """One that the site trusts, and one that it does not."""
    made = proxy(lab, "trusted"), proxy(lab, "other")
    yield made
    for host in made:
        host.remove()


def seen(site: LabSite, address: str, **headers: str) -> tuple[str, str, str]:
    """Whose a request by ``address`` was: by the access log, the callback log, One API's own."""
    mark = secrets.token_hex(6)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    for path in (f"/api/{mark}", f"/api/payment/notify/{mark}"):
        connection = HTTPConnection(address, 443, timeout=10)
        connection.sock = CONTEXT.wrap_socket(
            socket.create_connection((address, 443), timeout=10), server_hostname=site.domain
        )
        connection.request("GET", path, headers={"Host": site.domain, **named})
        assert connection.getresponse().status in {200, 404}
        connection.close()
    access = f"sleep 1.5; grep /api/{mark} /var/log/one-api-infra/access.log | cut -d' ' -f1"
    callback = f"grep notify/{mark} /var/log/one-api-infra/callbacks.log"
    own = f"journalctl -u one-api -o cat --no-pager | grep /api/{mark}"
    told = site.host.ssh(own)
    client = next(word for word in told.replace('"', " ").split() if word.count(".") == 3)
    return (
        site.host.ssh(access).strip(),
        json.loads(site.host.ssh(callback))["client"],
        client.strip(","),
    )


@pytest.mark.long
@pytest.mark.timeout(600)
def test_only_trusted_proxies_tell_the_client(site: LabSite, proxies: tuple[Host, Host]) -> None:
    trusted, other = proxies
    for each in proxies:
        use(each, site, OVER_HTTP)
    ours = seen(site, site.host.address)[0]
    assert seen(site, trusted.address) == (trusted.address,) * 3  # not yet
    site.inventory(trusted_proxies=[trusted.address])
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    assert seen(site, trusted.address) == (ours,) * 3
    forged = {"X_Forwarded_For": FORGED, "X_Real_IP": FORGED, "CF_Connecting_IP": FORGED}
    assert seen(site, trusted.address, **forged) == (ours,) * 3
    assert seen(site, site.host.address, **forged) == (ours,) * 3
    assert seen(site, other.address, **forged) == (other.address,) * 3
    rules = site.host.ssh("nft list chain inet one_api_infra input")
    assert f"ip saddr {trusted.address} tcp dport {{ 80, 443 }} accept" in rules
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_balancer_that_speaks_the_proxy_protocol(
    site: LabSite, proxies: tuple[Host, Host]
) -> None:
    balancer = proxies[0]
    ours = seen(site, site.host.address)[0]
    use(balancer, site, BY_PROXY_PROTOCOL)
    site.lab.records(**{site.domain: {"A": [balancer.address], "AAAA": [balancer.address6]}})
    site.inventory(trusted_proxies=[balancer.address, balancer.address6], proxy_protocol=True)
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    assert seen(site, balancer.address) == (ours,) * 3
    assert seen(site, balancer.address, X_Forwarded_For=FORGED) == (ours,) * 3
    site.host.ssh("rm -rf /etc/one-api-infra/letsencrypt")
    site.converge()  # the CA comes by the balancer too
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
    wait_until(site.answers, 30, "the site")
