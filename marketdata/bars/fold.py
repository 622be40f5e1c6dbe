"""Bars of any duration from finer rows: rollups, recomputation, charts (M-10, M-13, M-14)."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from marketdata.bars.clock import DAY_NS, DayClock

MAX_DAYS = 28
_SECOND_NS = 10**9
ClockOf = Callable[[int], DayClock]


class Piece(NamedTuple):
    """A bar without an id, or what is folded into one: a tick, a bar of a finer period."""

    time_ns: int  # of the trades, or the start of the bar
    trading_day: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    amount: int
    open_oi: int
    close_oi: int


def is_duration(duration_ns: int) -> bool:
    """Whole seconds to a day, or whole days to 28 (D-24)."""
    if duration_ns > DAY_NS:
        return duration_ns % DAY_NS == 0 and duration_ns // DAY_NS <= MAX_DAYS
    return duration_ns > 0 and duration_ns % _SECOND_NS == 0


class Folder:
    """Folds pieces, in stored sequence, into the bars of one duration up to a day.

    ``add`` gives back the bar that a piece finished; ``current`` is the unfinished one.
    """

    def __init__(self, duration_ns: int, clock_of: ClockOf) -> None:
        self.duration_ns = duration_ns
        self.clock_of = clock_of
        self.current: Piece | None = None
        self.end_ns = 0
        self._last_start = 0

    def add(self, piece: Piece) -> Piece | None:
        """Take the next piece."""
        bar = self.current
        if bar is not None and piece.trading_day == bar.trading_day and piece.time_ns < self.end_ns:
            self.current = joined(bar, piece)
            return None
        start, end = self.clock_of(piece.trading_day).bucket(piece.time_ns, self.duration_ns)
        if bar is not None and piece.trading_day == bar.trading_day and start <= bar.time_ns:
            self.current = joined(bar, piece)
            return None
        start = max(start, self._last_start + _SECOND_NS)
        self._last_start, self.end_ns = start, end
        self.current = piece._replace(time_ns=start)
        return bar


def folded(pieces: Iterable[Piece], duration_ns: int, clock_of: ClockOf) -> list[Piece]:
    """All bars of the pieces, the unfinished one last."""
    folder = Folder(duration_ns, clock_of)
    found = [bar for bar in map(folder.add, pieces) if bar is not None]
    return [*found, folder.current] if folder.current is not None else found


def joined(bar: Piece, later: Piece) -> Piece:
    """A bar with a later piece added."""
    return Piece(
        bar.time_ns, bar.trading_day, bar.open, max(bar.high, later.high), min(bar.low, later.low),
        later.close, bar.volume + later.volume, bar.amount + later.amount, bar.open_oi, later.close_oi,
    )  # fmt: skip
