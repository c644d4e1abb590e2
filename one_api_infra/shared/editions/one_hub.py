"""One Hub (MartialBE/one-hub): payments with a callback domain (回调域名) in each payment row."""

from one_api_infra.shared.editions.edition import Answer, CallbackRoute, Edition

EDITION = Edition(
    name="one-hub",
    title="One Hub",
    status_mark="PaymentUSDRate",
    version="v0.14.27",
    repository="MartialBE/one-hub",
    assets={"amd64": "one-api", "arm64": "one-api-arm64"},
    environment={
        # 300 requests in 3 minutes is the default, and callbacks share it with the pay dialog's
        # polling (60 a dialog): five open dialogs starve the gateway. 0 does not switch it off,
        # it refuses everything (middleware/rate-limit.go).
        "GLOBAL_API_RATE_LIMIT": "3000",
        "GLOBAL_WEB_RATE_LIMIT": "3000",
        "TRUSTED_HEADER": "X-Real-IP",
        "BATCH_UPDATE_ENABLED": "false",
        "MEMORY_CACHE_ENABLED": "true",
        "SYNC_FREQUENCY": "60",
        "SQLITE_BUSY_TIMEOUT": "30000",  # ms; its 3 s are shorter than a backup holds the file
    },
    generated={"SESSION_SECRET": 48, "USER_TOKEN_SECRET": 48, "HASHIDS_SALT": 32},
    database_variable="SQL_DSN",
    root="default",
    address_options=("ServerAddress",),
    callback_options=(),
    payment_rows=True,
    order_source="one-hub",
    restart_on_domain=True,  # OIDC and WebAuthn read ServerAddress only at the start
    user_header=None,
    offline_encoders={"DISABLE_TOKEN_ENCODERS": "true"},
    fetches_tiktoken=True,
    relay_prefixes=(
        "/v1/",
        "/v1beta/",
        "/claude/",
        "/gemini/",
        "/recraftAI/",
        "/kling/",
        "/suno/",
        "/mj/",
        "/mcp/",
        "/api/sse/",
    ),
    callback_routes=(
        CallbackRoute("^~ /api/payment/notify/", ("GET", "POST"), Answer(200, "fail")),
    ),
    stop_seconds=10,  # it knows no graceful stop
    closed_routes=("/api/metrics",),
    order_routes=("/api/user/order",),  # router/api-router.go
    overlaps=True,
    # payment/gateway/epay/payment.go binds the query alone; clones that post are refused for ever.
    epay_methods=("GET",),
    signs_keys=True,
    callbacks_sleep=True,  # payment/gateway/alipay/payment.go: its client is nil before
)
