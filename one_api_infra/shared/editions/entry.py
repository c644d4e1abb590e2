"""Entering a One API of which only the address is known, as root."""

from one_api_infra.shared import editions
from one_api_infra.shared.editions.api import DEFAULT_PASSWORD, Api, ApiError
from one_api_infra.shared.texts import _


class LoginError(ApiError):
    """Root's password is not the one that was given; One API counts such attempts."""


def entered(base: str, password: str) -> Api:
    """One API as root. ApiError where it does not answer, takes no payments, or refuses."""
    status = Api(editions.get("one-hub"), base).status()
    api = Api(editions.of_status(status), base)
    if not api.edition.order_source:
        raise ApiError(_("{edition} takes no payments", edition=api.edition.title))
    if api.edition.root == "setup" and not api.is_set_up():
        raise ApiError(_("open {url} and set it up first", url=base))
    if not api.login(password):
        raise LoginError(
            _("root cannot log in with the password {password}; set ONE_API_PASSWORD to root's",
              password="*" * 6 if password != DEFAULT_PASSWORD else password)
        )  # fmt: skip
    return api
