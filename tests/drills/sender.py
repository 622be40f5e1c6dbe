"""Orders at a steady rate from a process of its own, and what became of each (R-1).

``python -m tests.drills.sender VENUE SEED NUMBER RATE FOLDER``: some threads, one line an order
in ``FOLDER/orders.NUMBER.N``: ``A`` acknowledged (a verdict was read), ``R`` refused before the log,
``U`` no verdict in time; then account, order id, code. Runs until SIGTERM.
"""

import itertools
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import django

django.setup()

from trading.commands import Outcome, send_many  # noqa: E402
from trading.engine.messages import PlaceOrder  # noqa: E402
from trading.loadgen import OrderFlow, Step, make_contracts, make_traders  # noqa: E402

TRADERS, CONTRACTS = 200, 10
THREADS, BATCH = 10, 30
VERDICT_S = 3.0


def letter_of(outcome: Outcome) -> str:
    """How an order's sending ended."""
    if outcome.refused:
        return "R"
    return "A" if outcome.decided else "U"


def send_batch(venue: str, steps: list[Step]) -> list[str]:
    """Send some commands; a line for every order among them."""
    outcomes = send_many(venue, [step.command for step in steps], origin="drill", wait_s=VERDICT_S)
    return [
        f"{letter_of(outcome)} {step.command.account_id} {step.command.order_id} {outcome.code}\n"
        for step, outcome in zip(steps, outcomes, strict=True)
        if isinstance(step.command, PlaceOrder)
    ]


def run(
    venue: str, name: str, number: int, seed: int, rate: int, folder: Path, stop: threading.Event
) -> None:
    """One thread's share of the load; after an outage it does not catch up."""
    traders, contracts = make_traders(TRADERS)[number::THREADS], make_contracts(CONTRACTS)
    flow = OrderFlow(seed * THREADS + number, traders, contracts, prefix=f"D{name}.")
    pause_s = BATCH * THREADS / rate
    sent, busy_s, due = 0, 0.0, time.monotonic()
    with (folder / f"orders.{name}").open("w") as record:
        while not stop.is_set():
            started = time.monotonic()
            lines = send_batch(venue, list(itertools.islice(flow, BATCH)))
            record.writelines(lines)
            record.flush()
            if not any(line.startswith(("R", "U")) for line in lines):
                sent += BATCH
                busy_s += max(time.monotonic() - started, pause_s)
            due = max(due + pause_s, time.monotonic() - pause_s)
            stop.wait(max(0.0, due - time.monotonic()))
    (folder / f"rate.{name}").write_text(json.dumps({"sent": sent, "seconds": busy_s}))


def main(venue: str, seed: int, process: int, rate: int, folder: Path) -> None:
    """Run the threads until a signal comes."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def share(number: int) -> tuple[Any, ...]:
        return venue, f"{process}.{number}", number, seed + process, rate, folder, stop

    threads = [threading.Thread(target=run, args=share(number)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], *(int(text) for text in sys.argv[2:5]), Path(sys.argv[5]))
