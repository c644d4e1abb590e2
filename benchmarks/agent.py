"""The callbacks' agent: ``python -m benchmarks.agent`` (six minutes).

*audit*: 10 000, 100 000 and a million callbacks (half a year's), each an order of its own with a
signature to verify, are read into a new ledger, and the last day's orders and credits audited; then
a day's more. *reconcile*: 100, 1 000 and 10 000 orders whose callbacks never came are asked of the
gateway and credited in one run; then a run that finds nothing to do. The gateway and One API stand
in this process and answer at once: what is left is the agent's own work.
"""

import argparse
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

from benchmarks import results
from one_api_infra.server.callbacks import intake
from one_api_infra.server.callbacks.auditor import Auditor
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Credit, Order, Status
from tests.unit.server.callbacks.lines import ACCOUNT, callback_request, line
from tests.unit.server.callbacks.world import MONEY, QUOTA, START, FaultyEpay, World

CALLBACKS = (10_000, 100_000, 1_000_000)
ORDERS = (100, 1_000, 10_000)
GAP = 15.5  # seconds between two callbacks: a million in 180 days
DAY = int(86400 / GAP)
AGE = 120.0  # seconds after which the orders are asked for

Measured = tuple[float, float, float]  # seconds, seconds once more, MiB


def write(log: Path, numbers: Iterable[int]) -> None:
    """Append callbacks to a log."""
    with log.open("ab") as stream:
        stream.writelines(line(callback_request(str(n)), at=START + n * GAP) for n in numbers)


def book(ledger: Ledger, numbers: Iterable[int]) -> None:
    """Let One API know the orders, and have credited them."""
    orders = [
        Order(str(n), n, ACCOUNT.row, Decimal(73), "CNY", 500, Status.SUCCESS, START + n * GAP)
        for n in numbers
    ]
    with ledger.transaction():
        ledger.add_orders(orders, START)
        ledger.add_credits(Credit(each.user, each.user, 500, each.created) for each in orders)


def audit(size: int) -> Measured:
    """Reading and auditing all; and a day's more."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "callbacks.log"
        write(log, range(size))
        ledger = Ledger(Path(folder) / "ledger.db")
        book(ledger, range(max(size - 2 * DAY, 0), size + DAY))
        whole = results.seconds(partial(_read, ledger, log, START + size * GAP))
        write(log, range(size, size + DAY))
        day = results.seconds(partial(_read, ledger, log, START + (size + DAY) * GAP))
        ledger.close()
    return whole, day, _memory()


def _read(ledger: Ledger, log: Path, now: float) -> None:
    known = intake.accounts([ACCOUNT])
    intake.read_log(ledger, log, known)
    Auditor(ledger, known, lambda _row: False, now).audit()


def reconcile(size: int) -> Measured:
    """A run that asks for all orders and credits them; and one that finds nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), Random(0))
        (world.folder / "callbacks.log").touch()
        GATEWAYS["epay"] = FaultyEpay(world)
        for number in map(str, range(size)):
            pending = Order(number, 1, ACCOUNT.row, MONEY, "CNY", QUOTA, Status.PENDING, START)
            world.orders_made[number] = pending
            world.pay(number)
        world.now += AGE
        whole = results.seconds(world.run)
        world.now += AGE
        idle = results.seconds(world.run)
    if len(world.credited) != size:
        raise RuntimeError(f"{len(world.credited)} of {size} orders were credited")
    return whole, idle, _memory()


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(
    run: Callable[[int], Measured], sizes: Sequence[int], runs: int
) -> dict[str, dict[str, float]]:
    """Medians by size; every run is a process of its own, for its own memory."""
    figures = {}
    for size in sizes:
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            seen = pool.map(run, [size] * runs, chunksize=1)
        middle = [statistics.median(each) for each in zip(*seen, strict=True)]
        figures[str(size)] = dict(zip(("seconds", "again", "memory"), middle, strict=True))
        print(run.__name__, size, figures[str(size)], flush=True)
    return figures


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    figures = {
        "audit": measure(audit, CALLBACKS, runs),
        "reconcile": measure(reconcile, ORDERS, runs),
    }
    results.keep("agent", figures, results.versions())


if __name__ == "__main__":
    main()
