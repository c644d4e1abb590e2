"""What can go wrong in the lab itself."""


class LabError(Exception):
    """The lab could not do what it was asked; the message names the cause."""
