"""The schema of One API's database, to know whether a release has changed it."""

from one_api_infra.server import database, one_api
from one_api_infra.server.local import CommandError
from one_api_infra.shared.database import MYSQL, SQLITE

COLUMNS = {
    SQLITE: "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    " AND name NOT LIKE '_litestream_%' ORDER BY name",
    MYSQL: "SELECT concat(table_name, '.', column_name), column_type"
    " FROM information_schema.columns WHERE table_schema = database() ORDER BY 1",
}
POSTGRESQLS = (
    "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = current_schema() ORDER BY 1"
)
SECONDS = 60


def told() -> str:
    """The tables and columns, a line each; CommandError if the database does not tell them."""
    return one_api.as_its_user("schema")


def show() -> None:
    """Print them, as One API's own user."""
    try:
        with database.opened(database.given().get(database.URL, ""), SECONDS) as (kind, query):
            rows = query(COLUMNS.get(kind, POSTGRESQLS))
    except Exception as error:  # each of the drivers has errors of its own
        raise CommandError(database.reason(error)) from None
    print("".join(f"{name}: {text}\n" for name, text in rows), end="")
