"""A refused input, as pyinfra takes it: a message, no traceback."""

from pyinfra.api.exceptions import InventoryError

from one_api_infra.problems import InvalidError


class RefusedInventoryError(InvalidError, InventoryError):
    """An inventory that was refused."""
