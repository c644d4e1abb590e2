"""New API (QuantumNous/new-api): one epay gateway, its callback address in an option."""

from one_api_infra.shared.editions.edition import EMPTY, Answer, CallbackRoute, Edition

EDITION = Edition(
    name="new-api",
    title="New API",
    status_mark="self_use_mode_enabled",
    version="v1.0.0-rc.40",
    repository="QuantumNous/new-api",
    assets={"amd64": "new-api-{version}", "arm64": "new-api-arm64-{version}"},
    environment={
        "GLOBAL_API_RATE_LIMIT_ENABLE": "false",
        "GLOBAL_WEB_RATE_LIMIT_ENABLE": "false",
        "BATCH_UPDATE_ENABLED": "false",
        "MEMORY_CACHE_ENABLED": "true",
        "SYNC_FREQUENCY": "60",
        "SESSION_COOKIE_SECURE": "true",  # else the refresh cookie goes over plain HTTP too
        # Unset it believes every private address; nginx comes from 127.0.0.1, and .2 for payments.
        "TRUSTED_PROXIES": "127.0.0.0/8",
    },
    generated={"SESSION_SECRET": 48, "CRYPTO_SECRET": 48},
    database_variable="SQL_DSN",
    takes_postgresql=True,
    root="setup",
    address_options=("ServerAddress",),
    callback_options=("CustomCallbackAddress",),
    callback_urls={"WaffoNotifyUrl": "/api/waffo/webhook"},  # beats CustomCallbackAddress
    payment_rows=False,
    order_source="new-api",
    restart_on_domain=False,
    user_header="New-Api-User",
    offline_encoders=EMPTY,
    fetches_tiktoken=False,
    relay_prefixes=("/v1/", "/v1beta/", "/pg/", "/mj/", "/suno/", "/kling/", "/jimeng/"),
    callback_routes=(
        CallbackRoute("= /api/user/epay/notify", ("GET", "POST"), Answer(200, "fail"), "epay"),
        CallbackRoute(
            "= /api/subscription/epay/notify", ("GET", "POST"), Answer(200, None), "epay"
        ),
        CallbackRoute("= /api/stripe/webhook", ("POST",), Answer(400, None), "stripe"),
        CallbackRoute("= /api/creem/webhook", ("POST",), Answer(401, None), "creem"),
        CallbackRoute("= /api/waffo/webhook", ("POST",), Answer(400, None), "waffo"),
        CallbackRoute("^~ /api/waffo-pancake/webhook/", ("POST",), Answer(401, None), "waffo"),
    ),
    # Its first page asks GET /api/setup, and shows every visitor an error where that is refused.
    stop_seconds=135,  # it waits up to 120 s for requests under way (SHUTDOWN_TIMEOUT_SECONDS)
    closed_routes=(),
    read_only_routes=("/api/setup",),
    order_routes=(  # router/api-router.go
        "/api/user/pay",
        "/api/user/stripe/pay",
        "/api/user/creem/pay",
        "/api/user/waffo/pay",
        "/api/user/waffo-pancake/pay",
        "/api/subscription/epay/pay",
        "/api/subscription/stripe/pay",
        "/api/subscription/creem/pay",
        "/api/subscription/waffo-pancake/pay",
    ),
    overlaps=True,
    key_options=(
        *("EpayKey", "StripeApiSecret", "StripeWebhookSecret", "CreemWebhookSecret"),
        *("WaffoPublicCert", "WaffoSandboxPublicCert"),
    ),
    sqlite_parameters="?_busy_timeout=30000",  # ms; its own, lost with the path that we set
    origin_variables=("SESSION_COOKIE_TRUSTED_URL",),  # common/session_cookie.go
    domain_variables=("TRUSTED_REDIRECT_DOMAINS",),  # common/init.go: where Stripe may lead back
    # setting/system_setting/passkey.go: empty ones are filled in once, and then stay as they are.
    passkey_options=("passkey.rp_id", "passkey.origins"),
    # setting/operation_setting/payment_setting.go: without both every callback is refused.
    compliance={
        "payment_setting.compliance_confirmed": "true",
        "payment_setting.compliance_terms_version": "v1",
    },
)
