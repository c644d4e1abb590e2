"""The faults: how each is put in, the check that must name it first, and how it is mended.

Where ``mend`` is empty, the commands of the verdict's own remedy are carried out, literally.
"""

from one_api_infra.shared import paths
from tests.lab.faults import forge
from tests.lab.faults.fault import (
    DATABASE,
    ELSEWHERE,
    ELSEWHERE6,
    NGINX,
    NO_DROP_IN,
    RESTART,
    Fault,
    callbacks,
    config,
    differ,
    dns_back,
    edit,
    insert,
    no_name,
    notify_domain,
    on_disk,
    other_key,
    records,
    serve,
    server_address,
    silent_server,
    sql,
    two_zones,
    variable,
)

# Every form is judged in tests/unit/checks; here they go the whole way.
ADDRESSES = {
    "empty": "",
    "scheme missing": "DOMAIN",
    "slash at the end": "https://DOMAIN/",
    "localhost": "http://localhost:3000",
    "another domain": "https://other.example.com",
}
CALLBACKS = {
    "empty": "",
    "scheme missing": "DOMAIN",
    "http": "http://DOMAIN",
    "with /v1": "https://DOMAIN/v1",
    "whole path": "https://DOMAIN/api/payment/notify/",
    "port": "https://DOMAIN:8443",
    "another domain": "https://other.example.com",
}
NAMES = (
    *(Fault(f"ServerAddress: {name}", "server_address.stored", server_address(value))
      for name, value in ADDRESSES.items()),
    *(Fault(f"callback domain: {name}", "callback_domain.stored", notify_domain(value))
      for name, value in CALLBACKS.items()),
)  # fmt: skip
DNS = (
    Fault("no address", "dns.resolves", no_name, dns_back),
    Fault("broken DNSSEC", "dns.dnssec", records(BOGUS=[]), dns_back),
    Fault("A to elsewhere", "dns.points_here", records(A=[ELSEWHERE]), dns_back),
    Fault("second A record", "dns.points_here",
          lambda site: records(A=[site.host.address, ELSEWHERE])(site), dns_back),  # type: ignore[operator]
    Fault("AAAA to elsewhere", "dns.points_here", records(AAAA=[ELSEWHERE6]), dns_back),
    Fault("behind a CDN", "dns.points_here", records(A=["104.16.0.1"], AAAA=[]), dns_back),
    Fault("resolvers differ", "dns.resolvers_agree", differ, dns_back),
    Fault("zone server silent", "dns.authoritative", silent_server, dns_back),
    Fault("zone servers differ", "dns.authoritative", two_zones, dns_back),
    Fault("CAA for another CA", "dns.caa", records(CAA=['0 issue "ca.example"']), dns_back),
    Fault("CAA forbids all", "dns.caa", records(CAA=['0 issue ";"']), dns_back),
    Fault("CAA for another account", "dns.caa_account",
          records(CAA=['0 issue "pebble.letsencrypt.org; accounturi=https://x.test/1"']), dns_back),
)  # fmt: skip
NETWORK = (
    Fault("One API down", "one_api.runs", "systemctl stop one-api"),
    Fault("One API hangs", "one_api.runs",
          "systemctl kill -s STOP one-api"),
    Fault("nginx down", "network.https_open", "systemctl stop nginx"),
    Fault("another program on 80 and 443", "network.port_taken",
          "systemctl stop nginx; systemd-run -q --unit=perl perl -e 'use IO::Socket::INET;"
          " my @s = map { IO::Socket::INET->new(LocalPort => $_, Listen => 5) } (80, 443);"
          " sleep 600'; sleep 0.5"),
    Fault("port 80 filtered", "network.http_open", insert("tcp dport 80 drop")),
    Fault("port 443 filtered", "network.https_open", insert("tcp dport 443 drop")),
    Fault("port 443 refused", "network.https_open",
          insert("tcp dport 443 reject with tcp reset")),
    Fault("port 80 filtered over IPv6", "network.http_open_ipv6",
          insert("meta nfproto ipv6 tcp dport 80 drop")),
    Fault("port 443 filtered over IPv6", "network.https_open_ipv6",
          insert("meta nfproto ipv6 tcp dport 443 drop")),
    Fault("One API's port open", "network.one_api_closed",
          f"{insert('tcp dport 3000 accept')}; {paths.PORT_GUARD} --remove"),
    Fault("firewall gone", "firewall.is_loaded", "nft delete table inet one_api_infra"),
    Fault("port guard gone", "firewall.is_loaded", f"{paths.PORT_GUARD} --remove"),
)  # fmt: skip
TLS = (
    Fault("self-signed", "certificate.self_signed",
          serve(lambda site: forge.self_signed(site.domain))),
    Fault("expired", "certificate.in_time",
          serve(lambda site: forge.signed(site.lab.ca, [site.domain], begin=-90, end=-0.1)),
          undo=lambda site: site.converge()),
    Fault("not valid yet", "certificate.in_time",
          serve(lambda site: forge.signed(site.lab.ca, [site.domain], begin=1)),
          lambda site: site.converge()),
    Fault("another name", "certificate.names",
          serve(lambda site: forge.signed(site.lab.ca, ["other.lab.test"]))),
    Fault("incomplete chain", "certificate.chain",
          edit(f"{NGINX}/site.conf", "s|fullchain.pem|cert.pem|"),
          lambda site: site.converge()),
    Fault("unknown CA", "certificate.trusted",
          serve(lambda site: forge.signed(site.lab.ca, [site.domain], trusted=False)),
          lambda site: site.converge()),
    Fault("end of life is near", "certificate.life_left",
          serve(lambda site: forge.signed(site.lab.ca, [site.domain], begin=-85, end=5)),
          lambda site: site.converge()),
    Fault("not reloaded", "certificate.served_is_on_disk", on_disk),
    Fault("another key", "certificate.key_matches", other_key),
    Fault("no TLS for the name", "certificate.is_served",
          edit(f"{NGINX}/site.conf", "/listen 443/,/server_name/s/server_name .*/server_name x.y;/")
          .replace("sed -i", "sed -i.kept"),
          lambda site: site.converge()),
    Fault("443 without TLS", "certificate.is_served",
          edit(f"{NGINX}/site.conf", "s/443 ssl/443/; s/ssl_reject_handshake on;//"),
          lambda site: site.converge()),
    Fault("TLS 1.3 alone", "tls.protocols",
          edit(f"{NGINX}/tls.conf", "s/ssl_protocols .*/ssl_protocols TLSv1.3;/")),
    Fault("TLS 1.0", "tls.protocols",
          edit(f"{NGINX}/tls.conf", "s/ssl_protocols .*/ssl_protocols TLSv1 TLSv1.1 TLSv1.2"
               " TLSv1.3;/; s/ssl_ciphers .*/ssl_ciphers ALL:@SECLEVEL=0;/")),
)  # fmt: skip
HTTP = (
    Fault("301 on the callback route", "callback.no_redirect",
          callbacks("return 301 https://$host/login;")),
    Fault("301 on port 80 alone", "callback.no_redirect",
          edit(f"{NGINX}/site.conf", "0,/callbacks.conf/s|include .*callbacks.conf;||")),
    Fault("challenge page", "callback.no_challenge",
          callbacks('default_type text/html; return 503 "<html>Verify you are human</html>";')),
    Fault("blocked", "callback.no_challenge", callbacks("deny all;")),
    Fault("password", "callback.no_challenge",
          callbacks("add_header WWW-Authenticate Basic always; return 401;")),
    Fault("rate limit of nginx", "callback.no_rate_limit", callbacks("return 429;")),
    Fault("POST refused", "callback.methods",
          callbacks("if ($request_method = POST) { return 405; } & ")),
    Fault("web page", "callback.no_html",
          callbacks('default_type text/html; return 200 "<html>welcome</html>";')),
    Fault("gzip on the answer", "callback.not_compressed",
          edit(f"{NGINX}/callbacks.conf", "s|gzip off;|gzip on; gzip_min_length 0; gzip_types *;"
               " gzip_http_version 1.0; gzip_proxied any;|")),
    Fault("another program's answer", "callback.refusal", callbacks("return 200 success;")),
    Fault("no answer", "callback.answered", callbacks("return 444;")),
    Fault("nginx to a wrong port", "callback.answered",
          callbacks("proxy_pass http://127.0.0.1:3999;")),
)  # fmt: skip
APPLICATION = (
    Fault("database reset", "one_api.is_claimed",
          f"systemctl stop one-api; cp -a {paths.DATA} /root/data; rm {DATABASE}*; {RESTART}",
          undo=f"systemctl stop one-api; rm {DATABASE}*; cp -a /root/data/. {paths.DATA};"
               f" {RESTART}; rm -rf {paths.ACCESS_TOKEN} /root/data"),
    Fault("another ServerAddress in the database", "one_api.options_in_step",
          sql("UPDATE options SET value = 'https://x.test' WHERE key = 'ServerAddress'"),
          sql("UPDATE options SET value = 'https://DOMAIN' WHERE key = 'ServerAddress'")),
    Fault("payment disabled", "payment.is_enabled", config("UPDATE payments SET enable = 0"),
          config("UPDATE payments SET enable = 1")),
    Fault("payment without a key", "payment.settings",
          config("UPDATE payments SET config = json_set(config, '$.key', '')"),
          config("UPDATE payments SET config = json_set(config, '$.key',"
                 " 'epay-merchant-key-0123456789')")),
    Fault("rate limit eaten by pay dialogs", "one_api.rate_limit",
          variable("GLOBAL_API_RATE_LIMIT", "300"), NO_DROP_IN),
    Fault("credit in batches", "one_api.batch_update", variable("BATCH_UPDATE_ENABLED", "true"),
          NO_DROP_IN),
)  # fmt: skip
HOOK = "/etc/one-api-infra/letsencrypt/renewal-hooks/deploy/one-api-infra"
RENEWAL = "/etc/one-api-infra/letsencrypt/renewal/*.conf"
FLOW = (
    Fault(
        "containers published past the firewall", "firewall.docker",
        "nft 'add table ip nat; add chain ip nat DOCKER;"
        " add rule ip nat DOCKER tcp dport 8080 dnat to 172.17.0.2:80'",
        "nft delete table ip nat",
    ),
    Fault("disk full", "system.disk", "mount -t tmpfs -o size=1m tmpfs /tmp", "umount /tmp"),
    Fault("callbacks not logged", "callback_log.has_probe",
          edit(f"{NGINX}/callbacks.conf", "s/access_log .*;/access_log off;/")),
    Fault("timer off", "certificate.timer", "systemctl stop one-api-certificate.timer"),
    Fault("renewal fails", "certificate.renewal",
          "mkdir -p /run/systemd/system/one-api-certificate.service.d; printf"
          " '[Service]\\nExecStart=\\nExecStart=/bin/false\\n'"
          " >/run/systemd/system/one-api-certificate.service.d/x.conf; systemctl daemon-reload;"
          " systemctl start one-api-certificate",
          "rm -r /run/systemd/system/one-api-certificate.service.d; systemctl daemon-reload;"
          " systemctl start one-api-certificate"),
    Fault("hook cannot run", "system.files", f"chmod -x {HOOK}"),
    Fault("hook failed silently", "certificate.hook",
          f"echo '{{\"ok\": false, \"message\": \"x\", \"time\": 1}}' >{paths.HOOK_RESULT}"),
    Fault("configuration not loaded", "nginx.is_loaded",
          "echo '# changed' >>/etc/nginx/nginx.conf", undo=lambda site: site.converge()),
    Fault("a unit failed", "system.units", "systemd-run -q --unit=broken false; sleep 0.3"),
    Fault("callbacks' agent stopped", "ledger.is_fresh",
          "systemctl stop one-api-callbacks.timer"),
    Fault("monitor stopped", "monitor.ran",
          "systemctl stop one-api-monitor.timer;"
          f" sed -i -E 's/\"ran\": [0-9.]+/\"ran\": 1/' {paths.MONITOR_STATE}"),
)  # fmt: skip
FAULTS = (*NAMES, *DNS, *NETWORK, *TLS, *HTTP, *APPLICATION, *FLOW)
