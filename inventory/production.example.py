"""A real site. Copy this file to inventory/production.py (git does not track that one), then:

    ONE_API_INFRA_ENVIRONMENT=production pyinfra inventory.py deploys/site.py
    pyinfra inventory/production.py deploys/site.py          # the same, named directly

Two settings are needed, `domain` and `acme_email`; the rest shows a default, or an example, as a
comment.
"""

import os

hosts = [
    (
        # The server: its address or name, as ssh takes it.
        "203.0.113.10",
        {
            # --- How ssh gets there -----------------------------------------------------------
            "ssh_user": "root",
            # "ssh_port": 22,
            # "ssh_key": "~/.ssh/id_ed25519",
            # Its key, as the provider's console shows it; else the first contact is believed:
            # "ssh_fingerprint": "SHA256:…",           # ssh-keygen -lf …/ssh_host_ed25519_key.pub
            # "ssh_config_file": "/home/me/jumps",     # for a jump host; else ~/.ssh/config is read
            # An ordinary user with sudo; a password is asked for, or taken from the variable
            # ONE_API_INFRA_SUDO_PASSWORD:
            # "_sudo": True,
            #
            # --- The site ---------------------------------------------------------------------
            # The bare domain, written once: no https://, no port, no slash.
            "domain": "ai.example.com",
            # What payment gateways call (回调域名). Only beside a CDN is it another one: a name
            # whose DNS leads here directly.
            # "callback_domain": "ai.example.com",
            #
            # --- The certificate --------------------------------------------------------------
            "acme_email": "admin@example.com",
            # "certificate": "acme",                   # or "external": somebody else's files
            # "certificate_file": "/etc/ssl/ai/fullchain.pem",   # on the server
            # "certificate_key_file": "/etc/ssl/ai/privkey.pem",
            # "acme_server": "https://acme-v02.api.letsencrypt.org/directory",
            # "acme_staging_server": "https://acme-staging-v02.api.letsencrypt.org/directory",
            # "acme_ca_file": "/path/root.pem",        # the CA's own HTTPS root, if it is private
            # "trusted_ca_file": "/path/root.pem",     # the root of what it issues, likewise
            # "acme_profile": "tlsserver",             # none: the CA's default
            # "key_type": "ecdsa",                     # or "rsa"; ecdsa costs half the CPU
            # "certbot": "venv",                       # or "distribution": Debian's package
            # "dns-01": the CA asks DNS, and nobody needs port 80 (docs/server.md). The provider's
            # code and the names of its credentials are those of go-acme.github.io/lego/dns.
            # "acme_challenge": "http-01",
            # "acme_dns_provider": "alidns",           # tencentcloud, huaweicloud, cloudflare…
            # "acme_dns_credentials": {"ALICLOUD_ACCESS_KEY": os.environ["ALICLOUD_ACCESS_KEY"]},
            # "acme_dns_seconds": 60,                  # until all its servers show a new record
            # "certificate_names": ["*.example.com"],  # beside both domains; "*." by dns-01 alone
            #
            # --- One API ----------------------------------------------------------------------
            # "edition": "one-hub",                    # or "done-hub", "new-api", "one-api"
            # "version": "v0.14.27",
            # Where GitHub is slow: a prefix that is put before its URL, or a file of your own.
            # "artifact_mirror": "https://mirror.example.com",
            # "artifact": "/path/to/one-api",
            # "artifact_sha256": "…",                  # else: as at the first download, which is
            #   noted in inventory/artifacts.lock.json: commit that file
            # "one_api_port": 3000,                    # never reachable from outside
            # "one_api_second_port": 3001,             # likewise: a second instance in an upgrade
            # "drain_minutes": 30,                     # what an upgrade waits for open requests
            # What a new release may do worse before `one-api-infra upgrade` goes back by itself:
            # "upgrade_max_failures": 5,               # percent of requests that fail, more
            # "upgrade_max_slowdown": 3,               # times as long until an answer begins
            # "reboot_time": "04:30",                  # by the server's own clock (timedatectl)
            # "environment": {"RELAY_TIMEOUT": "600"}, # more of One API's own variables
            # "overload_guard": False,                 # new-api: True: it sees the load
            # "token_encoders": True,                  # False: one-hub without tiktoken data
            # "tiktoken_data": "/path",                # else: fetched once on this machine
            # "time_zone": "Asia/Shanghai",
            #
            # --- Secrets: from the environment, never in a file that git tracks ---------------
            # Without it, a password is generated on the server: /etc/one-api/root-password.
            # "root_password": os.environ["ONE_API_INFRA_ROOT_PASSWORD"],
            # postgres://user:password@host/db or user:password@tcp(host:3306)/db (MySQL);
            # without it SQLite, which is for small sites.
            # "database_url": os.environ["ONE_API_INFRA_DATABASE_URL"],
            # "database_connections": 50,              # for this host, of what it has
            # redis://:password@host:6379/0; one server needs none: docs/server.md.
            # "redis_url": os.environ["ONE_API_INFRA_REDIS_URL"],
            #
            # --- The server -------------------------------------------------------------------
            # "connections_per_address": 512,          # at a time, to 80 and 443; orders: an eighth
            # "open_ports": [8443, "51820/udp"],       # beside ssh, 80 and 443
            # "public_addresses": [],                  # if DNS names an address of a NAT
            # A CDN or load balancer that stands before "domain" (docs/server.md): its networks, a
            # file of them, or "cloudflare". Only by these does a header tell the client's address.
            # "trusted_proxies": ["10.0.0.5", "/path/ranges.txt"],  # or ["cloudflare"]
            # "proxy_protocol": False,                 # True: they speak it; nobody else comes in
            # "dns_resolvers": [],                     # else: public ones beside this machine's
            # "pip_index": "https://mirror.example.com/simple",  # where PyPI is slow
            # "pip_wheels": "server",                  # "admin": fetched here and uploaded: 29 MB
            # "log_days": 180,                         # how long callbacks are kept; 1 GiB at most
            #
            # --- Payments: a service sends lost callbacks again, and asks the gateways -----------
            # "callbacks": "on",                       # off: no service; nginx records all the same
            # "gateway_networks": ["10.0.0.0/8"],      # private ones in which gateways are
            # "reconcile": "act",                      # report: sends nothing, only tells
            #
            # --- Move to another server: docs/move.md -------------------------------------------
            # On the new host, beside the old one in `hosts`: where the site still is.
            # "moves_from": "203.0.113.10",
            #
            # --- Backup: docs/backup.md ---------------------------------------------------------
            # Repositories of restic, one or more; encrypted before anything leaves the server.
            # "backup": ["sftp:backup@backup.example.com:/srv/ai"],
            # Without the password nobody can read it: keep it in another place too.
            # "backup_password": os.environ["ONE_API_INFRA_BACKUP_PASSWORD"],
            # "backup_environment": {"AWS_ACCESS_KEY_ID": os.environ["…"]},  # for s3: and others
            # "backup_ssh_key_file": "/path/backup_ed25519",  # on this machine, for sftp:
            # "backup_ssh_known_hosts": [],            # else the first contact is believed
            # "backup_minutes": 60,
            # "backup_keep": {"hourly": 24, "daily": 14, "weekly": 8, "monthly": 12},
            # "backup_stream": True,                   # SQLite: every second, encrypted
            # "backup_prune": "server",                # "admin": from an append-only repository
            # "backup_kib_per_second": 0,              # upload limit; 0: none
            #
            # --- Tunnels: public names for developers' One APIs: docs/development.md ------------
            # "tunnels": {
            #     "alice": {"domain": "alice.dev.example.com", "key": "ssh-ed25519 AAAA… alice"},
            # },
            #
            # --- Alerts: the monitor looks every three minutes ----------------------------------
            # Channels as apprise writes them: DingTalk, WeCom, Feishu, Telegram, email, webhooks.
            # "alert_urls": os.environ["ONE_API_INFRA_ALERT_URLS"].split(),
            # "alert_quiet_minutes": 60,               # before a fault that came back is told again
            # "heartbeat_url": os.environ["ONE_API_INFRA_HEARTBEAT_URL"],  # a dead man's switch
            # "language": "zh_CN",                     # of alerts: zh_CN or en
            # "waive": ["system.clock"],               # checks that may fail
        },
    ),
]

# Left here so that an editor does not remove the import above.
_ = os.environ
