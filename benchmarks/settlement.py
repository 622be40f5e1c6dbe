"""Q-8 and Q-10: settling 1 000, 10 000 and 100 000 accounts with three positions each.

A real worker and a real projector; the time runs from the command to the last row in
PostgreSQL, and afterwards every account and position of the worker's own snapshot is
compared with the tables. The longest `apply` is taken in a process of its own.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Figures, collector_off, note
from benchmarks.market import Market
from benchmarks.pipeline import VENUE, last_event, redis_of, spawn_worker
from benchmarks.site import Site, end, running_site, wait_for_worker, wait_until
from trading.engine.messages import BeginSettlement, PlaceOrder, Tick
from trading.engine.units import SCALE
from trading.loadgen import Contract, Trader, account_commands, make_contracts, make_traders, venue_commands

SIZES = tuple(int(size) for size in os.environ.get("BENCH_ACCOUNTS", "1000,10000,100000").split(","))
FULL = 100_000
POSITIONS, INSTRUMENTS = 3, 30
CHUNK = 20_000
_PATIENCE_S = 900.0


def settle() -> Figures:
    """Seconds from BeginSettlement to its last row, and what an account costs at each size."""
    costs: list[tuple[int, float]] = []
    for size in SIZES:
        with running_site(database=True) as site:
            found = _settled(site, size)
        costs.append((size, found["database_s"]))
        yield Figure(
            name=f"Q-8 settlement of {size} accounts", value=found["database_s"], unit="s",
            conditions=found, target=10 if size == FULL else None, at_least=False,
        )  # fmt: skip
    (small, small_s), (large, large_s) = costs[0], costs[-1]
    if small < large:
        yield Figure(
            name="Q-10 growth of an account's settlement", value=large_s / large / (small_s / small),
            unit="x", conditions={"from": small, "to": large}, target=1.5, at_least=False,
        )  # fmt: skip


def longest() -> Figures:
    """The longest single command of a settlement, by the work it advanced."""
    for size in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.settlement", str(size)],
            check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        found = json.loads(done.stdout)
        yield Figure(
            name=f"Q-8 longest apply at {size} accounts", value=found["longest_ms"], unit="ms",
            conditions=found, target=10, at_least=False,
        )  # fmt: skip


def holdings(traders: list[Trader], contracts: list[Contract]) -> Iterator[tuple[Trader, PlaceOrder]]:
    """Orders by which every trader gets a lot in `POSITIONS` contracts, long or short.

    Traders are paired; each pair trades in contracts of its own numbers, so that every
    instrument has holders all over the account list.
    """
    for number in range(0, len(traders) - 1, 2):
        for turn in range(POSITIONS):
            contract = contracts[(number // 2 + turn * 7) % len(contracts)]
            for side in range(2):
                trader = traders[number + side]
                yield (
                    trader,
                    PlaceOrder(
                        trader.account_id,
                        f"H{turn}",
                        contract.symbol,
                        side,
                        0,
                        1,
                        limit_price=contract.middle,
                    ),
                )


# ------------------------------------------------------------ with real processes


def _settled(site: Site, size: int) -> dict[str, Any]:
    """Make the venue, settle it, compare; seconds and counts."""
    site.manage("migrate", "--verbosity", "0")
    spawn_worker(site)
    worker = site.processes[-1]
    wait_for_worker(site, VENUE)
    site.spawn("run_projector", "--venue", VENUE, "--no-archive")
    site.adopt()
    _make(site, size)
    _await_projector(site)
    found = _measure(site, size)
    note(f"{found}")
    end(worker, 15, 180)
    return {**found, **_compare(site)}


def _make(site: Site, size: int) -> None:
    from trading.commands import send_many

    traders, contracts = make_traders(size), make_contracts(INSTRUMENTS)
    send_many(VENUE, venue_commands(VENUE, time.time_ns(), contracts), origin="bench", wait_s=60)
    orders = [command for _trader, command in holdings(traders, contracts)]
    commands: list[Any] = [*account_commands(traders), *orders]
    started = time.perf_counter()
    for start in range(0, len(commands), CHUNK):
        for outcome in send_many(VENUE, commands[start : start + CHUNK], origin="bench", wait_s=120):
            if not outcome.ok:
                raise RuntimeError(f"refused: {outcome}\n{site.printed()}")
    note(f"{len(commands)} commands in {time.perf_counter() - started:.1f} s")


def _await_projector(site: Site) -> None:
    client, target = redis_of(site), last_event(site)
    wait_until(
        lambda: int(client.hget(f"x:{{{VENUE}}}:cursors", "projector") or 0) >= target,
        _PATIENCE_S, f"the projector: {site.printed()}",
    )  # fmt: skip


def _measure(site: Site, size: int) -> dict[str, Any]:
    """Send the command, wait for the venue's last event, then for the tables."""
    from trading.commands import send

    client = redis_of(site)
    prices = [
        [one.symbol, one.middle + (index % 5 - 2) * one.price_tick]
        for index, one in enumerate(make_contracts(INSTRUMENTS))
    ]
    first = last_event(site)
    started = time.perf_counter()
    outcome = send(VENUE, BeginSettlement("bench", prices), origin="bench", wait_s=30)
    if not outcome.ok:
        raise RuntimeError(f"refused: {outcome}")
    status = f"x:{{{VENUE}}}:status"
    before = client.hget(status, "trading_day")
    wait_until(lambda: client.hget(status, "trading_day") != before, _PATIENCE_S, "the worker to settle")
    worker_s = time.perf_counter() - started
    _await_projector(site)
    return {
        "accounts": size, "positions": size // 2 * 2 * POSITIONS, "worker_s": round(worker_s, 2),
        "database_s": time.perf_counter() - started, "events": last_event(site) - first,
    }  # fmt: skip


def _compare(site: Site) -> dict[str, Any]:
    """Every account and position of the drained worker's snapshot against the tables."""
    told = json.loads(site.run_python("-m", "benchmarks.settlement", "compare", VENUE))
    if told["differences"]:
        raise RuntimeError(f"worker and database differ: {told}")
    return {"compared": told["compared"], "differences": 0}


def compare(venue: str, settled: int = 1) -> dict[str, Any]:
    """Funds and positions of the newest snapshot that the tables show otherwise.

    `settled` days must be there for every account.
    """
    import django

    django.setup()
    from django.db import connection

    from trading.worker import snapshot_store

    snapshot = snapshot_store(venue).newest(lambda path, reason: None)
    assert snapshot is not None
    expected: dict[Any, list[int]] = {}
    for account in snapshot.state.accounts.values():
        expected[account.account_id] = [account.pre_balance, account.margin, account.commission]
        for symbol, position in account.positions.items():
            long, short = position.sides
            expected[account.account_id, symbol] = [
                long.his, long.position_cost_his, long.margin,
                short.his, short.position_cost_his, short.margin,
            ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, pre_balance, margin, commission FROM trading_tradingaccount")
        shown: dict[Any, list[int]] = {row[0]: _units(row[1:]) for row in cursor.fetchall()}
        cursor.execute(
            "SELECT account_id, symbol, long_his, long_position_cost_his, long_margin, short_his,"
            " short_position_cost_his, short_margin FROM trading_position"
        )
        for row in cursor.fetchall():
            long_his, long_cost, long_margin, short_his, short_cost, short_margin = row[2:]
            shown[row[0], row[1]] = [
                long_his, *_units((long_cost, long_margin)),
                short_his, *_units((short_cost, short_margin)),
            ]  # fmt: skip
        cursor.execute("SELECT count(*) FROM trading_accountday")
        days = cursor.fetchone()[0]
    wrong = [key for key in expected if expected[key] != shown.get(key)]
    wrong += [key for key in shown if key not in expected]
    if days != settled * len(snapshot.state.accounts):
        wrong.append(f"{days} settled accounts")
    return {"compared": len(expected), "differences": len(wrong), "first": [str(key) for key in wrong[:3]]}


def _units(values: Any) -> list[int]:
    return [int(value * SCALE) for value in values]


# ------------------------------------------------------------- in the own process


def longest_apply(size: int) -> dict[str, Any]:
    """Milliseconds of the longest command while the core settles, and of all together."""
    market = Market(size, INSTRUMENTS)
    for trader, command in holdings(market.traders, market.contracts):
        market.do(command, trader.user_id)
    state = market.state
    prices = [[one.symbol, one.middle + one.price_tick] for one in market.contracts]
    worst: dict[str, float] = {}
    total = count = 0.0
    with collector_off():
        command: Any = BeginSettlement("bench", prices)
        while command is not None:
            kind = state.work[0].kind if state.work else type(command).__name__
            started = time.perf_counter()
            market.do(command)
            spent = 1_000 * (time.perf_counter() - started)
            worst[kind] = max(worst.get(kind, 0.0), spent)
            total, count = total + spent, count + 1
            command = Tick() if state.has_work() else None
    return {
        "longest_ms": max(worst.values()), "milliseconds": {k: round(v, 2) for k, v in worst.items()},
        "commands": int(count), "core_s": round(total / 1_000, 2), "accounts": size,
        "settled_day": state.settled_day,
    }  # fmt: skip


def main(arguments: list[str]) -> dict[str, Any]:
    """``compare VENUE [DAYS]`` or a number of accounts."""
    if arguments[0] == "compare":
        return compare(arguments[1], *map(int, arguments[2:]))
    return longest_apply(int(arguments[0]))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    print(json.dumps(main(sys.argv[1:])))
