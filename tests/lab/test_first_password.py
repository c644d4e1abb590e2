"""The password that all the world knows is accepted from outside at no moment."""

import threading

import requests

from tests.lab.sites import LabSite

DATABASE = "/var/lib/one-api/one-api.db"


class Stranger(threading.Thread):
    """Tries root/123456 from outside, again and again."""

    def __init__(self, site: LabSite) -> None:
        super().__init__(daemon=True)
        self.url = f"https://{site.domain}/api/user/login"
        self.session = site.session()
        self.tries, self.opened, self.is_over = 0, 0, False

    def run(self) -> None:
        while not self.is_over:
            self.tries += 1
            try:
                body = {"username": "root", "password": "123456"}
                reply = self.session.post(self.url, json=body, timeout=2)
                self.opened += bool(reply.json().get("success"))
            except (requests.RequestException, ValueError):
                continue


def test_an_empty_database_behind_an_open_site(site: LabSite) -> None:
    site.host.ssh(f"systemctl stop one-api; rm -f {DATABASE}*")
    stranger = Stranger(site)
    stranger.start()
    try:
        site.converge()
    finally:
        stranger.is_over = True
        stranger.join()
    assert stranger.tries > 10
    assert stranger.opened == 0
    assert site.host.ssh("systemctl is-active nginx one-api").split() == ["active"] * 2
    assert site.deploy("-y", "--json").changed == []
