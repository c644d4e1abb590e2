"""The whole server, in order. Every other file of this folder also runs alone."""

from pyinfra import local

from one_api_infra.remote import target

site = target.site()  # the look at the server begins, while all that follows is read
local.include("./preflight.py")
local.include("./install.py")
local.include("./release.py")
# On a blank server these run while it installs what only the others need.
local.include("./firewall.py")
local.include("./one_api.py")
if site.certificate == "acme":
    local.include("./certbot.py")
local.include("./environment.py")
local.include("./nginx.py")
local.include("./certificate.py")
local.include("./system.py")
local.include("./callback_domain.py")
local.include("./monitor.py")
local.include("./watchdog.py")
local.include("./callbacks.py")
local.include("./backup.py")
# Last: a developer's DNS must not be in the way of the site.
local.include("./tunnel.py")
