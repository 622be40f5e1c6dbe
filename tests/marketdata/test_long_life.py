"""A day of one connection, its clock passed in: what it keeps is bounded (W-6, Q-5b)."""

import asyncio
from collections import deque
from typing import Any

from marketdata.fanout.quotes import HISTORY, QuoteState
from marketdata.fanout.ring import Entry, EventRing
from marketdata.rows import BarRow
from marketdata.sockets.diff import messages
from marketdata.sockets.diff.charts import Chart, ChartDesk, Lane
from marketdata.sockets.diff.socket import MOST_NOTIFIES, MOST_ROOTS, DiffSocket
from marketdata.sockets.limits import Bucket
from marketdata.sockets.typed.outbox import REMEMBERED, Item, Outbox
from trading.codec import encode_events

DAY_S = 86_400
SECOND = 10**9
WIDTH = 200


class Series:
    """A series of one-second bars that the test moves on."""

    def __init__(self, symbol: str) -> None:
        self.symbol, self.duration_ns = symbol, SECOND
        self.first_id, self.last_id = 0, 0
        self.listeners: list[Any] = []

    def listen(self, told: Any) -> None:
        self.listeners.append(told)

    def move(self) -> None:
        self.last_id += 1
        n = self.last_id
        row = BarRow(n, n * SECOND, 20_261_123, 1, 1, 1, 1, 1, 1, 1, 1, False, n)
        for told in self.listeners:
            told(row)


class Silent:
    """A socket whose client asks for nothing."""

    def __init__(self) -> None:
        self.refused: list[int] = []

    def flush(self) -> None:
        pass

    def refuse(self, code: int, params: Any = None) -> None:
        self.refused.append(code)


def two_symbol_chart(socket: Any) -> tuple[Chart, list[Series]]:
    request = messages.SetChart("c", "A.a,A.b", SECOND, WIDTH)
    chart = Chart(ChartDesk(socket), request, {})
    series = [Series("A.a"), Series("A.b")]
    chart.lanes = [Lane(chart, each) for each in series]
    chart.left, chart.right, chart.is_loaded, chart.is_ready = 0, 0, True, True
    return chart, series


def test_a_chart_whose_client_computes_all_day_keeps_two_windows() -> None:
    chart, series = two_symbol_chart(Silent())
    for _ in range(DAY_S):
        for each in series:
            each.move()
    assert all(len(lane.pending) <= 2 * WIDTH + 1 for lane in chart.lanes)
    assert all(len(found) <= 2 * WIDTH + 1 for found in chart.bindings.values())
    last = str(series[0].last_id)
    assert chart.bindings["A.b"][last] in (series[1].last_id - 1, series[1].last_id)
    while any(lane.pending for lane in chart.lanes):
        chart.take(1 << 16)
    assert chart.bindings == {} and chart.right == series[0].last_id


def test_charts_dropped_without_end_are_refused() -> None:
    socket = Silent()
    desk = ChartDesk(socket)  # type: ignore[arg-type]
    for number in range(1_000):
        desk.handle(messages.SetChart(f"c{number}"), {})
    assert len(desk._dropped) == 200 and len(socket.refused) == 800


def test_what_waits_for_a_peek_is_bounded() -> None:
    async def work() -> DiffSocket:
        socket = DiffSocket({}, None, None)
        for number in range(5_000):
            socket.notify(406, "INFO", str(number))
            socket.root(b'{"n":%d}' % number)
        return socket

    socket = asyncio.run(work())
    assert (len(socket._notifies), len(socket._roots)) == (MOST_NOTIFIES, MOST_ROOTS)
    assert socket._roots[0] == b'{"mdhis_more_data":false}'
    assert socket._roots[-1] == b'{"n":4999}'


def test_a_day_of_notifications_leaves_names_and_nothing_else() -> None:
    outbox, sent = Outbox(), 0
    for second in range(DAY_S):
        outbox.put(Item(second % 4, f"n{second}", "kind", b"x"), float(second))
        sent += len(outbox.take(second + 1.5))
    assert sent == DAY_S and len(outbox) == 0
    assert len(outbox._names) == REMEMBERED


def test_a_day_of_quotes_keeps_a_short_history() -> None:
    state = QuoteState("A.a")
    for second in range(DAY_S):
        state._set({"last_price": second, "volume": second})
        state.fragment(state.version - 1)
    assert state.version == DAY_S
    assert len(state._history) == HISTORY and len(state._cache) == 1
    assert state.changed_since(1) == state.fields


def test_a_days_events_fill_the_ring_once() -> None:
    ring = EventRing(1_000)
    data = encode_events([[1, "Ticked", 1, 0, ""]])
    for seq in range(1, DAY_S + 1):
        ring.append(Entry(seq, seq, data))
    assert len(ring._entries) <= 1_000


def test_an_honest_client_never_runs_into_its_limit() -> None:
    now = 0.0
    bucket = Bucket(100.0, 500.0, lambda: now)
    taken: deque[bool] = deque(maxlen=DAY_S)
    for _ in range(DAY_S // 10):
        now += 10.0
        taken.extend(bucket.take() for _ in range(20))
    assert all(taken) and bucket._left <= 500.0
