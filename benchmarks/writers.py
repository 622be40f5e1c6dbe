"""Four processes that append orders of several users' flow through the A-4 script (Q-3).

``python -m benchmarks.writers VENUE NUMBER COUNT``: prepares the commands, says ``ready``,
waits for a line, appends 200 a call, and prints the seconds it took and its last entry's id.
"""

import os
import sys
import time

from trading.codec import encode_command
from trading.loadgen import Contract, OrderFlow, Trader, make_contracts, make_traders

ACCOUNTS, INSTRUMENTS, WRITERS = 1_000, 20, 4


def share(number: int) -> tuple[list[Trader], list[Contract]]:
    """The traders of one writer and all contracts."""
    return make_traders(ACCOUNTS)[number::WRITERS], make_contracts(INSTRUMENTS)


def entries_of(number: int, count: int) -> list[tuple[str, int, str, str, str, bytes]]:
    """A writer's commands as entries of the log."""
    flow = OrderFlow(number + 1, *share(number), prefix=f"W{number}.")
    found = []
    for _ in range(count):
        trader, command = flow.step()
        kind, version, payload = encode_command(command)
        found.append((kind, version, os.urandom(16).hex(), "bench", trader.user_id, payload))
    return found


def main(venue: str, number: int, count: int) -> None:
    """Prepare, wait for the start, append."""
    import django

    django.setup()
    from exchange_site.streams import CommandLog

    entries = entries_of(number, count)
    log = CommandLog(venue)
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    ids = log.append(entries)
    print(time.perf_counter() - started, ids[-1], flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
