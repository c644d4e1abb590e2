# The same site by a shell script over one ssh, as the floor: PAYLOAD stands in /root/payload.
set -eu
cd /root/payload
. ./vars.sh
changed() { ! cmp -s "root$1" "$1"; }

missing=$(for name in $PACKAGES; do
    dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || echo "$name"
done)
if [ -n "$missing" ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    # shellcheck disable=SC2086
    apt-get -qq install -y --no-install-recommends $missing >/dev/null
fi
while read -r name home; do
    id -u "$name" >/dev/null 2>&1 ||
        useradd --system --user-group --no-create-home --shell /usr/sbin/nologin --home-dir "$home" "$name"
done <users
while read -r mode path; do install -d -m "$mode" "$path"; done <directories

restart='' reload='' units='' venv=''
while read -r mode path; do
    if changed "$path"; then
        install -D -m "$mode" "root$path" "$path"
        case $path in
        /etc/nginx/*) reload=1 ;;
        /etc/one-api/* | */one-api.service) restart=1 ;;
        */requirements.txt) venv=1 ;;
        esac
        case $path in /etc/systemd/*) units=1 ;; esac
    fi
done <files
[ -e "$BINARY" ] || install -D -m 755 "root$BINARY" "$BINARY"
[ -z "$units" ] || systemctl daemon-reload
[ -z "$venv" ] || sh -c "$(cat venv.sh)"
first=''
if [ ! -e "/etc/one-api-infra/letsencrypt/live/$DOMAIN/fullchain.pem" ]; then
    first=1
    mv /etc/nginx/conf.d/one-api.conf /etc/nginx/one-api.conf.later
    sed -i 's|root /var/www/html|root /var/lib/one-api-infra/acme|' /etc/nginx/sites-enabled/default
    systemctl reload-or-restart nginx
fi
[ -e /etc/one-api/secrets.env ] || $AGENT generate
release=$(basename "$(dirname "$BINARY")")
if [ -n "$restart" ] || [ "$(readlink /opt/one-api/current)" != "$(dirname "$BINARY")" ]; then
    $AGENT activate "$release"
fi
[ -e /var/lib/one-api-infra/root-password-confirmed ] || $AGENT claim
if [ -n "$first" ]; then
    $AGENT obtain
    mv /etc/nginx/one-api.conf.later /etc/nginx/conf.d/one-api.conf
    rm -f /etc/nginx/sites-enabled/default
    reload=1
fi
if [ -n "$reload" ]; then nginx -q -t && systemctl reload nginx; fi
for unit in $UNITS; do
    systemctl -q is-enabled "$unit" && systemctl -q is-active "$unit" || systemctl -q enable --now "$unit"
done
token=$(cat /etc/one-api/access-token)
python3 - "$token" "https://$DOMAIN" <<'PY' || $AGENT callback-domain
import json, sys, urllib.request
asked = urllib.request.Request("http://127.0.0.1:3000/api/option/", headers={"Authorization": sys.argv[1]})
options = {row["key"]: row["value"] for row in json.load(urllib.request.urlopen(asked))["data"]}
sys.exit(options.get("ServerAddress") != sys.argv[2])
PY
