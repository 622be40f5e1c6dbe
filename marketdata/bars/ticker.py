"""One symbol's day figures, ticks and bars from its trades and touches (M-1, M-2, M-13).

A tick stands for half a second of log time in which an order or a trade touched the symbol:
at most two a second, as a front gives them, and never over the edge of a bar. Whether there
is one, and its id, follow from the events alone.
"""

from typing import Any, NamedTuple

from marketdata.bars.book import SymbolBars
from marketdata.bars.clock import DayClock
from trading.engine.units import NS_PER_SECOND, divide_half_up

WINDOW_NS = NS_PER_SECOND // 2


class Tick(NamedTuple):
    """A tick without the book; prices in 1/10 000 yuan, 0 = none, totals of the trading day."""

    id: int
    time_ns: int  # of the last event in it
    trading_day: int
    last_price: int
    average: int
    highest: int
    lowest: int
    volume: int
    amount: int
    open_interest: int
    open: int  # of its own trades, as are the figures that follow
    high: int
    low: int
    lots: int
    turnover: int
    open_oi: int
    seq: int


class Ticker:
    """Everything that is kept about one symbol."""

    __slots__ = (
        "_day", "_first_day", "_is_told", "_open_oi", "_tick_high", "_tick_id", "_tick_low", "_tick_lots",
        "_tick_open", "_tick_time_ns", "_tick_turnover", "_window", "amount", "bars", "done", "first_ids",
        "high", "last", "low", "mark", "multiple", "open", "open_interest", "seq", "symbol", "volume",
    )  # fmt: skip

    def __init__(self, symbol: str, multiple: int) -> None:
        self.symbol = symbol
        self.multiple = multiple
        self.bars = SymbolBars()
        self.mark = 0  # the last price, before the day's first trade the settlement's
        self.open_interest = 0
        self.seq = 0
        self.done: list[Tick] = []  # finished ticks, for the caller to take
        self.first_ids: list[tuple[int, int]] = []  # (trading day, first tick id), likewise
        self._day = self._first_day = 0
        self._tick_id, self._window, self._is_told = -1, -1, True
        self._clear_day()
        self._clear_tick(0)

    def _clear_day(self) -> None:
        self.last = self.open = self.high = self.low = self.volume = self.amount = 0

    def _clear_tick(self, time_ns: int) -> None:
        self._tick_open = self._tick_high = self._tick_low = 0
        self._tick_lots = self._tick_turnover = 0
        self._open_oi = self.open_interest
        self._tick_time_ns = time_ns

    # -------------------------------------------------------------------- events

    def list_at(self, seq: int, time_ns: int, price: int, clock: DayClock) -> None:
        """Begin every series with row 0 at the previous settlement price (D-24)."""
        self.seq, self.mark = seq, price
        self.bars.list_at(time_ns, price, clock, self.open_interest)
        self.bars.start(clock)
        self._tick_id = 0
        self._day = self._first_day = clock.trading_day
        self.first_ids.append((clock.trading_day, 0))
        self._clear_tick(time_ns)
        self.done.append(self.tick())

    def touch(self, seq: int, time_ns: int, clock: DayClock) -> None:
        """An order changed the book: the tick of this half second is due."""
        day, window = clock.trading_day, time_ns // WINDOW_NS
        if day != self._day:
            self.end_tick()
            self._day, self._window = day, -1
            self._clear_day()
            self.bars.start(clock)
        if window != self._window:
            self.end_tick()
            self._window = window
            self._tick_id += 1
            self._clear_tick(time_ns)
            if day != self._first_day:
                self._first_day = day
                self.first_ids.append((day, self._tick_id))
        self._tick_time_ns = time_ns
        self.seq = seq
        self._is_told = False

    def trade(
        self, seq: int, time_ns: int, clock: DayClock, price: int, lots: int, amount: int, interest: int
    ) -> None:
        """Count a trade; `amount` is its turnover, `interest` the open interest after it."""
        self.touch(seq, time_ns, clock)
        self.bars.trade(time_ns, price, lots, amount, self.open_interest, interest)
        self.last = self.mark = price
        if not self.volume:
            self.open = self.high = self.low = price
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.volume += lots
        self.amount += amount
        self.open_interest = interest
        if not self._tick_lots:
            self._tick_open = self._tick_high = self._tick_low = price
        elif price > self._tick_high:
            self._tick_high = price
        elif price < self._tick_low:
            self._tick_low = price
        self._tick_lots += lots
        self._tick_turnover += amount

    def settle(self, price: int, interest: int) -> None:
        """The price and open interest that the next day begins with."""
        self.end_tick()
        self.mark, self.open_interest = price, interest

    def reclock(self, clock: DayClock) -> None:
        """The session table changed within the day."""
        if clock.trading_day == self._day:
            self.bars.clock = clock

    # ------------------------------------------------------------------- the end

    def end_tick(self) -> None:
        """Tell the tick under way; what comes in the same half second corrects it under its id."""
        if not self._is_told:
            self._is_told = True
            self.done.append(self.tick())

    def poll(self, now_ns: int) -> None:
        """Tell the tick and the bars whose time is over by the clock."""
        if not self._is_told and now_ns >= (self._window + 1) * WINDOW_NS:
            self.end_tick()
        self.bars.close_due(now_ns)

    def end_day(self) -> None:
        """The trading day is settled: everything of it is finished."""
        self.end_tick()
        self.bars.close_due(2**62)

    @property
    def is_quiet(self) -> bool:
        """Is nothing left that the clock will finish?"""
        return self._is_told and self.bars.is_quiet

    # --------------------------------------------------------------------- looks

    @property
    def told_tick_id(self) -> int:
        """The last tick that was told; -1 before the first."""
        return self._tick_id if self._is_told else self._tick_id - 1

    @property
    def average(self) -> int:
        """The day's turnover per lot and unit."""
        return divide_half_up(self.amount, self.volume * self.multiple) if self.volume else 0

    def tick(self) -> Tick:
        """The tick under way as it is now; tick 0 shows the settlement price."""
        last = self.last if self._tick_id else self.mark
        return Tick(
            self._tick_id, self._tick_time_ns, self._day, last, self.average, self.high, self.low,
            self.volume, self.amount, self.open_interest, self._tick_open, self._tick_high, self._tick_low,
            self._tick_lots, self._tick_turnover, self._open_oi, self.seq,
        )  # fmt: skip

    def dump(self) -> list[Any]:
        """Everything as plain values, for `load`."""
        return [
            self.multiple, self.mark, self.open_interest, self.seq, self.last, self.open, self.high, self.low,
            self.volume, self.amount, self._day, self._first_day, self._tick_id, self._window,
            self._is_told, self._open_oi, self._tick_time_ns, self._tick_open, self._tick_high,
            self._tick_low, self._tick_lots, self._tick_turnover, self.bars.dump(),
        ]  # fmt: skip

    def load(self, values: list[Any], clock: DayClock | None) -> None:
        """Take what `dump` gave, with the clock of the day it was in."""
        (
            self.multiple, self.mark, self.open_interest, self.seq, self.last, self.open, self.high, self.low,
            self.volume, self.amount, self._day, self._first_day, self._tick_id, self._window,
            self._is_told, self._open_oi, self._tick_time_ns, self._tick_open, self._tick_high,
            self._tick_low, self._tick_lots, self._tick_turnover, bars,
        ) = values  # fmt: skip
        self.bars.load(bars, clock)

    @property
    def trading_day(self) -> int:
        """The day of the last event; 0 before the first."""
        return self._day
