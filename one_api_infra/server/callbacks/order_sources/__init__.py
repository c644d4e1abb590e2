"""Order sources by ``Edition.order_source``; other editions have none."""

from collections.abc import Callable, Mapping

from one_api_infra.server.callbacks.order_sources.new_api import NewApiOrders
from one_api_infra.server.callbacks.order_sources.one_hub import OneHubOrders
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.shared.editions.api import Api

ORDER_SOURCES: Mapping[str, Callable[[Api, Mapping[str, str] | None], OrderSource]] = {
    "one-hub": OneHubOrders,
    "new-api": NewApiOrders,
}
