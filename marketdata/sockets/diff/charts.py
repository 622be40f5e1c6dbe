"""set_chart: windows of K-lines and ticks that fill once and then live (D-24, D-25).

A chart's rows go out in chunks; `ready` comes with the last of its first window, since
clients read the window once, at that moment.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from exchange_site.exceptions import ExchangeError
from marketdata.sockets.diff import messages
from marketdata.sockets.diff.branch import braces, pair
from trading.engine.codes import INSTRUMENT_NOT_FOUND, INVALID_FIELD, NOT_FOUND, SERVICE_UNAVAILABLE

if TYPE_CHECKING:
    from marketdata.sockets.diff.socket import DiffSocket

MOST_WIDTH = 10_000
MOST_SYMBOLS = 20
MOST_CHARTS = 200
_RETRY_S = 0.5
_encode = msgspec.json.Encoder().encode


class Lane:
    """One symbol of a chart: its series and the rows that wait to be sent."""

    def __init__(self, chart: "Chart", series: Any) -> None:
        self.chart = chart
        self.series = series
        self.pending: dict[int, Any] = {}
        self.sent_last = -1
        series.listen(self.on_row)

    def on_row(self, row: Any) -> None:
        """The series' call: a row came or changed."""
        chart = self.chart
        if row.id < chart.left_of(self) or not (chart.follows or row.id <= chart.right):
            return
        self.pending[row.id] = row
        chart.bind_live(self, row)
        if chart.is_ready and len(self.pending) > 2 * chart.request.view_width:
            least = self.series.last_id - chart.request.view_width
            self.pending = {row_id: row for row_id, row in self.pending.items() if row_id > least}
            chart.forget_bindings(least)
        chart.wake()

    def close(self) -> None:
        self.series.unlisten(self.on_row)

    @property
    def has_news(self) -> bool:
        return bool(self.pending) or self.sent_last != self.series.last_id


class Chart:
    """One chart of a socket: a window on one series, or on several bound to the first one's."""

    def __init__(self, desk: "ChartDesk", request: messages.SetChart, pack: dict[str, Any]) -> None:
        self.desk = desk
        self.request = request
        self.pack = pack
        self.lanes: list[Lane] = []
        self.left = self.right = -1
        self.is_ready = False
        self.is_loaded = False
        self.bindings: dict[str, dict[str, int]] = {}
        self._newest: Any = None
        self._shown: tuple[int, int] | None = None

    @property
    def follows(self) -> bool:
        """Does the window move with the newest row?"""
        request = self.request
        return request.focus_datetime is None and request.left_kline_id is None

    def left_of(self, lane: Lane) -> int:
        """The least id of a symbol that belongs to the window."""
        return self.left if self.lanes and lane is self.lanes[0] else 0

    def wake(self) -> None:
        """Something came: tell the socket."""
        if self.is_loaded:
            self.desk.socket.flush()

    # ------------------------------------------------------------------- loading

    async def load(self) -> None:
        """Open the series and queue the rows of the window."""
        for symbol in dict.fromkeys(filter(None, self.request.ins_list.split(","))):
            self.lanes.append(Lane(self, await self._open(symbol)))
        await self._place()
        for lane in self.lanes:
            await self._fill(lane)
        self.is_loaded = True
        self.wake()

    async def _open(self, symbol: str) -> Any:
        """The series; a listed symbol whose rows are not there yet is waited for.

        A client waits for its chart without asking again, so a refusal would silence it.
        """
        hub = self.desk.socket.hub
        while True:
            try:
                return await hub.series.open(symbol, self.request.duration)
            except ExchangeError as error:
                is_known = hub.catalogue.get(symbol) is not None
                if not is_known or error.code not in (SERVICE_UNAVAILABLE, INSTRUMENT_NOT_FOUND):
                    raise
            await asyncio.sleep(_RETRY_S)
            if not self.desk.has(self):
                raise ExchangeError(NOT_FOUND)

    async def _place(self) -> None:
        """Where the window stands (D-24)."""
        request, series = self.request, self.lanes[0].series
        width = request.view_width
        if request.left_kline_id is not None:
            self.left = max(request.left_kline_id, series.first_id)
        elif request.focus_datetime is not None:
            at = await series.id_at(request.focus_datetime)
            self.left = max(at - (request.focus_position or 0), series.first_id)
        else:
            self.left = max(series.last_id - width + 1, series.first_id, 0)
        self.right = series.last_id if self.follows else self.left + width - 1

    async def _fill(self, lane: Lane) -> None:
        if lane is self.lanes[0]:
            rows = await lane.series.rows(self.left, min(self.right, lane.series.last_id))
            self._queue(lane, rows)
            return
        for row in [row for _, row in sorted(self.lanes[0].pending.items())]:
            await self._bind(lane, row)

    async def _bind(self, lane: Lane, row: Any) -> None:
        """The other symbol's row at the time of the first one's."""
        series = lane.series
        other = await series.id_at(row.datetime_ns)
        self.bindings.setdefault(series.symbol, {})[str(row.id)] = other
        if other not in lane.pending:
            self._queue(lane, await series.rows(other, other))

    def bind_live(self, lane: Lane, row: Any) -> None:
        """Keep the newest rows of all symbols bound to the first one's (D-24)."""
        if lane is self.lanes[0]:
            is_new = self._newest is None or row.id > self._newest.id
            self._newest = row
            for other in self.lanes[1:] if is_new else ():
                self.bindings.setdefault(other.series.symbol, {})[str(row.id)] = other.series.last_id
        elif self._newest is not None and row.datetime_ns <= self._newest.datetime_ns:
            self.bindings.setdefault(lane.series.symbol, {})[str(self._newest.id)] = row.id

    def forget_bindings(self, least: int) -> None:
        """Keep those of a window: a client that asks for nothing has fallen out of the rest."""
        if any(len(found) > 2 * self.request.view_width for found in self.bindings.values()):
            for symbol, found in self.bindings.items():
                self.bindings[symbol] = {key: other for key, other in found.items() if int(key) > least}

    def _queue(self, lane: Lane, rows: list[Any]) -> None:
        for row in rows:
            lane.pending.setdefault(row.id, row)

    # ------------------------------------------------------------------- sending

    @property
    def is_dirty(self) -> bool:
        return self.is_loaded and (not self.is_ready or any(lane.has_news for lane in self.lanes))

    def take(self, budget: int) -> list[bytes]:
        """Patches of what waits, about `budget` bytes."""
        parts: list[bytes] = []
        for lane in self.lanes:
            if budget <= 0:
                return parts
            if lane.has_news:
                patch = self._rows(lane, budget)
                budget -= len(patch)
                parts.append(patch)
        if all(not lane.pending for lane in self.lanes):
            parts += self._state()
        return parts

    def _rows(self, lane: Lane, budget: int) -> bytes:
        """`klines.{symbol}.{duration}` or `ticks.{symbol}` of the rows that fit."""
        rows: list[bytes] = []
        while lane.pending and budget > 0:
            row_id = min(lane.pending)
            rows.append(pair(str(row_id), _encode(lane.pending.pop(row_id).diff())))
            budget -= len(rows[-1])
        lane.sent_last = lane.series.last_id
        body = [pair("last_id", _encode(lane.sent_last)), pair("data", braces(rows))]
        if lane is self.lanes[0] and self.bindings:
            body.append(pair("binding", _encode(self.bindings)))
            self.bindings = {}
        if not self.request.duration:
            return b'{"ticks":' + braces([pair(lane.series.symbol, braces(body))]) + b"}"
        durations = braces([pair(str(self.request.duration), braces(body))])
        return b'{"klines":' + braces([pair(lane.series.symbol, durations)]) + b"}"

    def _state(self) -> list[bytes]:
        """`charts.{id}`: whole when the first window is out, later only where it stands."""
        series = self.lanes[0].series
        if self.follows and series.last_id > self.right:
            self.right = series.last_id
            self.left = max(self.right - self.request.view_width + 1, series.first_id, 0)
        if self._shown == (self.left, self.right):
            return []
        self._shown = (self.left, self.right)
        state: dict[str, Any] = {"left_id": self.left, "right_id": self.right}
        if not self.is_ready:
            self.is_ready = True
            state |= {"ready": True, "more_data": False, "state": self.pack}
        patch = b'{"charts":' + braces([pair(self.request.chart_id, _encode(state))]) + b"}"
        return [patch, b'{"mdhis_more_data":false}']

    def close(self) -> list[Any]:
        """Listen no more; the series to give back."""
        for lane in self.lanes:
            lane.close()
        return [lane.series for lane in self.lanes]


class ChartDesk:
    """The charts of one socket."""

    def __init__(self, socket: "DiffSocket") -> None:
        self.socket = socket
        self._charts: dict[str, Chart] = {}
        self._dropped: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._charts)

    @property
    def is_dirty(self) -> bool:
        if not self._charts:
            return bool(self._dropped)
        return bool(self._dropped) or any(chart.is_dirty for chart in self._charts.values())

    @property
    def is_urgent(self) -> bool:
        """A window that was asked for need not wait for the market's pace."""
        if not self._charts:
            return bool(self._dropped)
        return bool(self._dropped) or any(
            chart.is_loaded and not chart.is_ready for chart in self._charts.values()
        )

    def has(self, chart: Chart) -> bool:
        """Is the chart still wanted?"""
        return self._charts.get(chart.request.chart_id) is chart

    def handle(self, request: messages.SetChart, pack: dict[str, Any]) -> None:
        """Make, change or drop a chart."""
        former = self._charts.pop(request.chart_id, None)
        if former is not None:
            self._give_back(former)
        if not request.ins_list:
            self._drop(request.chart_id)
            return
        if not _is_sound(request) or len(self._charts) >= MOST_CHARTS:
            self.socket.refuse(INVALID_FIELD, {"field": "set_chart"})
            return
        chart = self._charts[request.chart_id] = Chart(self, request, pack)
        self.socket.spawn(self._load(chart))

    def _drop(self, chart_id: str) -> None:
        """Tell that a chart is gone; of one that nobody knew there is nothing to tell for ever."""
        if len(chart_id) > 256 or len(self._dropped) >= MOST_CHARTS:
            self.socket.refuse(INVALID_FIELD, {"field": "chart_id"})
            return
        self._dropped[chart_id] = None
        self.socket.flush()

    async def _load(self, chart: Chart) -> None:
        try:
            await chart.load()
        except ExchangeError as error:
            self._give_back(chart)
            if self.has(chart):
                del self._charts[chart.request.chart_id]
                self.socket.refuse(error.code, error.params)
        else:
            if not self.has(chart):
                self._give_back(chart)  # replaced while it loaded

    def _give_back(self, chart: Chart) -> None:
        """Close its series, beside the socket's own life."""
        series = chart.close()
        chart.lanes.clear()
        hub = self.socket.hub
        for each in series:
            hub.give_back(each)

    def take(self, budget: int) -> list[bytes]:
        """Patches of what waits, about `budget` bytes."""
        parts = [
            b'{"charts":' + braces([pair(chart_id, b"null")]) + b"}"
            for chart_id in self._dropped
            if chart_id not in self._charts
        ]
        self._dropped = {}
        for chart in self._charts.values():
            if budget > 0 and chart.is_dirty:
                found = chart.take(budget)
                budget -= sum(map(len, found))
                parts += found
        return parts

    def close(self) -> None:
        """Give every series back."""
        for chart in self._charts.values():
            self._give_back(chart)
        self._charts.clear()


def _is_sound(request: messages.SetChart) -> bool:
    """Widths, durations and names within their bounds; the hub checks the duration itself."""
    numbers = (request.focus_datetime, request.focus_position, request.left_kline_id)
    return (
        1 <= request.view_width <= MOST_WIDTH
        and 0 <= request.duration <= 28 * 86_400 * 10**9
        and 0 < len(request.chart_id) <= 256
        and request.ins_list.count(",") < MOST_SYMBOLS
        and all(number is None or abs(number) < 1 << 62 for number in numbers)
    )
