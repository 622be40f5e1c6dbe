"""The living bars of one symbol: seven periods from one pass over its trades (M-10, M-12).

Only the finest bar is touched by a trade. A bar of a longer period holds the finished bars
below it; its own figures are those and the unfinished ones, folded when somebody looks, so
every period is right at any moment and a trade costs one comparison and a few stores.
"""

from collections.abc import Iterator
from typing import Any

from marketdata.bars.clock import DAY_NS, DayClock
from trading.engine.units import NS_PER_SECOND

SECOND, MINUTE = NS_PER_SECOND, 60 * NS_PER_SECOND
PERIODS = (3 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, 60 * MINUTE, DAY_NS)
"""Kept live; each is a multiple of the one before."""
COUNT = len(PERIODS)

ID, START, END, CLOSES, DAY, OPEN, HIGH, LOW, CLOSE, VOLUME, AMOUNT, OPEN_OI, CLOSE_OI, TOLD = range(14)
"""Places in a bar: a list, since it is written a million times and read now and then."""

Bar = list[int]
Row = tuple[int, ...]
"""(id, start, trading_day, open, high, low, close, volume, amount, open_oi, close_oi)."""
Figures = tuple[int, int, int, int, int, int, int, int]
"""(open, high, low, close, lots, amount, open_oi, close_oi) of one trade or of a row of finer kind."""


class SymbolBars:
    """Unfinished bars of one symbol and the last id of each of its series."""

    __slots__ = (
        "_bar", "_days", "_due_ns", "_end_ns", "_starts", "bars", "clock", "done", "first_ids", "last_ids",
    )  # fmt: skip

    def __init__(self) -> None:
        self.clock: DayClock | None = None
        self.last_ids = [-1] * COUNT
        self.bars: list[Bar | None] = [None] * COUNT
        self.done: list[tuple[int, Row]] = []  # (period's index, finished row), for the caller to take
        self.first_ids: list[tuple[int, int, int]] = []  # (period's index, trading day, first id), likewise
        self._days = [0] * COUNT  # the last trading day of each series, whose first id is known
        self._starts = [0] * COUNT  # of the last bar of each series
        self._bar: Bar = []  # the finest; its figures are always its own
        self._end_ns = 0
        self._due_ns = 0  # no bar closes before

    # ------------------------------------------------------------------- trades

    def start(self, clock: DayClock) -> None:
        """Begin a trading day; the bars of the one before are finished by its first trade."""
        if self.clock is None or clock.trading_day != self.clock.trading_day:
            self._end_ns = 0
        self.clock = clock

    def list_at(self, time_ns: int, price: int, clock: DayClock, open_interest: int = 0) -> None:
        """Give every series its bar 0, before the first day's open (D-24)."""
        day = clock.trading_day
        for index, duration in enumerate(PERIODS):
            start = listing_ns(clock, duration, time_ns)
            self.last_ids[index], self._days[index], self._starts[index] = 0, day, start
            self.first_ids.append((index, day, 0))
            figures = (price, price, price, price, 0, 0, open_interest, open_interest)
            self.done.append((index, (0, start, day, *figures)))
            self.bars[index] = [0, start, start, start, day, *figures, 1]  # the current one until a trade

    def trade(self, time_ns: int, price: int, lots: int, amount: int, open_oi: int, close_oi: int) -> None:
        """Count one trade; `amount` is price × lots × multiple, the interests those before and after it.

        In stored sequence: never into an earlier bar than the current one.
        """
        if time_ns >= self._end_ns:
            self._turn(time_ns, (price, price, price, price, lots, amount, open_oi, close_oi))
            return
        bar = self._bar
        if price > bar[6]:
            bar[6] = price
        elif price < bar[7]:
            bar[7] = price
        bar[8] = price
        bar[9] += lots
        bar[10] += amount
        bar[12] = close_oi

    def add(self, time_ns: int, figures: Figures) -> None:
        """Count what was traded around a moment: a tick, or a bar of a finer period."""
        if time_ns >= self._end_ns:
            self._turn(time_ns, figures)
        else:
            _fold_in(self._bar, figures)

    def _turn(self, time_ns: int, figures: Figures) -> None:
        """A trade past the end of the finest bar: finish what is over, begin what it belongs to."""
        clock = self.clock
        assert clock is not None, "start() comes first"
        begins = clock.bucket(time_ns, PERIODS[0])
        fine = self.bars[0]
        if fine is not None and fine[DAY] == clock.trading_day and begins[0] <= fine[START]:
            _fold_in(fine, figures)
            self._untell()
            self._end_ns = fine[END]
            return
        self._finish_until(begins[0])
        for index, duration in enumerate(PERIODS):
            if self.bars[index] is None:
                start, end = begins if index == 0 else clock.bucket(time_ns, duration)
                self._begin(index, start, end)
        self._bar = bar = self.bars[0] or []
        bar[OPEN:TOLD] = figures
        self._end_ns = bar[END]
        self._due_ns = min(bar[CLOSES] for bar in self.bars if bar is not None)

    def _begin(self, index: int, start: int, end: int) -> None:
        clock = self.clock
        assert clock is not None
        self.last_ids[index] = number = self.last_ids[index] + 1
        # A day settled early begins inside the bar in which the day before ended.
        self._starts[index] = start = max(start, self._starts[index] + SECOND)
        day = clock.trading_day
        self.bars[index] = [number, start, end, clock.closes_ns(end), day, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        if day != self._days[index]:
            self._days[index] = day
            self.first_ids.append((index, day, number))

    def _untell(self) -> None:
        """A late trade changes bars that may have been told as finished."""
        for bar in self.bars:
            if bar is not None:
                bar[TOLD] = 0
                self._due_ns = min(self._due_ns, bar[CLOSES])

    # ----------------------------------------------------------------- finishing

    def _finish_until(self, start_ns: int) -> None:
        """Take off the bars that end at or before a moment, or belong to an earlier day."""
        clock = self.clock
        assert clock is not None
        below: Bar | None = None
        for index, bar in enumerate(self.bars):
            if bar is None:
                below = None
                continue
            if below is not None:
                _fold_bar(bar, below)
            if bar[DAY] == clock.trading_day and start_ns < bar[END]:
                break
            if not bar[TOLD]:
                self.done.append((index, _row(bar)))
            self.bars[index] = None
            below = bar

    def close_due(self, now_ns: int) -> None:
        """Tell the bars whose time is over by the clock, without waiting for a trade (M-12)."""
        if now_ns < self._due_ns:
            return
        due = 2**63
        for index, bar in enumerate(self.bars):
            if bar is None or bar[TOLD]:
                continue
            if bar[CLOSES] <= now_ns:
                bar[TOLD] = 1
                self._end_ns = 0  # a trade that is later still must not pass unseen
                self.done.append((index, self.row(index)))
            else:
                due = min(due, bar[CLOSES])
        self._due_ns = due

    @property
    def is_quiet(self) -> bool:
        """Has every bar been told as finished?"""
        return all(bar is None or bar[TOLD] for bar in self.bars)

    # ---------------------------------------------------------------------- looks

    def row(self, index: int) -> Row:
        """A period's current bar as it is now; there must be one."""
        bar = self.bars[index]
        assert bar is not None
        whole = list(bar)
        for below in reversed(self.bars[:index]):
            if below is not None:
                _fold_bar(whole, below)
        return _row(whole)

    def rows(self) -> Iterator[tuple[int, Row, bool]]:
        """(period's index, row, finished) of every current bar, in one pass from the finest up."""
        below: Bar | None = None
        for index, bar in enumerate(self.bars):
            if bar is None:
                continue
            whole = list(bar)
            if below is not None:
                _fold_bar(whole, below)
            yield index, _row(whole), bool(bar[TOLD])
            below = whole

    def dump(self) -> list[Any]:
        """Everything but the clock, as plain values."""
        return [self.last_ids, self._starts, self._days, self.bars]

    def load(self, values: list[Any], clock: DayClock | None) -> None:
        """Take what `dump` gave, with the clock of the day it was in."""
        self.last_ids, self._starts, self._days = map(list, values[:3])
        self.bars = [bar and list(bar) for bar in values[3]]
        self.clock = clock
        fine = self.bars[0]
        if fine is not None:
            self._bar = fine
            is_today = clock is not None and fine[DAY] == clock.trading_day and not fine[TOLD]
            self._end_ns = fine[END] if is_today else 0
        self._due_ns = 0


def listing_ns(clock: DayClock, duration_ns: int, time_ns: int) -> int:
    """Where bar 0 of an instrument listed then stands: one bar before any that can follow."""
    if duration_ns >= DAY_NS:
        return clock.label_ns - duration_ns
    first = clock.bucket(min(time_ns, clock.open_ns), duration_ns)[0]
    return first - duration_ns


def _row(bar: Bar) -> Row:
    return (bar[ID], bar[START], bar[DAY], *bar[OPEN:TOLD])


def _fold_in(bar: Bar, figures: Figures) -> None:
    """Add later figures to a bar that has some."""
    _, high, low, close, lots, amount, _, close_oi = figures
    if high > bar[HIGH]:
        bar[HIGH] = high
    if low < bar[LOW]:
        bar[LOW] = low
    bar[CLOSE] = close
    bar[VOLUME] += lots
    bar[AMOUNT] += amount
    bar[CLOSE_OI] = close_oi


def _fold_bar(bar: Bar, below: Bar) -> None:
    """Add a later bar of the period below; a bar without figures takes its figures, and gives none."""
    if not below[OPEN]:
        return
    if bar[OPEN]:
        _fold_in(bar, tuple(below[OPEN:TOLD]))  # type: ignore[arg-type]
    else:
        bar[OPEN:TOLD] = below[OPEN:TOLD]
