"""Orders of One Hub and Done Hub (controller/order.go: CreateOrder; payment/service.go)."""

from collections.abc import Mapping
from urllib.parse import quote

from one_api_infra.server.callbacks.checkouts import checkout
from one_api_infra.server.callbacks.checkouts.checkout import Checkout
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.shared.editions.api import PAGE, Api, ApiError

CODE = 2  # payment/types: PayRequest.Type
RETURN = "/panel/log"
KINDS: tuple[str, ...] = ()


def find(api: Api, username: str) -> Mapping[str, object] | None:
    path = f"/api/user/?keyword={quote(username)}&page=1&size={PAGE}"
    rows = api.get(path)["data"] or []
    return next((row for row in rows if row["username"] == username), None)


def order(root: Api, payer: Api, account: Account) -> Checkout:
    options = root.options()
    amount = max(int(float(options.get("PaymentMinAmount") or 1)), 1)
    answer = payer.request("POST", "/api/user/order", {"uuid": account.row, "amount": amount})
    if not answer.get("success"):
        raise ApiError(str(answer.get("message") or answer))
    made = answer["data"]
    handed = made["data"]
    # Stripe's parameters are for the page itself: only a form has a method.
    form = handed.get("params") if handed.get("method") else None
    link = checkout.link(str(handed.get("url") or ""), form or {})
    notify, returns = checkout.told(link)
    number, is_code = str(made["trade_no"]), made["type"] == CODE
    if notify:
        return Checkout(number, link, is_code, notify, returns, is_told=True)
    told = (options.get(each) for each in root.edition.callback_options)
    domain = next(filter(None, told), "") or _notify_domain(root, account)
    domain = domain or options.get("ServerAddress", "")
    returns = f"{options.get('ServerAddress', '').removesuffix('/')}{RETURN}"
    notify = f"{domain.removesuffix('/')}{account.path}"
    return Checkout(number, link, is_code, notify, returns, is_told=False)


def _notify_domain(root: Api, account: Account) -> str:
    rows = (row for row in root.payments() if row["uuid"] == account.row)
    return next((str(row["notify_domain"] or "") for row in rows), "")
