"""What the worker weighs at full size, how long a snapshot stops it, the longest command.

Each figure is taken in a process of its own, so that nothing else is weighed with it.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Figures, collector_off
from benchmarks.market import Market
from trading.engine.messages import (
    BeginSettlement,
    CancelAll,
    CancelOrder,
    HaltVenue,
    ResumeVenue,
    SetRates,
    SuspendInstrument,
    Tick,
    UpdateInstrument,
)

ACCOUNTS, INSTRUMENTS = 10_000, 800
RESTING, CLIENT_IDS = 100_000, 1_000_000
MANY_ACCOUNTS = 100_000
PAUSES = 10
_MEGABYTE = 2**20


def memory() -> Figures:
    """Resident memory of a worker's state, with everything the worker imports."""
    found = _in_own_process("weigh")
    yield Figure(
        name="worker memory",
        value=found.pop("megabytes"),
        unit="MB",
        conditions=found,
        target=300,
        at_least=False,
    )


def snapshot_pause() -> Figures:
    """How long the parent stands still when a snapshot's child is forked (A-44)."""
    found = _in_own_process("pause")
    yield Figure(
        name="snapshot pause",
        value=found.pop("longest_ms"),
        unit="ms",
        conditions=found,
        target=10,
        at_least=False,
    )


def longest_apply() -> Figures:
    """The longest single command at 100 000 accounts, and which it was (A-45)."""
    found = _in_own_process("longest")
    yield Figure(
        name="longest apply",
        value=found.pop("longest_ms"),
        unit="ms",
        conditions=found,
        target=10,
        at_least=False,
    )


def _in_own_process(name: str) -> dict[str, Any]:
    """Run one of the measurements below in a fresh interpreter; its answer."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.size", name],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


# ------------------------------------------------------------- in the own process


def full_market() -> Market:
    """The market of the memory figure."""
    market = Market(ACCOUNTS, INSTRUMENTS)
    state = market.state
    for step in market.flow:
        if isinstance(step.command, CancelOrder):
            continue
        market.do(step.command, step.trader.user_id)
        if len(state.orders) >= RESTING:
            break
    state.dirty_quotes.clear()
    state.public_trades.clear()
    remember_ids(market)
    return market


def remember_ids(market: Market) -> None:
    """Fill the accounts' memory of client ids, as a day of orders that ended would."""
    source = random.Random(7)
    accounts = list(market.state.accounts.values())
    have = sum(len(account.client_ids) for account in accounts)
    for number in range(CLIENT_IDS - have):
        memory = accounts[number % len(accounts)].client_ids
        memory.add(source.getrandbits(64), number, source.getrandbits(32))


def weigh() -> dict[str, Any]:
    """Megabytes of this process before and with the market."""
    _import_worker()
    before = _resident()
    market = full_market()
    state = market.state
    return {
        "megabytes": _resident() / _MEGABYTE,
        "before_megabytes": round(before / _MEGABYTE),
        "accounts": len(state.accounts),
        "instruments": len(state.instruments),
        "resting_orders": len(state.orders),
        "client_ids": sum(len(account.client_ids) for account in state.accounts.values()),
        "remembered_commands": len(state.recent_commands),
    }


def pause() -> dict[str, Any]:
    """The longest fork of several, each child's snapshot written to its end."""
    from trading.snapshots import Snapshots

    _import_worker()
    market = full_market()
    spent = []
    with tempfile.TemporaryDirectory() as folder, collector_off():
        snapshots = Snapshots(Path(folder))
        for _ in range(PAUSES):
            started = time.perf_counter()
            snapshots.begin(market.state)
            spent.append(1_000 * (time.perf_counter() - started))
            waited = time.perf_counter()
            snapshots.wait()
            written_s = time.perf_counter() - waited
        size = max(path.stat().st_size for path in snapshots.paths())
    return {
        "longest_ms": max(spent),
        "median_ms": round(sorted(spent)[len(spent) // 2], 2),
        "snapshots": PAUSES,
        "written_s": round(written_s, 2),
        "snapshot_megabytes": round(size / _MEGABYTE, 1),
        "resident_megabytes": round(_resident() / _MEGABYTE),
    }


def longest() -> dict[str, Any]:
    """Milliseconds of the longest command of each type at 100 000 accounts."""
    market = Market(MANY_ACCOUNTS, 20)
    worst: dict[str, float] = {}
    with collector_off():
        _orders(market, worst, MANY_ACCOUNTS)
        symbol = market.contracts[0].symbol
        for command in (
            UpdateInstrument(symbol, {"limit_up_ppm": 90_000}),
            SetRates("", symbol, [120_000, 120_000, *[None] * 6], apply_now=True),
            CancelAll("", symbol, by_operator=True),
            SuspendInstrument(symbol),
            HaltVenue("benchmark"),
        ):
            _spend(market, command, worst)
            _drain(market, worst)
        _spend(market, ResumeVenue("benchmark"), worst)
        _orders(market, worst, 20_000)
        prices = [[name, one.mark] for name, one in market.state.instruments.items()]
        _spend(market, BeginSettlement("bench", prices), worst)
        _drain(market, worst)
    name = max(worst, key=lambda kind: worst[kind])
    ordered = sorted(worst.items(), key=lambda item: -item[1])
    return {
        "longest_ms": worst[name],
        "command": name,
        "accounts": MANY_ACCOUNTS,
        "milliseconds": {kind: round(value, 2) for kind, value in ordered},
        "settled_day": market.state.settled_day,
    }


def _orders(market: Market, worst: dict[str, float], count: int) -> None:
    for _ in range(count):
        trader, command = market.flow.step()
        _spend(market, command, worst, trader.user_id)


def _drain(market: Market, worst: dict[str, float]) -> None:
    """Tick until no work list is left."""
    while market.state.has_work():
        _spend(market, Tick(), worst)


def _spend(market: Market, command: Any, worst: dict[str, float], user_id: str = "") -> None:
    """Apply one command and keep its time when it is its type's longest."""
    name = type(command).__name__
    if market.state.work and name == "Tick":
        name = f"Tick {market.state.work[0].kind}"
    started = time.perf_counter()
    market.do(command, user_id)
    worst[name] = max(worst.get(name, 0.0), 1_000 * (time.perf_counter() - started))


def _import_worker() -> None:
    """Load what the worker's process loads: it needs settings, not the apps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    import trading.management.commands.run_matching  # noqa: F401


def _resident() -> int:
    """Bytes of this process in memory."""
    import psutil

    return int(psutil.Process().memory_info().rss)


_MEASUREMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "weigh": weigh,
    "pause": pause,
    "longest": longest,
}

if __name__ == "__main__":
    print(json.dumps(_MEASUREMENTS[sys.argv[1]]()))
