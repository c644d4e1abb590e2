"""Orders of New API by epay (controller/topup.go: GetTopUpInfo, RequestEpay)."""

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from one_api_infra.server.callbacks.checkouts import checkout
from one_api_infra.server.callbacks.checkouts.checkout import Checkout
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.shared.editions.api import PAGE, Api, ApiError
from one_api_infra.shared.texts import _

# Of other gateways, which New API puts among epay's methods.
KINDS: tuple[str, ...] = ("epay",)  # its other gateways have pages of their own
OTHERS = ("stripe", "creem", "waffo")
DISPLAY, TOKENS = "general_setting.quota_display_type", "TOKENS"
QUOTA_PER_UNIT = "500000"


def find(api: Api, username: str) -> Mapping[str, object] | None:
    path = f"/api/user/search?keyword={quote(username)}&group=&p=1&page_size={PAGE}"
    rows = api.get(path)["items"] or []
    return next((row for row in rows if row["username"] == username), None)


def order(root: Api, payer: Api, _account: Account) -> Checkout:
    info, options = payer.get("/api/user/topup/info"), root.options()
    methods = [str(each["type"]) for each in info["pay_methods"] or []]
    methods = [each for each in methods if not each.startswith(OTHERS)]
    if not methods:
        raise ApiError(_("New API's payment settings list no payment method (PayMethods)"))
    amount = Decimal(max(int(info["min_topup"]), 1))
    if options.get(DISPLAY) == TOKENS:  # it is then asked for in tokens
        amount *= Decimal(options.get("QuotaPerUnit") or QUOTA_PER_UNIT)
    body = {"amount": int(amount), "payment_method": methods[0]}
    answer = payer.request("POST", "/api/user/pay", body)
    if answer.get("message") != "success":
        raise ApiError(str(answer.get("data") or answer))
    link = checkout.link(str(answer["url"]), answer["data"])
    notify, returns = checkout.told(link)
    number = str(answer["data"]["out_trade_no"])
    return Checkout(
        number, link, is_code=False, notify_url=notify, return_url=returns, is_told=True
    )
