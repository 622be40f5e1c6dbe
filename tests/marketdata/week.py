"""A simulated week of trades: night sessions, breaks, a holiday, auctions, late trades."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from marketdata.bars.clock import Clocks
from trading.contracts import load_sessions
from trading.engine.sessions import midnight_ns

SECOND = 10**9
MINUTE = 60 * SECOND
DAYS = [20261126, 20261127, 20261130, 20261202, 20261203]
"""Thursday, Friday, Monday; Tuesday is a holiday, so Wednesday has no night."""
MULTIPLE = 5


class Trade(NamedTuple):
    time_ns: int
    trading_day: int
    price: int
    lots: int
    open_oi: int
    close_oi: int

    @property
    def amount(self) -> int:
        return self.price * self.lots * MULTIPLE


def clocks(days: list[int] = DAYS, settlement_minute: int = 930) -> Clocks:
    """The venue's calendar and real session templates."""
    found = Clocks()
    templates = {name: [list(map(int, row)) for row in rows] for name, rows in load_sessions()}
    found.set(mode=0, settlement_minute=settlement_minute, trading_days=days, templates=templates)
    return found


def at(day: int, hour: int, minute: int = 0, second: float = 0.0) -> int:
    """A Shanghai time in ns; hours may exceed 24."""
    return midnight_ns(day) + (hour * 60 + minute) * MINUTE + round(second * SECOND)


def trades(template: str, seed: int = 7, step_s: float = 20.0) -> Iterator[Trade]:
    """Trades of the week in a session template, at random moments of its sections and at their edges."""
    source = random.Random(seed)
    tables = clocks()
    price, interest = 74_000_0000, 1_000
    for day in DAYS:
        clock = tables.clock(template, day)
        for part in clock.parts:
            for moment in _moments(source, part, step_s):
                price += source.randint(-3, 3) * 10_0000
                before, interest = interest, max(0, interest + source.randint(-2, 2))
                yield Trade(moment, day, price, source.randint(1, 9), before, interest)


def _moments(source, part, step_s):
    """An auction's trades a minute early, the section's, and some up to 5 s late."""
    for number, section in enumerate(part):
        if number == 0:
            yield section.start_ns - MINUTE
            yield section.start_ns - MINUTE
        moment = section.start_ns
        while moment < section.end_ns:
            yield moment
            moment += int(source.expovariate(1 / step_s) * SECOND) + 1
        yield section.end_ns
        yield section.end_ns + 3 * SECOND
