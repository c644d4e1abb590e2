"""One API's environment: the variables without secrets, and whose each of them is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from one_api_infra import database
from one_api_infra.editions.edition import Edition
from one_api_infra.server import paths

if TYPE_CHECKING:
    from one_api_infra.site import Site

CACHE = "REDIS_CONN_STRING"


def environment(site: "Site") -> tuple[tuple[str, str], ...]:
    """One API's variables without secrets, the admin's own among them."""
    values = {
        "PORT": str(site.one_api_port),
        "TZ": site.time_zone,
        "SQLITE_PATH": paths.DATABASE + site.edition.sqlite_parameters,
        "TIKTOKEN_CACHE_DIR": paths.TIKTOKEN,
    }
    values |= site.edition.environment
    origins = ",".join(dict.fromkeys((site.origin, site.callback_origin)))
    values |= dict.fromkeys(site.edition.origin_variables, origins)
    if site.database_url:
        values |= database.pool(site.database_connections)
    if not site.token_encoders:
        values |= site.edition.offline_encoders
    return tuple(sorted((values | dict(site.environment)).items()))


def owned(edition: Edition) -> Mapping[str, str]:
    """The variables that no admin sets: each with the setting that decides it, empty if none."""
    settings = {
        "PORT": "one_api_port",
        "TZ": "time_zone",
        "SQLITE_PATH": "",
        "TIKTOKEN_CACHE_DIR": "tiktoken_data",
        CACHE: "redis_url",
        edition.database_variable: "database_url",
    }
    settings |= dict.fromkeys(database.pool(1), "database_connections")
    settings |= dict.fromkeys(edition.offline_encoders, "token_encoders")
    settings |= dict.fromkeys(edition.origin_variables, "domain")
    return settings | dict.fromkeys((*edition.environment, *edition.generated), "")
