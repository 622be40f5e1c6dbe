"""Q-6: ticks into seven bar periods, bucketed by the trading time of real sessions."""

import random
import time

from benchmarks.figures import Figure, Figures, collector_off
from marketdata.bars.book import PERIODS, SymbolBars
from marketdata.bars.clock import Clocks
from trading.contracts import load_sessions

SYMBOLS, TICKS, ROUNDS = 50, 500_000, 3
TEMPLATE, DAYS = "night0230", [20261126, 20261127, 20261130, 20261201]
HALF_SECOND_NS = 500_000_000
TARGET = 250_000

Entry = tuple[SymbolBars, int, int, int]


def ticks() -> Figures:
    """Every symbol ticks twice a second, as CTP's fronts do, through the sections of a day."""
    rates, finished = [], 0
    for number in range(ROUNDS):
        clocks = _clocks()
        entries = _entries(random.Random(number), clocks)
        with collector_off():
            started = time.perf_counter()
            for bars, moment, price, lots in entries:
                bars.trade(moment, price, lots, price * lots * 5, 1_000, 1_000)
            rates.append(TICKS / (time.perf_counter() - started))
        finished = sum(len(bars.done) for bars in {entry[0] for entry in entries})
    yield Figure(
        name="Q-6 ticks into bars",
        value=max(rates),
        unit="ticks/s",
        conditions={
            "symbols": SYMBOLS, "ticks": TICKS, "periods": len(PERIODS), "sessions": TEMPLATE,
            "bars_finished": finished, "rounds": [round(rate) for rate in rates],
        },
        target=TARGET,
    )  # fmt: skip


def _clocks() -> Clocks:
    clocks = Clocks()
    templates = {name: [list(map(int, row)) for row in rows] for name, rows in load_sessions()}
    clocks.set(settlement_minute=930, trading_days=DAYS, templates=templates)
    return clocks


def _entries(source: random.Random, clocks: Clocks) -> list[Entry]:
    """(book, time, price, lots) in the order of time, all symbols in each half second."""
    books = [SymbolBars() for _ in range(SYMBOLS)]
    clock = clocks.clock(TEMPLATE, DAYS[1])
    for bars in books:
        bars.start(clock)
    prices = [source.randint(3_000, 80_000) * 10_000 for _ in books]
    found: list[Entry] = []
    for part in clock.parts:
        for section in part:
            for moment in range(section.start_ns, section.end_ns, HALF_SECOND_NS):
                for number, bars in enumerate(books):
                    prices[number] += source.randint(-2, 2) * 10_000
                    found.append((bars, moment + number, prices[number], source.randint(1, 5)))
                    if len(found) == TICKS:
                        return found
    return found
