"""Done Hub (deanxv/done-hub): One Hub's living fork, with its database and its keys."""

from dataclasses import replace

from one_api_infra.shared.editions import one_hub
from one_api_infra.shared.editions.edition import Answer, CallbackRoute

EDITION = replace(
    one_hub.EDITION,
    name="done-hub",
    title="Done Hub",
    status_mark="builtin_chat_enabled",
    version="v1.23.18",
    repository="deanxv/done-hub",
    assets={"amd64": "done-hub", "arm64": "done-hub-arm64"},
    environment={
        **one_hub.EDITION.environment,
        "HTTPS": "true",  # else the session cookie goes over plain HTTP too (main.go)
        "SHUTDOWN_TIMEOUT": "120",  # s; its 30 cut long streams
        "RELAY_ONLY": "false",  # true closes the callbacks' routes and the pages (router/main.go)
    },
    # payment/service.go: the option wins over the rows' notify domains.
    callback_options=("PaymentCallbackAddress",),
    callback_routes=(
        *one_hub.EDITION.callback_routes,
        # All epay rows have one path; the order tells which row it is (controller/order.go).
        CallbackRoute("= /api/user/epay/notify", ("GET",), Answer(200, "fail"), "epay"),
    ),
    stop_seconds=135,
    closed_routes=(*one_hub.EDITION.closed_routes, "/debug/"),
    # controller/order.go, EpayCallback: it reads the order, waits for the lock, and does not read
    # it again: the second of two at once credits a second time.
    order_parameter="out_trade_no",
    inherits=("one-hub",),
)
