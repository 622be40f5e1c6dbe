"""Quote views and public trades for readers outside the worker (M-2).

They are neither events nor durable: they live in the cache instance, are written after the
events they show, at most 20 times a second an instrument, and losing them harms nobody: a
starting worker writes all of them once.
"""

import time
from typing import Any

import msgspec
import redis
from django.conf import settings

from exchange_site.streams import Keys, Link, LogRefused, LogUncertain, cache_client
from trading.engine.state import State
from trading.engine.views import quote_view

LEAST_INTERVAL_S = 0.05
STREAM_LENGTH = 20_000
TRADES_KEPT = 200
AT_ONCE = 64
"""Instruments written in one turn of the loop: 2 ms of its time."""

_PAUSE_S = 3.0
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def quotes_client() -> redis.Redis:
    """The client of the instance that holds quotes and public trades."""
    return cache_client()


def decode_quote(data: bytes) -> dict[str, Any]:
    """A quote view as `trading.engine.views.quote_view` made it: prices in 1/10 000 yuan."""
    view: dict[str, Any] = _decode(data)
    return view


def read_quotes(client: redis.Redis, venue: str, symbols: list[str]) -> dict[str, dict[str, Any]]:
    """Newest views of the symbols that have one."""
    keys = Keys(venue)
    if not symbols:
        return {}
    found: Any = client.mget([keys.quote(symbol) for symbol in symbols])
    return {symbol: decode_quote(data) for symbol, data in zip(symbols, found, strict=True) if data}


def read_trades(client: redis.Redis, venue: str, symbol: str, count: int = TRADES_KEPT) -> list[list[int]]:
    """Last public trades, newest first: [exchange_trade_id, price, lots, direction, time_ns].

    Direction is the taker's, −1 in an auction.
    """
    found: Any = client.lrange(Keys(venue).trades(symbol), 0, count - 1)
    return [_decode(item) for item in found]


class QuoteWriter:
    """Writes what changed; a cache that is away costs the worker a look every 3 s."""

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self._link = Link(url=settings.CACHE_URL, timeout_s=0.2)
        self._last: dict[str, float] = {}
        self._replies = 0
        self._paused_until = 0.0
        self._next_turn = 0.0

    def write(self, state: State) -> None:
        """Write due views and all public trades of the state, whose events are out.

        Empties ``state.public_trades``; takes what it wrote from ``state.dirty_quotes``.
        """
        trades, state.public_trades = state.public_trades, []
        if not (trades or state.dirty_quotes):
            return
        now = time.monotonic()
        self._next_turn = now + LEAST_INTERVAL_S
        if now < self._paused_until:
            return
        due = self._due(state, now)
        if not (due or trades):
            return
        try:
            self._send(state, due, trades)
        except (LogRefused, LogUncertain, redis.RedisError):
            self._link.close()
            self._replies = 0
            self._paused_until = now + _PAUSE_S
            return
        for symbol in due:
            self._last[symbol] = now
            del state.dirty_quotes[symbol]

    def is_due(self, state: State, is_busy: bool) -> bool:
        """Is there something to write now? A busy worker writes every 50 ms only."""
        if not (state.dirty_quotes or state.public_trades):
            return False
        return not is_busy or time.monotonic() >= self._next_turn

    def _due(self, state: State, now: float) -> list[str]:
        latest = now - LEAST_INTERVAL_S
        last = self._last
        due: list[str] = []
        for symbol in state.dirty_quotes:
            if last.get(symbol, 0.0) <= latest:
                due.append(symbol)
                if len(due) == AT_ONCE:
                    break
        return due

    def _send(self, state: State, due: list[str], trades: list[Any]) -> None:
        """Send this turn's calls; the answers are read before the next turn's."""
        for _ in range(self._replies):
            self._link.read()
        self._replies = 0
        packed: list[bytes] = []
        for symbol in due:
            data = _encode(quote_view(state, symbol))
            packed += self._link.pack("SET", self.keys.quote(symbol), data)
            packed += self._link.pack(
                "XADD", self.keys.quotes, "MAXLEN", "~", STREAM_LENGTH, "*", "s", symbol, "q", data
            )
        calls = 2 * len(due) + 2 * self._pack_trades(packed, trades)
        self._link.send(packed)
        self._replies = calls

    def _pack_trades(self, packed: list[bytes], trades: list[Any]) -> int:
        """Two calls an instrument: the new trades, then the cut to the last 200."""
        by_symbol: dict[str, list[bytes]] = {}
        for symbol, *rest in trades:
            by_symbol.setdefault(symbol, []).append(_encode(rest))
        for symbol, items in by_symbol.items():
            key = self.keys.trades(symbol)
            packed += self._link.pack("LPUSH", key, *items[-TRADES_KEPT:])
            packed += self._link.pack("LTRIM", key, 0, TRADES_KEPT - 1)
        return len(by_symbol)

    def close(self) -> None:
        self._link.close()
