"""The document of the checks, from the catalogue itself: ``docs/checks.md`` in both languages.

``python -m one_api_infra.checks.document`` writes both.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from one_api_infra.checks.catalogue import CHECKS
from one_api_infra.checks.verdict import LEVELS, OF_ANY, Check, Fault, Level
from one_api_infra.shared.texts import _

FILES = {"en": "checks.md", "zh_CN": "checks.zh-CN.md"}


def text() -> str:
    """The whole document in the language of the environment."""
    lines = ["# " + _("The checks"), "", _("Made from the checks themselves; do not edit."), ""]
    lines += [
        _("Each fault is shown with its cause and its remedy; braces hold what was seen."),
        _("“By hand” is the remedy of a site or certificate that somebody else set up."),
        "",
    ]
    for level in Level:
        lines += [f"## {int(level)}. {_(LEVELS[level])}", ""]
        for check in CHECKS:
            if check.level is level:
                lines += _entry(check)
    lines += ["## " + _("Any check"), "", *_table(OF_ANY.values())]
    return "\n".join(lines).rstrip() + "\n"


def _entry(check: Check) -> Iterator[str]:
    yield f"### {check.id}"
    yield ""
    yield _(check.means)
    yield ""
    yield from _table(check.faults.values())


def _table(faults: Iterable[Fault]) -> Iterator[str]:
    yield "| " + _("cause") + " | " + _("remedy") + " |"
    yield "|---|---|"
    for fault in faults:
        mark = " (" + _("warning") + ")" if fault.is_warning else ""
        by_hand = f" · {_('By hand')}: {_(fault.by_hand)}" if fault.by_hand else ""
        yield f"| {_(fault.cause)}{mark} | {_(fault.remedy)}{by_hand} |"
    yield ""


def main() -> None:
    """Write both documents."""
    folder = Path(__file__).parents[2] / "docs"
    for language, name in FILES.items():
        os.environ["ONE_API_INFRA_LANGUAGE"] = language
        (folder / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
