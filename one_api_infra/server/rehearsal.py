"""Trying the renewal before it is due: what would stop it is told while there is time.

certbot goes the whole way at the CA's staging server, keeps nothing, and says what is wrong. That
the account is known where it counts is asked beside it: staging has accounts of its own.
"""

import time

from one_api_infra.server import attempt, certbot
from one_api_infra.server.local import site
from one_api_infra.shared import acme, paths
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _

TRIES, PAUSE = 3, 30.0  # seconds: a CA that is away for a moment is nobody's alarm
PASSING = {"ca", "failed", "provider"}


def rehearse() -> None:
    """Try it, and leave what came of it; a failure is told by the checks."""
    current = site()
    words = _try(current)
    for _again in range(TRIES - 1):
        if not words or acme.reason(words) not in PASSING:
            break
        time.sleep(PAUSE)
        words = _try(current)
    attempt.keep(paths.REHEARSAL, words)
    print(words or _("The renewal would succeed."))


def _try(site: SiteFile) -> str:
    return _account(site) or _renewal(site)


def _account(site: SiteFile) -> str:
    """certbot's words if the CA does not know the account; empty if it does."""
    return certbot.words_of(site, ["show_account", "--server", site.acme_server])


def _renewal(site: SiteFile) -> str:
    if not site.acme_staging_server:
        return ""  # a trial at the real CA would count against its limits
    command = ["renew", "--dry-run", "--no-random-sleep-on-renew", "--cert-name", site.domain]
    command += ["--server", site.acme_staging_server, *certbot.patience(site)]
    return certbot.words_of(site, command)
