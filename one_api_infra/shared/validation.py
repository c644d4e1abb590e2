"""What is wrong with an input, said so that its author can mend it."""

from collections.abc import Iterable
from dataclasses import dataclass

from one_api_infra.shared.texts import _


@dataclass(frozen=True)
class Problem:
    """One fault: where (``path``), what was expected there, and the remedy."""

    path: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        remedy = _("Remedy")
        return f"{self.path}: {self.expected}\n    {remedy}: {self.remedy}"


class ValidationError(ValueError):
    """An input was refused; ``problems`` holds every fault found in it, never only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n" + "\n".join(f"  - {problem}" for problem in self.problems))
