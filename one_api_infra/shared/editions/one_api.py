"""One API (songquanpeng/one-api): no gateway of its own; a top-up page calls ``/api/topup``."""

from one_api_infra.shared.editions.edition import EMPTY, Answer, CallbackRoute, Edition

EDITION = Edition(
    name="one-api",
    title="One API",
    status_mark="",
    version="v0.6.10",
    repository="songquanpeng/one-api",
    assets={"amd64": "one-api", "arm64": "one-api-arm64"},
    environment={
        "GLOBAL_API_RATE_LIMIT": "0",  # off; nginx limits what needs limits
        "GLOBAL_WEB_RATE_LIMIT": "0",
        "BATCH_UPDATE_ENABLED": "false",
        "MEMORY_CACHE_ENABLED": "true",
        "SYNC_FREQUENCY": "60",
        "SQLITE_BUSY_TIMEOUT": "30000",  # ms; its 3 s are shorter than a backup holds the file
    },
    generated={"SESSION_SECRET": 48},
    database_variable="SQL_DSN",
    root="default",
    address_options=("ServerAddress",),
    callback_options=(),
    payment_rows=False,
    order_source="",
    restart_on_domain=False,
    user_header=None,
    offline_encoders=EMPTY,
    fetches_tiktoken=True,
    relay_prefixes=("/v1/",),
    callback_routes=(CallbackRoute("= /api/topup", ("POST",), Answer(401, None)),),
    stop_seconds=10,  # it knows no graceful stop
    closed_routes=(),
)
