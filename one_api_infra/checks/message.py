"""The words of an alert."""

from collections.abc import Iterable

from one_api_infra.checks import remedy
from one_api_infra.checks.alerts import Due
from one_api_infra.checks.catalogue import BY_ID
from one_api_infra.checks.verdict import Verdict
from one_api_infra.shared.texts import _


def title(domain: str, due: Due) -> str:
    """One line: the site and how it stands."""
    if due.faults:
        return _("{domain}: faults: {count}", domain=domain, count=len(due.faults))
    return _("{domain}: healed", domain=domain)


def body(due: Due) -> str:
    """Each fault with cause and remedy, and what has healed."""
    lines = [line for fault in due.faults for line in _fault(fault)]
    lines += [_("Healed: {means} ({id})", means=_(BY_ID[i].means), id=i) for i in due.healed]
    return "\n".join(lines)


def _fault(fault: Verdict) -> Iterable[str]:
    yield f"{fault.id}: {fault.cause}"
    yield remedy.title(fault.remedy)
    if fault.evidence:
        yield _("Seen: {evidence}", evidence=fault.evidence)
    yield _("How it should be: {means}", means=_(BY_ID[fault.id].means))
    yield ""
