"""nftables: ssh on the port in use, 80 and 443; confirmed by a new connection or rolled back."""

from pyinfra import local

from one_api_infra.desired import firewall
from one_api_infra.remote import operations, target
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if not target.has("system"):
    operations.packages(name=_("Install nftables"), names=lambda _snapshot: ("nftables",))
files = firewall.files(site)
operations.files(name=_("Write the firewall's files"), files=files)
operations.firewall(
    name=_("Close every port but ssh, 80, 443 and the admin's own"),
    rules=lambda snapshot: firewall.rules(site, snapshot),
    load=firewall.apply_script(),
    confirm=firewall.confirm_script(),
    due=lambda snapshot: firewall.is_due(site, snapshot),
    follows=tuple(file.path for file in files),
)
