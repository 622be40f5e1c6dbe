"""Q-2 and Q-11: the whole core without I/O, from the entry's bytes to the events' bytes."""

import time
from typing import Any

from benchmarks.figures import Figure, Figures, collector_off, engine_is_compiled, percentiles
from benchmarks.market import Entry, Market
from trading.codec import decode_command, encode_events
from trading.engine.apply import apply
from trading.engine.messages import CancelOrder, Envelope, PlaceOrder, SetSettings
from trading.engine.units import SCALE
from trading.loadgen import Contract, Step

ACCOUNTS, INSTRUMENTS = 1_000, 20
COMMANDS, WARM_UP, ROUNDS = 100_000, 20_000, 3
BATCH = 500
DEPTHS = (10, 100, 1_000, 10_000)
SAMPLES = 20_000
FINE_TICK = 100
"""0.01 yuan, so that 10 000 levels fit between the price limits."""
TARGET, TARGET_COMPILED = 65_000, 130_000


def throughput() -> Figures:
    """Q-2: commands a second of one core, events encoded a batch of the log at a time."""
    rates, cpu_rates, tally = [], [], {}
    for number in range(ROUNDS):
        market = Market(ACCOUNTS, INSTRUMENTS, seed=number + 1)
        with collector_off():
            play(market, market.order_entries(WARM_UP))
            entries = market.order_entries(COMMANDS)
            started, cpu_started = time.perf_counter(), time.process_time()
            tally = play(market, entries)
            rates.append(COMMANDS / (time.perf_counter() - started))
            cpu_rates.append(COMMANDS / (time.process_time() - cpu_started))
    yield Figure(
        name="Q-2 whole core",
        value=max(rates),
        unit="commands/s",
        conditions={
            "accounts": ACCOUNTS, "instruments": INSTRUMENTS, "commands": COMMANDS,
            "mix": "55/35/10", "batch": BATCH, "rounds": [round(rate) for rate in rates],
            "per_cpu_second": round(max(cpu_rates)), **tally,
        },
        target=TARGET_COMPILED if engine_is_compiled() else TARGET,
    )  # fmt: skip


def play(market: Market, entries: list[Entry]) -> dict[str, int]:
    """Decode, apply and encode entries as the worker does; what came of them."""
    state, make = market.state, tuple.__new__  # as `trading.entries` makes an envelope
    count = refused = size = 0
    for start in range(0, len(entries), BATCH):
        events: list[Any] = []
        for stream_id, time_ns, command_id, user_id, kind, version, payload in entries[start : start + BATCH]:
            command = decode_command(kind, version, payload)
            envelope = make(Envelope, (stream_id, time_ns, command_id, user_id, ""))
            code, new = apply(state, envelope, command)
            if code:
                refused += 1
            events += new
        count += len(events)
        size += len(encode_events(events))
        state.dirty_quotes.clear()
        state.public_trades.clear()
    return {"events": count, "refused": refused, "event_bytes": size}


def latency() -> Figures:
    """Q-11: one command through the core in books of growing depth."""
    for depth in DEPTHS:
        market = deep_market(depth)
        with collector_off():
            spent = [one(market, entry) for entry in touches(market, SAMPLES)]
        found = percentiles([wall / 1_000 for wall, _ in spent])
        of_cpu = percentiles([cpu / 1_000 for _, cpu in spent])
        yield Figure(
            name=f"Q-11 one command, {depth} levels",
            value=found["p99"],
            unit="µs p99",
            conditions={
                "samples": len(spent),
                **{k: round(v, 1) for k, v in found.items()},
                "on_the_processor": {k: round(v, 1) for k, v in of_cpu.items()},
            },
            target=100,
            at_least=False,
        )


def deep_market(levels: int) -> Market:
    """One instrument with so many levels a side, an order on each."""
    contract = Contract("SHFE.lt2701", FINE_TICK, 5_000 * SCALE)
    market = Market(50, 1, contracts=[contract])
    market.do(SetSettings({"market_maker_orders_per_second": 100_000}))
    for level in range(1, levels + 1):
        for direction, sign in ((0, -1), (1, 1)):
            price = contract.middle + sign * level * contract.price_tick
            trader = market.traders[level % 25 + 25 * direction]
            market.do(order(trader.account_id, f"D{direction}{level}", contract.symbol, direction,
                            price, 10), trader.user_id)  # fmt: skip
    return market


def order(account: str, order_id: str, symbol: str, direction: int, price: int, lots: int) -> PlaceOrder:
    """A plain limit order that opens."""
    return PlaceOrder(account, order_id, symbol, direction, 0, lots, limit_price=price)


def touches(market: Market, count: int) -> list[Entry]:
    """Orders deep in the book and their cancels, and takes of one lot that are put back."""
    contract, steps = market.contracts[0], []
    levels = len(market.state.instruments[contract.symbol].book.sides[0].keys)
    buyer, seller = market.traders[0], market.traders[30]
    for number in range(count // 4):
        away = 1 + number * 7 % levels
        price = contract.middle - away * contract.price_tick
        best_ask = contract.middle + contract.price_tick
        deep, take, back = f"T{number}", f"K{number}", f"P{number}"
        steps += [
            Step(buyer, order(buyer.account_id, deep, contract.symbol, 0, price, 1)),
            Step(buyer, CancelOrder(buyer.account_id, deep)),
            Step(buyer, order(buyer.account_id, take, contract.symbol, 0, best_ask, 1)),
            Step(seller, order(seller.account_id, back, contract.symbol, 1, best_ask, 1)),
        ]
    return market.entries(steps)


def one(market: Market, entry: Entry) -> tuple[int, int]:
    """Nanoseconds of one command through the core, and of them on the processor.

    The second tells the core from a machine that does other work meanwhile.
    """
    cpu_started, started = time.process_time_ns(), time.perf_counter_ns()
    command = decode_command(entry.kind, entry.version, entry.payload)
    _, events = apply(market.state, entry.envelope(), command)
    encode_events(events)
    return time.perf_counter_ns() - started, time.process_time_ns() - cpu_started
