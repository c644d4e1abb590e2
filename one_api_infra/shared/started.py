"""From what One API was started: the files that it reads once, and their sum."""

from one_api_infra.shared import paths, units

READ_AT_START = (paths.ENVIRONMENT, paths.GENERATED, paths.GIVEN, units.path(units.ONE_API))
# The shell command for it: the unit notes it before each start.
FILES_SUM = f"cat {' '.join(READ_AT_START)} 2>/dev/null | sha256sum"
SUM = (
    f"{{ cat {' '.join(READ_AT_START)}; readlink {paths.CURRENT};"
    f" stat -L -c %Y {paths.CURRENT}/one-api; }} 2>/dev/null | sha256sum"
)
