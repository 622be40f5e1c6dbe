"""Bars on a typed socket: the series it follows and the rows that wait to be told (W-12).

A series is opened beside the socket's requests. A client that has subscribed asks no second
time, so a listed symbol whose bars are not recorded yet, or whose tables are away, is waited
for; a symbol that turns out to be unknown is refused with its code and left.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from exchange_site.exceptions import ExchangeError
from marketdata.periods import period_of
from marketdata.rows import BarRow
from marketdata.sockets.typed import shapes
from trading.engine.codes import INSTRUMENT_NOT_FOUND, INVALID_FIELD, SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS

if TYPE_CHECKING:
    from marketdata.sockets.typed.socket import TypedSocket

MOST_SERIES = 100
FIRST_RETRY_S, LONGEST_RETRY_S = 0.25, 4.0


class Lane:
    """One symbol at one period of one socket; without a series while that is being opened."""

    __slots__ = ("changed", "period", "rows", "series", "symbol")

    def __init__(self, symbol: str, period: str, changed: Callable[[], None]) -> None:
        self.symbol = symbol
        self.period = period
        self.changed = changed
        self.series: Any = None
        self.rows: dict[int, BarRow] = {}

    async def begin(self, series: Any) -> None:
        """Listen, and tell the newest bar as it stands."""
        self.series = series
        series.listen(self.on_row)
        for row in await series.rows(series.last_id, series.last_id):
            self.rows.setdefault(row.id, row)
        self.changed()

    def on_row(self, row: BarRow) -> None:
        """The series' call: a bar came or changed."""
        self.rows[row.id] = row
        self.changed()


class BarDesk:
    """The bars of one socket; `changed` is called when there is something to take."""

    def __init__(self, socket: "TypedSocket", changed: Callable[[], None]) -> None:
        self.socket = socket
        self._changed = changed
        self._lanes: dict[tuple[str, str], Lane] = {}

    def check_room(self, symbols: list[str], periods: dict[str, int]) -> None:
        """9004 when a socket would follow more than 100 series."""
        wanted = {(symbol, period) for symbol in symbols for period in periods}
        if len(self._lanes.keys() | wanted) > MOST_SERIES:
            raise ExchangeError(TOO_MANY_REQUESTS, {}, {"series": MOST_SERIES})

    def follow(self, symbols: list[str], periods: dict[str, int]) -> None:
        """Follow each symbol at each period (name → ns); those followed already go on."""
        for symbol in symbols:
            for period, duration_ns in periods.items():
                if (symbol, period) not in self._lanes:
                    lane = self._lanes[symbol, period] = Lane(symbol, period, self._changed)
                    self.socket.spawn(self._open(lane, duration_ns))

    async def _open(self, lane: Lane, duration_ns: int) -> None:
        hub, pause_s = self.socket.hub, FIRST_RETRY_S
        while self._has(lane):
            try:
                series = await hub.series.open(lane.symbol, duration_ns)
            except ExchangeError as error:
                if not self._is_coming(lane, error):
                    self._refuse(lane, error)
                    return
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)
                continue
            if self._has(lane):
                await lane.begin(series)
            else:
                hub.give_back(series)
            return

    def _has(self, lane: Lane) -> bool:
        return self.socket.is_open and self._lanes.get((lane.symbol, lane.period)) is lane

    def _is_coming(self, lane: Lane, error: ExchangeError) -> bool:
        is_listed = self.socket.hub.quotes.state(lane.symbol) is not None
        return is_listed and error.code in (SERVICE_UNAVAILABLE, INSTRUMENT_NOT_FOUND)

    def _refuse(self, lane: Lane, error: ExchangeError) -> None:
        if self._has(lane):
            del self._lanes[lane.symbol, lane.period]
            if lane.symbol not in self.periods:
                self.socket.market.channels["kline"].discard(lane.symbol)
            named = {"instrument_id": lane.symbol, "period": lane.period}
            self.socket.refuse(None, ExchangeError(error.code, error.params, {**error.extra, **named}))

    def leave(self, symbol: str) -> None:
        """Follow no bars of a symbol any more."""
        for key in [key for key in self._lanes if key[0] == symbol]:
            lane = self._lanes.pop(key)
            if lane.series is not None:
                lane.series.unlisten(lane.on_row)
                self.socket.hub.give_back(lane.series)

    @property
    def periods(self) -> dict[str, list[str]]:
        """Symbol → names of the periods followed."""
        found: dict[str, list[str]] = {}
        for symbol, period in sorted(self._lanes):
            found.setdefault(symbol, []).append(period)
        return found

    @property
    def is_dirty(self) -> bool:
        """Does a bar wait?"""
        return any(lane.rows for lane in self._lanes.values())

    def take(self) -> list[dict[str, Any]]:
        """Messages of the bars that changed, each once, as it stands."""
        found = []
        for lane in self._lanes.values():
            if lane.rows:
                found += [shapes.kline(lane.symbol, lane.period, lane.rows[key]) for key in sorted(lane.rows)]
                lane.rows = {}
        return found


def periods_named(names: list[str]) -> dict[str, int]:
    """Name → nanoseconds; 9008 for a name that is no period of the live series."""
    found = {}
    for name in names:
        try:
            duration_ns = period_of(name)
        except ValueError as error:
            raise ExchangeError(INVALID_FIELD, {"field": "periods"}, {"reason": str(error)}) from error
        if isinstance(duration_ns, str):
            raise ExchangeError(INVALID_FIELD, {"field": "periods"}, {"reason": f"{name} has no live bars"})
        found[name] = duration_ns
    return found
