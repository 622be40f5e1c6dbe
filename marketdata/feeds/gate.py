"""No tick twice, none backwards: what passes gets its symbol's next number (G-13)."""

from marketdata.feeds.ticks import Tick

SNAPSHOT_MS = 500
"""Fronts send two snapshots a second."""
LATE = 1.5
"""A hole at a change of links this many times the symbol's own pace has lost ticks."""
PACE = 0.25
"""How fast the pace follows: a quarter of each new interval."""


class _Last:
    """Where one symbol stands."""

    __slots__ = ("day", "moved", "pace_ms", "seq", "tick")

    def __init__(self, tick: Tick) -> None:
        self.tick = tick
        self.day = tick.trading_day
        self.seq = 0
        self.moved = False
        self.pace_ms = 0.0
        """Usual time between two ticks; 0 before there were two."""


class Gate:
    """Passes each snapshot once whichever links deliver it; counts what it keeps back."""

    def __init__(self) -> None:
        self.passed = self.duplicates = self.backwards = self.gaps = 0
        self.gap_ms = 0
        self._last: dict[str, _Last] = {}

    def moved(self, symbol: str) -> None:
        """The symbol's link failed: the next tick tells whether ticks were lost."""
        last = self._last.get(symbol)
        if last is not None:
            last.moved = True

    def newest(self, symbol: str) -> Tick | None:
        """The last tick that passed."""
        last = self._last.get(symbol)
        return None if last is None else last.tick

    def passes(self, tick: Tick) -> bool:
        """Is it new? Numbers it when it is."""
        last = self._last.get(tick.instrument_id)
        if last is None:
            last = self._last[tick.instrument_id] = _Last(tick)
        elif not self._is_newer(tick, last):
            return False
        last.seq += 1
        tick.seq = last.seq
        last.tick, last.day = tick, tick.trading_day
        self.passed += 1
        return True

    def _is_newer(self, tick: Tick, last: _Last) -> bool:
        old = last.tick
        if tick.trading_day != last.day:
            if tick.trading_day < last.day:
                self.backwards += 1
                return False
            last.moved = False
            return True
        if tick.timestamp < old.timestamp or tick.volume < old.volume:
            self.backwards += 1
            return False
        if tick.timestamp == old.timestamp and not self._differs(tick, old):
            self.duplicates += 1
            return False
        if last.moved:
            self._count_gap(tick, last)
            last.moved = False
        else:
            hole = tick.timestamp - old.timestamp
            last.pace_ms = last.pace_ms + PACE * (hole - last.pace_ms) if last.pace_ms else float(hole)
        return True

    def _differs(self, tick: Tick, old: Tick) -> bool:
        """Two snapshots of one moment: some exchanges send no milliseconds.

        From another link only one with more volume is surely a later one.
        """
        if tick.volume > old.volume:
            return True
        if tick.connection_id != old.connection_id:
            return False
        return _figures(tick) != _figures(old)

    def _count_gap(self, tick: Tick, last: _Last) -> None:
        """A hole longer than the symbol's own pace explains, in which it traded."""
        old = last.tick
        hole = tick.timestamp - old.timestamp
        if hole > LATE * max(SNAPSHOT_MS, last.pace_ms) and tick.volume > old.volume:
            self.gaps += 1
            self.gap_ms += hole


def _figures(tick: Tick) -> tuple[object, ...]:
    return (
        tick.last_price, tick.bid_price1, tick.bid_volume1, tick.ask_price1, tick.ask_volume1,
        tick.open_interest, tick.turnover, tick.settlement_price,
        tick.bid_volume2, tick.ask_volume2, tick.bid_volume3, tick.ask_volume3,
    )  # fmt: skip
