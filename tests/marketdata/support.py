"""What the tests of the market-data process share: a market of events, a recorder, a reference."""

import threading
import time
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

import redis

from exchange_site.streams import Keys
from marketdata.bars.book import PERIODS
from marketdata.bars.market import Market
from marketdata.process import Recorder
from marketdata.publisher import Publisher
from marketdata.store import Store
from tests.db.events import DAY, EventMaker
from trading.codec import decode_events, encode_events
from trading.contracts import load_sessions
from trading.engine import messages as m
from trading.engine.units import SCALE
from trading.projector_process import StreamSource, database_dsn

NS = 10**9


class Tape(EventMaker):
    """Events whose times the test sets."""

    def __init__(self, venue: str, number: int = 1, day: int = DAY, mode: int = 1) -> None:
        self.now_ns = 0
        self.day = day
        super().__init__(venue, number)
        self.add(m.CalendarSet([DAY, DAY + 1, DAY + 2]))
        self.add(m.SessionsSet(load_sessions()))

    def add(self, event: Any) -> list[Any]:
        row = super().add(event)
        if self.now_ns:
            row[3] = self.now_ns
        return row

    def fill(self, time_ns: int, symbol: str, price: int, lots: int, interest: int) -> None:
        """A public trade at a time; the orders behind it are beside the point."""
        self.now_ns = time_ns
        side: list[Any] = []
        self.add(m.Traded(symbol, self.seq, self.day, price, lots, 0, side, side, interest))

    def touch(self, time_ns: int, symbol: str) -> None:
        self.now_ns = time_ns
        self.add(m.OrderCancelled([0, "", "", symbol], 1, 0, [], None))

    def settle(self, time_ns: int, price: int, interest: int, *symbols: str) -> None:
        self.now_ns = time_ns
        for symbol in symbols:
            self.instrument(symbol, pre_settlement=price, pre_open_interest=interest, status=1)
            self.events[-1][6] = "settled"
        self.add(m.SettlementFinished("R", self.day, self.day + 1, 0, 0, 0, []))
        self.day += 1


def append(client: redis.Redis, venue: str, events: list[list[Any]], entry: int = 50) -> None:
    """Write events into a venue's stream as the worker does."""
    pipe = client.pipeline(transaction=False)
    for start in range(0, len(events), entry):
        part = events[start : start + entry]
        pipe.xadd(Keys(venue).events, {"c": "1-0", "e": encode_events(part)}, id=f"{part[-1][0]}-0")
    pipe.execute()


@contextmanager
def recorder(venue: str) -> Any:
    """A recorder of the venue, and the source it reads."""
    store, publisher, source = Store(database_dsn(), venue), Publisher(venue), StreamSource(venue)
    assert store.try_lock()
    running = Recorder(venue, store, publisher)
    try:
        yield running, source
    finally:
        running.close()
        for part in (store, publisher, source):
            part.close()


def follow(running: Recorder, source: StreamSource) -> None:
    """Take, tell and store everything that the stream holds now."""
    last = source.last_seq()
    while running.market.seq < last:
        running.step(source)
    running.finish()
    tell(running)


def tell(running: Recorder) -> None:
    """Publish until the cache, which a slow machine may take for away, has everything."""
    pause, until = threading.Event(), time.monotonic() + 60
    while running.publisher.is_behind or running.publisher.is_away:
        assert time.monotonic() < until, "the cache stayed away"
        pause.wait(0.05)
        running.publish(is_busy=True)


def stream_events(client: redis.Redis, venue: str) -> list[list[Any]]:
    entries: Any = client.xrange(Keys(venue).events)
    return [event for _, fields in entries for event in decode_events(fields[b"e"])]


def reference(events: Iterable[list[Any]]) -> tuple[dict[Any, Any], dict[Any, Any], Market]:
    """(bars, ticks, market) of an uninterrupted run: last rows by key, unfinished ones too."""
    market = Market()
    bars: dict[Any, Any] = {}
    ticks: dict[Any, Any] = {}

    def take() -> None:
        for ticker in market.touched.values():
            for index, row in ticker.bars.done:
                bars[ticker.symbol, PERIODS[index] // NS, row[0]] = row
            for index, row, _ in ticker.bars.rows():
                bars[ticker.symbol, PERIODS[index] // NS, row[0]] = row
            under_way = [ticker.tick()] if ticker.told_tick_id < ticker.tick().id else []
            for tick in [*ticker.done, *under_way]:
                ticks[ticker.symbol, tick.id] = tick
            ticker.done.clear()
            ticker.bars.done.clear()
        market.touched.clear()

    for event in events:
        market.add([event])
        take()
    return bars, ticks, market


def price(yuan: int) -> int:
    return yuan * SCALE
