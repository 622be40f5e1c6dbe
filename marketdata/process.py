"""The market-data process: events of a venue into ticks and bars, told and stored (M-1 … M-13).

It tells the cache ten times a second and writes the tables once a second. Ids and figures
follow from the events alone, so what a killed process had told and not yet stored comes again
under the same ids.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import redis
import structlog

from exchange_site.metrics.meter import METER, Sample
from exchange_site.streams import Keys, log_client
from marketdata.bars.book import PERIODS, Row
from marketdata.bars.continuous import MAIN
from marketdata.bars.ticker import Tick, Ticker
from marketdata.continuous_views import ContinuousQuotes
from marketdata.keys import TICKS_KEPT, BarUpdates, Current, TickUpdates
from marketdata.publisher import Publisher, View
from marketdata.rows import LEVELS, BarRow, TickRow
from marketdata.store import Commit, Pending, Store, commit_of
from marketdata.stored import last_ticks
from trading.projector import chunks
from trading.projector_process import StreamSource, catch_up, database_dsn

log = structlog.get_logger(__name__)

PUBLISH_S, COMMIT_S = 0.1, 1.0
BLOCK_MS = 50
SETTLE_NS = 300_000_000
"""So long after a moment the worker's events of it have been read."""
FRESH_NS = 5 * 10**9
"""Ticks older than that are told without the book, which is today's."""
REPLAY_EVENTS = 50_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
SERVER_ERRORS = (redis.RedisError, psycopg.OperationalError)
"""What a restart of Redis or PostgreSQL raises; everything else ends the process."""


class Recorder:
    """Takes events into the market; tells and stores what comes of them."""

    def __init__(self, venue: str, store: Store, publisher: Publisher) -> None:
        self.venue = venue
        self.store = store
        self.publisher = publisher
        self.market = store.load()
        self.log = log_client()
        self.continuous = ContinuousQuotes()
        self.pending = Pending()
        self.writing: tuple[Future[None], Commit, Pending] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="marketdata-writer")
        self._publish_at = self._commit_at = 0.0

    def close(self) -> None:
        """Let the writer finish; the session can be closed after it."""
        self._pool.shutdown(wait=True)
        self.log.close()

    @property
    def seq(self) -> int:
        """Sequence of the last event in the tables."""
        return self.store.seq

    # --------------------------------------------------------------------- events

    def step(self, source: StreamSource, block_ms: int = BLOCK_MS) -> int:
        """Read, take, tell and store what is due; the number of events taken."""
        events = source.read(self.market.seq, block_ms)
        self.market.add(events)
        if events:
            METER.count("exchange_marketdata_events_total", len(events))
        now = time.monotonic()
        if now >= self._publish_at:
            self._publish_at = now + PUBLISH_S
            self.publish(is_busy=bool(events))
            METER.observe("exchange_marketdata_publish_seconds", time.monotonic() - now)
            if now >= self._commit_at:
                self._commit_at = now + COMMIT_S
                self.commit()
        return len(events)

    def samples(self) -> list[Sample]:
        """What waits for the tables (O-30)."""
        return [("exchange_marketdata_pending_rows", {}, sum(map(len, self._unstored())))]

    def finish(self) -> None:
        """Tell and store everything taken so far."""
        self.publish(is_busy=True)
        self.settle()
        self.commit()
        self.settle()

    def replay(self, events: Any) -> None:
        """Take events of the archive, storing as it goes, without telling anybody."""
        for chunk in chunks(events, REPLAY_EVENTS):
            self.market.add(chunk)
            self.market.poll(self.market.time_ns)
            self._take(self._touched(), {}, self.market.time_ns + 2 * FRESH_NS)
            self.settle()
            self.commit()
        self.settle()

    def _touched(self) -> list[Ticker]:
        """Tickers that changed since the last call."""
        touched, self.market.touched = list(self.market.touched.values()), {}
        return touched

    # -------------------------------------------------------------------- telling

    def publish(self, is_busy: bool) -> None:
        """Finish what is over, tell what has changed; the clock counts only when no event waits."""
        seconds, micros = self.log.time()
        now_ns = (seconds * 10**6 + micros) * 1_000
        market, publisher = self.market, self.publisher
        market.poll(market.time_ns if is_busy else max(market.time_ns, now_ns - SETTLE_NS))
        is_behind = publisher.is_behind and not publisher.is_away
        if is_behind:
            self._refill()
        touched = self._touched()
        shown = list(market.tickers.values()) if is_behind else touched
        products = self.continuous.products(market, shown, time.monotonic())
        if not (shown or products):
            return
        mains = [market.products[name].main for name in products]
        views = publisher.views(list(dict.fromkeys([*self._symbols_of_views(shown), *mains])))
        bars, ticks = self._take(touched, views, now_ns)
        current = {ticker.symbol: self._current(ticker) for ticker in shown}
        publisher.publish(bars, current, ticks, self.continuous.changed(market, products, views))

    def _refill(self) -> None:
        """The cache is new, or was away: bring the lists of ticks to what is known."""
        publisher, market = self.publisher, self.market
        publisher.is_behind = False
        self.continuous.forget()
        lacking = publisher.lacking({s: ticker.told_tick_id for s, ticker in market.tickers.items()})
        if not lacking:
            return
        with self.store.reading() as cursor:
            stored = last_ticks(cursor, market.number, lacking, TICKS_KEPT)
        for part in self._unstored():
            for (symbol, _), row in part.ticks.items():
                if symbol in stored:
                    stored[symbol].append(row)
        for symbol, rows in stored.items():
            # Of a symbol that was quiet for longer than ticks are kept, the state still has the last.
            ticker = market.tickers[symbol]
            if not rows and not ticker.done and ticker.told_tick_id >= 0:
                rows = [tick_row(ticker.tick(), None)]
            by_id = {row.id: row for row in rows}
            publisher.refill(symbol, [by_id[number] for number in sorted(by_id)])

    def _unstored(self) -> list[Pending]:
        return [self.pending] if self.writing is None else [self.writing[2], self.pending]

    def _symbols_of_views(self, touched: list[Ticker]) -> list[str]:
        """Contracts whose book is wanted for ticks: their own, or those of the series they lead."""
        market = self.market
        done = [ticker.symbol for ticker in touched if ticker.done]
        return [
            symbol if symbol in market.contracts else market.products[symbol.partition("@")[2]].main
            for symbol in done
        ]

    def _take(
        self, touched: list[Ticker], views: dict[str, View], now_ns: int
    ) -> tuple[BarUpdates, TickUpdates]:
        """Finished and changed rows of the tickers; what is finished waits for the tables too."""
        pending = self.pending
        bars: BarUpdates = []
        ticks: TickUpdates = []
        for ticker in touched:
            symbol, seq = ticker.symbol, ticker.seq
            pending.symbols.add(symbol)
            for index, row in ticker.bars.done:
                bar = bar_row(row, True, seq)
                pending.bars.setdefault(symbol, {})[PERIODS[index], bar.id] = bar
                bars.append((symbol, PERIODS[index], bar))
            for index, row, is_told in ticker.bars.rows():
                if not is_told:
                    bars.append((symbol, PERIODS[index], bar_row(row, False, seq)))
            for tick in ticker.done:
                found = tick_row(tick, self._view_for(symbol, tick, views, now_ns))
                pending.ticks[symbol, found.id] = found
                ticks.append((symbol, found))
            for index, day, first_id in ticker.bars.first_ids:
                pending.days[symbol, PERIODS[index], day] = first_id
            for day, first_id in ticker.first_ids:
                pending.days[symbol, 0, day] = first_id
            for taken in (ticker.bars.done, ticker.done, ticker.bars.first_ids, ticker.first_ids):
                taken.clear()
        return bars, ticks

    def _view_for(self, symbol: str, tick: Tick, views: dict[str, View], now_ns: int) -> View | None:
        """The book of a tick that is of now."""
        if now_ns - tick.time_ns > FRESH_NS:
            return None
        if symbol.startswith(MAIN):
            symbol = self.market.products[symbol.partition("@")[2]].main
        view = views.get(symbol)
        return view if view and view["trading_day"] == tick.trading_day else None

    def _current(self, ticker: Ticker) -> Current:
        """Per period what the tables may lack, then the current bar."""
        unstored = self._unstored()
        now = {index: (row, is_told) for index, row, is_told in ticker.bars.rows()}
        found: Current = []
        for index, duration in enumerate(PERIODS):
            rows = {bar.id: bar for part in unstored for bar in part.bars_of(ticker.symbol, duration)}
            if index in now:
                row, is_told = now[index]
                rows[row[0]] = bar_row(row, is_told, ticker.seq)
            found.append((duration, [rows[number] for number in sorted(rows)]))
        return found

    # -------------------------------------------------------------------- storing

    def commit(self) -> None:
        """Hand what was taken to the writer; at most one transaction is under way.

        Nothing may have been touched since the last taking: states and cursor go together.
        """
        if self.writing is not None and not self.writing[0].done() and len(self.pending) < REPLAY_EVENTS:
            return
        self.settle()
        if self.market.seq == self.store.seq and not self.pending.symbols:
            return
        commit = commit_of(self.pending, self.market)
        self.market.is_changed = False
        self.writing = (self._pool.submit(self._write, commit), commit, self.pending)
        self.pending = Pending()

    def settle(self) -> None:
        """Wait for the transaction under way; raises what it raised."""
        if self.writing is not None:
            self.writing[0].result()
            self.writing = None

    def _write(self, commit: Commit) -> None:
        self.store.write(commit)
        keys = Keys(self.venue)
        with log_client() as client:
            pipe = client.pipeline(transaction=False)
            pipe.hset(keys.cursors, "marketdata", commit.seq)
            pipe.hset(f"{keys.prefix}marketdata", mapping={"seq": commit.seq, "time_ns": commit.time_ns})
            pipe.execute()


def bar_row(row: Row, is_finished: bool, seq: int) -> BarRow:
    """A bar of the book as it is published and stored."""
    return BarRow(*row, is_finished, seq)


def tick_row(tick: Tick, view: View | None) -> TickRow:
    """A tick with the best levels of a view."""
    bids, asks = ([], []) if view is None else (_best(view["bids"]), _best(view["asks"]))
    return TickRow(*tick[:10], bids, asks, *tick[10:])


def _best(levels: list[list[int]]) -> list[tuple[int, int]]:
    return [(level[0], level[1]) for level in levels[:LEVELS]]


class MarketDataProcess:
    """Runs a recorder until told to stop; sessions end with their servers and begin anew."""

    def __init__(self, venue: str, dsn: str = "") -> None:
        self.venue = venue
        self.dsn = dsn or database_dsn()
        self.stopping = threading.Event()

    def stop(self, *_: Any) -> None:
        """Store what is pending and return; usable as a signal handler."""
        self.stopping.set()

    def run(self) -> None:
        """Record for ever. Raises what an operator must look at: a gap, a second process."""
        pause_s = FIRST_PAUSE_S
        while not self.stopping.is_set():
            try:
                self.session()
                pause_s = FIRST_PAUSE_S
            except SERVER_ERRORS as error:
                log.warning("marketdata_waits", venue=self.venue, reason=str(error), pause_s=pause_s)
                self.stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def session(self) -> None:
        """One connection to each server: lock, load, catch up, follow the stream."""
        began = time.monotonic()
        store, source = Store(self.dsn, self.venue), StreamSource(self.venue)
        publisher = Publisher(self.venue)
        try:
            while not store.try_lock():
                if self.stopping.wait(0.2):
                    return
            recorder = Recorder(self.venue, store, publisher)
            METER.read_from(recorder.samples)
            try:
                catch_up(recorder, source, self.venue)  # type: ignore[arg-type]
                warm_ms = round((time.monotonic() - began) * 1_000)
                log.info("marketdata_started", venue=self.venue, seq=recorder.seq, warm_ms=warm_ms)
                while not self.stopping.is_set():
                    recorder.step(source)
                recorder.finish()
            finally:
                recorder.close()
        finally:
            store.close()
            source.close()
            publisher.close()
