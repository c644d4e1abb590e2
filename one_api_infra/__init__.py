"""One API sites whose payment callbacks always arrive."""

__version__ = "0.1.0"
