"""What a command tells its operator in place of a traceback."""


class OperatorError(Exception):
    """A command could not do what it was asked; the message names cause and remedy."""
