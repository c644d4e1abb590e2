"""The user by whom test payments are made: without rights, and known by its name."""

import secrets
from pathlib import Path

from one_api_infra.server.callbacks.checkouts.checkout import Till
from one_api_infra.server.local import write
from one_api_infra.shared.editions.api import EDITED, Api, ApiError
from one_api_infra.shared.texts import _

USERNAME = "payment-test"  # One Hub takes twelve characters
SHOWN = "one-api-infra test"
FIELDS = (*EDITED, "id", "role", "status", "quota", "email")


def payer(root: Api, till: Till, kept: Path) -> Api:
    """One API as that user, who is made at the first call. ApiError if they are refused.

    ``kept`` holds the user's id and management token, for its owner alone.
    """
    if kept.is_file():
        identity, token = kept.read_text().split()
        known = Api(root.edition, root.base, token, int(identity))
        answer = known.request("GET", "/api/user/self")
        if answer.get("success") and answer["data"]["username"] == USERNAME:
            return known
    made = _entered(root, till)
    token = made.new_token()
    write(kept, f"{made.user} {token}\n")
    return Api(root.edition, root.base, token, made.user)


def quota(payer: Api) -> int:
    """What the user has."""
    return int(payer.get("/api/user/self")["quota"])


def _entered(root: Api, till: Till) -> Api:
    """Logged in, with a new password that nobody knows."""
    password = secrets.token_urlsafe(15)  # 20 characters, the most that editions take
    row = {"username": USERNAME, "display_name": SHOWN, "role": 1}
    if found := till.find(root, USERNAME):
        row = {name: found[name] for name in FIELDS if name in found}
    method = "PUT" if found else "POST"
    answer = root.request(method, "/api/user/", {**row, "password": password})
    if not answer.get("success"):
        raise _refused(answer.get("message") or answer)
    entered = Api(root.edition, root.base)
    if not entered.login(password, USERNAME):
        raise _refused(_("it cannot log in (is logging in by password turned off?)"))
    return entered


def _refused(reason: object) -> ApiError:
    return ApiError(
        _("One API does not let the user {name} order: {reason}", name=USERNAME, reason=reason)
    )
