"""Reading the callback log into the ledger: ``python -m benchmarks.audit`` (a minute or two).

10 000, 100 000 and a million callbacks (half a year's), each an order of its own with a signature
to verify, the last day's orders and credits audited; time, memory of the process, and the time for
a day's more.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterable
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path

from benchmarks import results
from one_api_infra.callbacks import intake
from one_api_infra.callbacks.auditor import Auditor
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.callbacks.order import Credit, Order, Status
from tests.unit.callbacks.lines import ACCOUNT, line, notification

SIZES = (10_000, 100_000, 1_000_000)
GAP = 15.5  # seconds between two callbacks: a million in 180 days
DAY = int(86400 / GAP)
START = 1_700_000_000.0


def write(log: Path, numbers: Iterable[int]) -> None:
    """Append callbacks to a log."""
    with log.open("ab") as stream:
        stream.writelines(line(notification(str(n)), at=START + n * GAP) for n in numbers)


def book(ledger: Ledger, numbers: Iterable[int]) -> None:
    """Let One API know the orders, and have credited them."""
    orders = [
        Order(str(n), n, ACCOUNT.row, Decimal(73), "CNY", 500, Status.SUCCESS, START + n * GAP)
        for n in numbers
    ]
    with ledger.transaction():
        ledger.add_orders(orders, START)
        ledger.add_credits(Credit(each.user, each.user, 500, each.created) for each in orders)


def measure(size: int) -> tuple[float, float, int]:
    """Seconds for all, seconds for a day's more, MiB of memory."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "callbacks.log"
        write(log, range(size))
        ledger = Ledger(Path(folder) / "ledger.db")
        book(ledger, range(max(size - 2 * DAY, 0), size + DAY))
        whole = _read(ledger, log, START + size * GAP)
        write(log, range(size, size + DAY))
        day = _read(ledger, log, START + (size + DAY) * GAP)
        ledger.close()
    return whole, day, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _read(ledger: Ledger, log: Path, now: float) -> float:
    begun = time.monotonic()
    known = intake.accounts([ACCOUNT])
    intake.read_log(ledger, log, known)
    Auditor(ledger, known, now).audit()
    return time.monotonic() - begun


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    figures = []
    print("callbacks   all, s   a day's more, s   memory, MiB")
    for size in parser.parse_args().sizes:
        with get_context("spawn").Pool(1) as pool:  # a process each, for its own memory
            whole, day, memory = pool.apply(measure, (size,))
        print(f"{size:9}   {whole:6.1f}   {day:15.1f}   {memory:11}", flush=True)
        figures.append({"callbacks": size, "seconds": whole, "day": day, "memory": memory})
    results.keep("agent", {"audit": figures})


if __name__ == "__main__":
    main()
