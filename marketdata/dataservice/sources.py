"""Where the data service has its figures from: the interface, and the sources at hand (G-31)."""

import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import redis

from exchange_site.streams import cache_client
from marketdata.feeds.store import FeedKeys, decode_tick, tell_wants
from marketdata.feeds.ticks import Tick, bare_symbol
from marketdata.gateway.views import tick_of
from marketdata.recorded import SAMPLE, make_tick, read_ticks
from trading.quotes_writer import read_quotes

SECONDS = {"1min": 60, "5min": 300, "15min": 900, "30min": 1_800, "60min": 3_600, "1h": 3_600, "1d": 86_400}
NAMES_S = 60.0
Kline = dict[str, Any]


class SourceUnavailable(Exception):
    """A source cannot answer: its library or its other end is missing; the text says which."""


class Source(Protocol):
    """Figures of symbols. Everything is called in threads; SourceUnavailable when it cannot be had."""

    name: str

    def missing(self) -> str:
        """Why this source cannot work here, "" when it can."""

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        """The newest tick of each symbol it knows; the stream is this, asked again and again."""

    def history(self, symbol: str, period: str, first: date, last: date) -> list[Kline]:
        """Bars `{datetime, open, high, low, close, volume}` of some days, oldest first."""


class Mock:
    """Made-up figures: a seeded walk of each symbol, the same on every machine."""

    name = "mock"

    def __init__(self) -> None:
        self._known: dict[str, tuple[random.Random, float, int]] = {}
        self._lock = threading.Lock()

    def missing(self) -> str:
        return ""

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            return [self._step(symbol, now_ms) for symbol in symbols]

    def _step(self, symbol: str, now_ms: int) -> Tick:
        dice, price, volume = self._known.get(symbol) or (random.Random(symbol), start_of(symbol), 0)
        price = round(max(0.01, price + dice.choice((-0.01, 0.0, 0.01))), 2)
        volume += dice.randrange(1, 100)
        self._known[symbol] = dice, price, volume
        return make_tick(
            symbol, now_ms, self.name, last_price=price, volume=volume,
            bid_price1=round(price - 0.01, 2), ask_price1=round(price + 0.01, 2),
            bid_volume1=dice.randrange(1, 200), ask_volume1=dice.randrange(1, 200),
        )  # fmt: skip

    def history(self, symbol: str, period: str, first: date, last: date) -> list[Kline]:
        dice, price, bars = random.Random(f"{symbol} {period} {first}"), start_of(symbol), []
        at = datetime(first.year, first.month, first.day, tzinfo=UTC)
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
        while at < end:
            close = round(max(0.01, price + dice.uniform(-0.5, 0.5)), 2)
            top, low = max(price, close), min(price, close)
            bars.append(bar(at.isoformat(), price, top, low, close, dice.randrange(100, 10_000)))
            price, at = close, at + timedelta(seconds=SECONDS[period])
        return bars


def start_of(symbol: str) -> float:
    """Where a made-up price begins: 10 to 110, by the symbol."""
    return round(10 + random.Random(f"start {symbol}").random() * 100, 2)


def bar(at: str, opened: float, high: float, low: float, close: float, volume: float) -> Kline:
    return {
        "datetime": at, "open": float(opened), "high": float(high), "low": float(low),
        "close": float(close), "volume": int(volume),
    }  # fmt: skip


class WithoutHistory:
    """A source of the present alone."""

    name = ""

    def history(self, symbol: str, period: str, first: date, last: date) -> list[Kline]:
        raise SourceUnavailable(f"{self.name} keeps no history; /api/market/kline serves the venue's")


class VenueSource(WithoutHistory):
    """The venue's own quotes, from the cache."""

    name = "venue"

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self._full: dict[str, str] = {}
        self._asked = -NAMES_S

    def missing(self) -> str:
        return ""

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        names = [self._names()[symbol] for symbol in symbols if symbol in self._names()]
        try:
            with cache_client() as client:
                views = read_quotes(client, self.venue, names)
        except redis.RedisError as error:
            raise SourceUnavailable(f"the venue's cache does not answer: {error}") from error
        return [tick_of(view, symbol) for symbol, view in views.items()]

    def _names(self) -> dict[str, str]:
        """Full symbols by the bare ones, read anew each minute."""
        if time.monotonic() - self._asked >= NAMES_S:
            from django.db import DatabaseError, close_old_connections

            from trading.models import Instrument

            try:
                close_old_connections()
                rows = Instrument.objects.filter(venue__code=self.venue).values_list("symbol", flat=True)
                self._full = {bare_symbol(name): name for name in rows}
                self._asked = time.monotonic()
            except DatabaseError as error:
                raise SourceUnavailable(f"the venue's tables do not answer: {error}") from error
        return self._full


class FeedSource(WithoutHistory):
    """What the venue's feed process gets from CTP fronts, simulated ones included."""

    name = "ctp"

    def __init__(self, venue: str, party: str) -> None:
        self.venue, self.party = venue, party
        self.keys = FeedKeys(venue)
        self._wanted: list[str] = []

    def missing(self) -> str:
        return ""

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        wanted = sorted(symbols)
        try:
            tell_wants(self.venue, self.party, wanted, wanted != self._wanted)
            self._wanted = wanted
            with cache_client() as client:
                found: Any = client.mget([self.keys.tick(symbol) for symbol in wanted])
        except redis.RedisError as error:
            raise SourceUnavailable(f"the feed's cache does not answer: {error}") from error
        return [decode_tick(data) for data in found if data]


class Replay(WithoutHistory):
    """A recorded day, played from the first question on and over again when it is out."""

    name = "replay"

    def __init__(self, path: Path = SAMPLE, speed: float = 1.0) -> None:
        self.speed = speed
        self._ticks = sorted(read_ticks(path), key=lambda tick: tick.timestamp)
        self._began = 0.0
        self._at = 0
        self._newest: dict[str, Tick] = {}
        self._lock = threading.Lock()

    def missing(self) -> str:
        return "" if self._ticks else "the recorded day is empty"

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        with self._lock:
            self._advance(time.monotonic())
            return [self._newest[symbol] for symbol in symbols if symbol in self._newest]

    def _advance(self, now: float) -> None:
        if self._at >= len(self._ticks) or not self._began:
            self._began, self._at = now, 0
        until = self._ticks[0].timestamp + 1_000 * self.speed * (now - self._began)
        while self._at < len(self._ticks) and self._ticks[self._at].timestamp <= until:
            tick = self._ticks[self._at]
            self._newest[tick.instrument_id] = tick
            self._at += 1
