"""Somebody who has logged in to One API with a browser."""

import requests

from one_api_infra.lab.errors import LabError
from tests.lab.sites import LabSite


def session(site: LabSite) -> requests.Session:
    """Somebody who has logged in as root, and holds no token."""
    made = site.session()
    password = site.host.ssh("cat /etc/one-api/root-password").strip()
    body = {"username": "root", "password": password}
    reply = made.post(f"https://{site.domain}/api/user/login", json=body, timeout=10).json()
    if not reply["success"]:
        raise LabError(reply["message"])
    return made


def is_logged_in(site: LabSite, before: requests.Session) -> bool:
    """Whether a session of before is one of the rebuilt site too."""
    made = site.session()
    made.cookies.update(before.cookies)
    if header := site.site.edition.user_header:
        made.headers[header] = "1"
    reply = made.get(f"https://{site.domain}/api/user/self", timeout=10)
    return bool(reply.json().get("success"))
