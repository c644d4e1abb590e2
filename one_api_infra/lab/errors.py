"""What can go wrong in the lab itself."""

from one_api_infra.shared.errors import OperatorError


class LabError(OperatorError):
    """The lab could not do what it was asked; the message names the cause."""
