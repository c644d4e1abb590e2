"""A secret that never prints."""

import hashlib


class Secret:
    """A value shown as ``***`` wherever it is printed, logged or formatted.

    Only :meth:`reveal` gives the value: to check it, connect, sign, or write it root-only.
    It is no ``str``, so that a serialiser that does not know it fails instead of leaking.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(hashlib.sha256(self._value.encode()).digest())

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not serialised; reveal() it into a root-only file")
