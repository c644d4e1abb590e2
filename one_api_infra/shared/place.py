"""A place of One API where the domain stands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where an origin stands in One API: ``option ServerAddress`` or ``payment 3``."""

    kind: str
    key: str
    value: str
    wanted: str

    @property
    def is_right(self) -> bool:
        """Whether the stored form is exactly the one that One API needs."""
        return self.value == self.wanted

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
