"""Faults of the server itself, of which nothing need be seen on the wire for a while."""

import shlex

from one_api_infra.shared import paths, units
from tests.lab.faults.fault import (
    DATABASE,
    NGINX,
    NO_DROP_IN,
    RELOAD,
    RESTART,
    Fault,
    callbacks,
    drop_in,
    edit,
    variable,
)
from tests.lab.sites import LabSite

RENEWAL = f"{paths.LETSENCRYPT}/renewal/DOMAIN.conf"
REHEARSE = "systemctl start one-api-rehearsal"
SITE = f"{NGINX}/site.conf"
UNIT, UNIT_FILE = units.ONE_API, units.path(units.ONE_API)
# Not for a number of seconds: a busy machine takes longer to start it.
RESTARTED = f"until [ $(systemctl show -P NRestarts {UNIT}) -ge 3 ]; do sleep 1; done"
PERL = (
    "systemd-run -q --unit=perl perl -e 'use IO::Socket::INET; my $s = IO::Socket::INET->new("
    "LocalPort => PORT, Listen => 5, ReuseAddr => 1); sleep 600'; sleep 0.5"
)


def left_alone() -> str:
    """An upgrade at its last step, whose unit somebody has stopped."""
    script = (
        "import time; from one_api_infra.shared import plain, upgrade as u;"
        "boot = open('/proc/sys/kernel/random/boot_id').read().strip();"
        "print(plain.write(u.Upgrade('new', 'old', 'ending', time.time(), boot, 'sum')))"
    )
    return f"PYTHONPATH={paths.ZIPAPP} {paths.PYTHON} -c {shlex.quote(script)} >{paths.UPGRADE}"


def tested(step: str) -> str:
    """A test payment that has failed at a step, or has passed."""
    script = (
        "import json, sqlite3, time;"
        "ledger = sqlite3.connect('/var/lib/one-api-callbacks/ledger.db');"
        "notes = dict(ledger.execute('SELECT name, value FROM notes'));"
        "row = next(iter(json.loads(notes.get('accounts', '{}'))), 'x');"
        f"told = {{row: {{'title': 'epay', 'at': time.time(), 'step': '{step}'}}}};"
        "note = ('tested', json.dumps(told));"
        "ledger.execute('INSERT OR REPLACE INTO notes VALUES (?, ?)', note); ledger.commit()"
    )
    return f"python3 -c {shlex.quote(script)}; systemctl start {units.CALLBACKS}"


def converge(site: LabSite) -> None:
    """What the deploy makes whole."""
    site.converge()


def journal(mode: str) -> str:
    """Another journal mode in One API's database, which must be free for it."""
    script = f"import sqlite3; sqlite3.connect('{DATABASE}').execute('PRAGMA journal_mode={mode}')"
    return f"systemctl stop one-api; python3 -c {shlex.quote(script)}; {RESTART}"


def rival(site: LabSite) -> None:
    """Another nginx site with our name, which is asked in our place."""
    text = "server { listen 80; server_name DOMAIN; return 404; }".replace("DOMAIN", site.domain)
    site.host.ssh(f"cat >{paths.NGINX}/conf.d/aaa.conf; {RELOAD}", stdin=text)


PROCESS = (
    Fault("upgrade left alone", "one_api.upgrade", left_alone()),
    Fault("ended every second", "one_api.keeps_running",
          f"{drop_in(UNIT, 'Service', 'RuntimeMaxSec=1')};"
          f" systemctl restart one-api; {RESTARTED}", undo=NO_DROP_IN),
    Fault("a unit that cannot start", "one_api.keeps_running",
          f"{drop_in(UNIT, 'Service', 'ExecStart=', 'ExecStart=/bin/false')};"
          f" systemctl restart one-api; {RESTARTED}", undo=NO_DROP_IN),
    Fault("One API as root", "one_api.user",
          f"{drop_in(UNIT, 'Service', 'User=root', 'Group=root')}; {RESTART}",
          undo=NO_DROP_IN),
    Fault("another program", "one_api.release",
          f"cd {paths.CURRENT}/; cp one-api x; echo >>x; mv x one-api"),
    Fault("no program", "one_api.release", f"rm {paths.CURRENT}/one-api"),
    Fault("started from other settings", "one_api.is_loaded", f"echo x >{paths.STARTED}"),
    Fault("another program on One API's port", "one_api.port",
          f"systemctl stop one-api; {PERL.replace('PORT', '3000')}; systemctl start one-api"),
    Fault("One API's user is gone", "system.users", "sed -i '/^one-api:/d' /etc/passwd",
          undo=converge),
    Fault("the monitor's user is gone", "system.users", "userdel --force one-api-monitor"),
    Fault("the callbacks' user is gone", "system.users", "userdel --force one-api-callbacks",
          undo=converge),
    Fault("a package is gone", "system.packages", "apt-get remove -qq -y libnginx-mod-http-js",
          undo=converge),
    Fault("monitor once a year", "system.drop_ins",
          drop_in("one-api-monitor.timer", "Timer", "OnCalendar=yearly")),
    Fault("renewal that does nothing", "system.drop_ins",
          drop_in("one-api-certificate.service",
                  "Service", "ExecStart=", "ExecStart=/bin/true")),
    Fault("nginx with few files", "system.drop_ins",
          drop_in("nginx.service", "Service", "LimitNOFILE=64")),
)  # fmt: skip
STORE = (
    Fault("database deleted", "database.answers", f"rm {DATABASE}*", undo=converge),
    Fault("database file deleted, its log left", "database.answers", f"rm {DATABASE}",
          undo=converge),
    Fault("database replaced", "database.answers",
          f"cp -p {DATABASE} /root/x; mv /root/x {DATABASE}", undo=converge),
    Fault("database another's", "database.answers",
          f"chown root: {DATABASE}; chmod 600 {DATABASE}"),
    Fault("database read-only", "database.takes_writes", f"chmod 444 {DATABASE}"),
    Fault("database's folder closed to writing", "database.takes_writes",
          f"chmod 500 {paths.DATA}"),
    Fault("database's disk read-only", "database.takes_writes",
          f"systemctl stop one-api; mount -t tmpfs tmpfs /mnt; cp -a {paths.DATA}/. /mnt;"
          f" mount --bind /mnt {paths.DATA}; umount /mnt; mount -o remount,ro {paths.DATA};"
          " systemctl start one-api",
          undo=f"systemctl stop one-api; umount {paths.DATA}; {RESTART}"),
    Fault("database damaged", "database.answers",
          f"systemctl stop one-api; rm -rf /root/data; cp -a {paths.DATA} /root/data;"
          f" rm -f {DATABASE}-*;"
          f" dd status=none conv=notrunc if=/dev/urandom of={DATABASE} bs=100 count=1",
          f"systemctl stop one-api; cp -a /root/data/. {paths.DATA}; {RESTART}"),
    Fault("database locked", "database.takes_writes",
          "systemd-run -q --unit=holder python3 -c 'import sqlite3, time; d = sqlite3.connect("
          f'"{DATABASE}", isolation_level=None); d.execute("BEGIN EXCLUSIVE"); time.sleep(600)'
          "'; sleep 1"),
    Fault("SQLite's journal as it was", "database.journal", journal("DELETE")),
    Fault("secrets lost", "system.files", f"rm {paths.GENERATED}"),
    Fault("secrets and their copy lost", "system.files",
          f"rm {paths.GENERATED} {paths.GENERATED_COPY}"),
    Fault("password for all to read", "system.files", f"chmod 644 {paths.ROOT_PASSWORD}"),
    Fault("access token lost", "system.files", f"rm {paths.ACCESS_TOKEN}", undo=converge),
    Fault("environment edited", "system.files",
          edit("/etc/one-api/one-api.env", "s/^GLOBAL_API_RATE_LIMIT=.*/&0/", "true")),
    Fault("web's rate limit", "one_api.rate_limit", variable("GLOBAL_WEB_RATE_LIMIT", "60"),
          NO_DROP_IN),
)  # fmt: skip
CERTIFICATE = (
    Fault("key for all to read", "certificate.key_is_private",
          f"chmod 644 {paths.LETSENCRYPT}/live/DOMAIN/privkey.pem"),
    Fault("another authenticator", "certificate.notes",
          f"sed -i 's/^authenticator = .*/authenticator = standalone/' {RENEWAL}"),
    Fault("a hook that stops nginx", "certificate.notes",
          f"sed -i '/^.renewalparams/a pre_hook = systemctl stop nginx' {RENEWAL}"),
    Fault("renewal's notes gone", "certificate.notes", f"rm {RENEWAL}"),
    Fault("account gone", "certificate.notes", f"rm -r {paths.LETSENCRYPT}/accounts"),
    Fault("account unknown to the CA", "certificate.rehearsal",
          f"sed -i -E 's|(\"uri\": \"[^\"]*/)[^/\"]+\"|\\10000\"|'"
          f" $(find {paths.LETSENCRYPT}/accounts -name regr.json); {REHEARSE}"),
    Fault("challenge not served", "certificate.rehearsal",
          f"{edit(f'{NGINX}/acme.conf', 's|root .*;|return 404;|')}; {REHEARSE}"),
    Fault("plugin that is not there", "certificate.notes",
          f"sed -i 's/^authenticator = .*/authenticator = apache/' {RENEWAL}; {REHEARSE}",
          undo=REHEARSE),
    Fault("rehearsal off", "system.services_run", "systemctl stop one-api-rehearsal.timer"),
    Fault("certificate deleted", "certificate.served_is_on_disk",
          f"rm -r {paths.LETSENCRYPT}/live/DOMAIN", undo=converge),
)  # fmt: skip
NETWORK = (
    Fault("packets of full size get lost", "network.full_packets",
          "sysctl -qw net.ipv4.tcp_mtu_probing=0; nft 'add table inet mtu; add chain inet mtu o"
          " { type filter hook output priority 0; }; add rule inet mtu o tcp sport 443"
          " meta length > 1300 drop'", undo="nft delete table inet mtu; ip link set dev"
          " $(ip -o route get 192.0.2.1 | grep -oP 'dev \\K\\S+') mtu 1500"),
    Fault("another site with our name", "nginx.foreign_site", rival),
    Fault("another site that is no configuration", "nginx.is_loaded",
          f"echo 'server {{ listen' >{paths.NGINX}/conf.d/zzz.conf"),
    Fault("nginx' folder closed", "nginx.folders", "chown root: /var/lib/nginx/proxy"),
    Fault("no resolver", "system.resolver", "cp -L /etc/resolv.conf /root/r; rm /etc/resolv.conf;"
          " echo nameserver 127.0.0.9 >/etc/resolv.conf", "cat /root/r >/etc/resolv.conf"),
    Fault("HTTP/2 off", "tls.http2", edit(SITE, "s/http2 on/http2 off/")),
    Fault("TLS 1.2 alone", "tls.protocols",
          edit(f"{NGINX}/tls.conf", "s/ssl_protocols .*/ssl_protocols TLSv1.2;/")),
    Fault("a port opened by hand", "firewall.is_loaded",
          "nft insert rule inet one_api_infra input tcp dport 9999 accept"),
    Fault("reboot needed", "system.reboot",
          "echo linux-image-amd64 >/run/reboot-required.pkgs; touch /run/reboot-required",
          "rm /run/reboot-required*"),
    Fault("test payment failed", "payment.test", tested("callback"), tested("")),
    Fault("inodes used up", "system.disk",
          "mount -t tmpfs -o size=400m,nr_inodes=20 tmpfs /tmp; touch /tmp/{1..30}; true",
          "umount /tmp"),
)  # fmt: skip
ANSWERS = (
    *(Fault(f"callback answered {status}", "callback.refusal",
            callbacks(f"return {status} x;")) for status in (404, 410, 500)),
    *(Fault(f"callback answered {status}", "callback.answered", callbacks(f"return {status} x;"))
      for status in (502, 504)),
    *(Fault(f"callback moved {status}", "callback.no_redirect",
            callbacks(f"return {status} https://$host/;")) for status in (302, 307, 308)),
    Fault("nginx says fail itself", "callback.refusal", callbacks("return 200 fail;")),
    Fault("an empty answer", "callback.refusal", callbacks("return 204;")),
)  # fmt: skip
# Nothing of these is seen in a request of ours: that the file is another's is.
EDITS = (
    *(Fault(f"nginx edited: {name}", "nginx.files", edit(f"{NGINX}/{file}", expression))
      for name, file, expression in (
          ("host lost", "proxy.conf", "s/Host .*/Host localhost;/"),
          ("client's address lost", "proxy.conf", "s/X-Real-IP .*/X-Real-IP 127.0.0.1;/"),
          ("hurry", "callbacks.conf", "s/proxy_read_timeout .*/proxy_read_timeout 1s;/"),
          ("small requests", "http.conf", "$a client_max_body_size 10;"),
          ("no streams", "relay.conf", "s/proxy_buffering off/proxy_buffering on/"),
          ("a header", "headers.conf", "1d"),
      )),
)  # fmt: skip
FILES = (
    *(Fault(f"{path.rpartition('/')[2]}: {name}", check, command)
      for path, name, check, command in (
          (paths.SITE, "cut", "system.agent", f"truncate -s 40 {paths.SITE}"),
          (paths.ZIPAPP, "cut", "system.agent", f"truncate -s 9000 {paths.ZIPAPP}"),
          (paths.ZIPAPP, "gone", "system.agent", f"rm {paths.ZIPAPP}"),
          (paths.PYTHON, "gone", "system.agent", f"rm -f $(realpath -s {paths.PYTHON})"),
          (paths.MANIFEST, "gone", "system.files", f"rm {paths.MANIFEST}"),
          (paths.MANIFEST, "cut", "system.files", f"truncate -s 30 {paths.MANIFEST}"),
          (paths.WEBROOT, "closed", "system.files", f"chmod 700 {paths.WEBROOT}"),
          (paths.PORT_GUARD, "gone", "system.files", f"rm {paths.PORT_GUARD}"),
          (paths.CALLBACK_LOG, "folder closed", "system.files",
           "chmod 700 /var/log/one-api-infra"),
          (UNIT_FILE, "edited", "system.files", f"sed -i 's/^User=.*/User=root/' {UNIT_FILE}"),
          (UNIT_FILE, "gone", "system.files", f"rm {UNIT_FILE}"),
      )),
)  # fmt: skip
UNITS = (
    *(Fault(f"{unit}: disabled", "system.services", f"systemctl disable -q {unit}")
      for unit in ("one-api.service", "nginx.service", "one-api-firewall.service",
                   "one-api-certificate.timer", "one-api-rehearsal.timer", "one-api-disk.service",
                   "one-api-logrotate.timer", "one-api-monitor.timer", "one-api-callbacks.timer",
                   "unattended-upgrades.service")),
    *(Fault(f"{unit}: stopped", "system.services_run", f"systemctl stop {unit}")
      for unit in ("one-api-disk.service", "one-api-logrotate.timer",
                   "unattended-upgrades.service")),
    Fault("nginx masked", "system.services", "systemctl mask -q --now nginx"),
    Fault("security updates masked", "system.services",
          "systemctl mask -q --now unattended-upgrades"),
)  # fmt: skip
FAULTS = (
    *PROCESS, *STORE, *CERTIFICATE, *NETWORK, *ANSWERS, *EDITS, *FILES, *UNITS,
)  # fmt: skip
