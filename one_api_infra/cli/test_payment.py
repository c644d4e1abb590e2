"""``one-api-infra test-payment``: a small payment, watched from the order to its credit."""

import io
import json
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import segno

from one_api_infra.checks import remedy
from one_api_infra.checks.verdict import State
from one_api_infra.cli import fixing
from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.cli.servers import servers, shell
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.ssh import Server
from one_api_infra.shared import plain
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.test_payment import STEPS, StepState, TestPayment
from one_api_infra.shared.texts import _

LONGEST_CODE = 400  # characters of a link whose QR code still fits a terminal
MARKS: dict[str, tuple[str, str]] = {
    StepState.DONE: ("✓", "green"),
    StepState.FAILED: ("✗", "red"),
    StepState.UNKNOWN: ("?", "yellow"),
}


@click.command("test-payment")
@INVENTORY
@LIMIT
@click.option("--row", default="", help="One payment row alone, by its name.")
@click.option("--minutes", type=click.FloatRange(0.1, 110), default=15, help="Wait so long (15).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def test_payment(
    inventory: Path, limit: str | None, row: str, minutes: float, as_json: bool
) -> None:
    """Make an order at each payment row of INVENTORY's hosts, and watch it being paid by you.

    Exit code: 0 if every row was proved, 1 if one was not, 2 if a host cannot be asked.
    """
    codes = [0]
    for name, server in servers(inventory, limit):
        try:
            found = _watch(server, row, minutes, None if as_json else _Screen())
        except OperatorError as error:
            click.secho(str(error), fg="red", err=True)
            codes.append(2)
            continue
        failed = [each for each in found.values() if not each.is_over or each.failed]
        codes.append(int(bool(failed)))
        if not as_json:
            _conclude(name, server.data, inventory, found, failed)
    sys.exit(max(codes))


class _Screen:
    """Prints of each row what is new."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.known: dict[str, TestPayment] = {}

    def show(self, payment: TestPayment) -> None:
        """Its link once, and each step once."""
        before = self.known.get(payment.row)
        if before is None:
            click.secho(f"\n{payment.title} ({payment.gateway})", bold=True)
        shown = {each.name: each.state for each in before.steps} if before else {}
        for step in payment.steps:
            if step.state in MARKS and shown.get(step.name) != step.state:
                mark, colour = MARKS[step.state]
                words = f": {step.words}" if step.words else ""
                click.echo(f"{click.style(mark, fg=colour)} {self._at(payment)}"
                           f"{_(STEPS[step.name])}{words}")  # fmt: skip
        if before is None and payment.link and not payment.failed:
            _invite(payment)
        self.known[payment.row] = payment

    def _at(self, payment: TestPayment) -> str:
        seconds = f"{time.monotonic() - self.began:3.0f} s  "
        return f"{seconds}{payment.title}: " if len(self.known) > 1 else seconds


def _invite(payment: TestPayment) -> None:
    """How to pay."""
    money = f"{payment.money} {payment.currency}".strip()
    click.echo(_("Pay {money} now: {link}", money=money, link=payment.link))
    if payment.is_code or len(payment.link) <= LONGEST_CODE:
        picture = io.StringIO()
        segno.make(payment.link, error="l").terminal(out=picture, compact=True)
        click.echo(picture.getvalue())


def _watch(
    server: Server, row: str, minutes: float, screen: _Screen | None
) -> Mapping[str, TestPayment]:
    """The payments as they stood last, by their rows. OperatorError if the host cannot tell."""
    found: dict[str, TestPayment] = {}
    words = [str(minutes), *([row] if row else [])]
    for text in server.lines(shell(f"test-payment {shlex.join(words)}")):
        payment = plain.parse(TestPayment, json.loads(text))
        found[payment.row] = payment
        if screen:
            screen.show(payment)
        else:
            click.echo(text.rstrip())
    return found


def _conclude(
    name: str,
    data: Mapping[str, Any],
    inventory: Path,
    found: Mapping[str, TestPayment],
    failed: list[TestPayment],
) -> None:
    """One verdict a row, and what the checks say where one is bad."""
    click.echo()
    for payment in found.values():
        title = f"{name}: {payment.title}"
        if not payment.failed:
            click.secho(_("{title}: proved by a payment", title=title), fg="green")
            continue
        step = _(STEPS[payment.failed])
        click.secho(_("{title}: failed at: {step}", title=title, step=step), fg="red")
    if not failed:
        return
    bad = [each for each in fixing.judged(name, data, inventory) if each.state is State.FAILED]
    for each in bad:
        click.echo(f"{each.id}: {each.cause}\n{remedy.title(each.remedy)}")
    if not bad:
        text = _("No check fails. Next, for each: `one-api-infra order {number}`",
                 number=failed[0].number)  # fmt: skip
        click.echo(remedy.named(text, inventories.shown(inventory)))
