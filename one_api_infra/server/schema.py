"""The schema of One API's database, to know whether a release has changed it."""

from one_api_infra.server import database, load
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


def text() -> str:
    """The tables and columns, a line each."""
    with database.opened(load.url(), SECONDS) as (kind, query):
        rows = query(COLUMNS.get(kind, POSTGRESQLS))
    return "".join(f"{name}: {text}\n" for name, text in rows)
