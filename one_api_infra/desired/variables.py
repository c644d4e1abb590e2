"""The variables of One API that a setting decides, and no admin sets."""

from collections.abc import Mapping

from one_api_infra.shared import database
from one_api_infra.shared.editions.edition import Edition

CACHE = "REDIS_CONN_STRING"


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
