"""The editions' ways to make orders, by the name of their order source."""

from collections.abc import Mapping

from one_api_infra.server.callbacks.checkouts import new_api, one_hub
from one_api_infra.server.callbacks.checkouts.checkout import Till

TILLS: Mapping[str, Till] = {"one-hub": one_hub, "new-api": new_api}
