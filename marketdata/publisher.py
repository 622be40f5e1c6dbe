"""Market data into the cache: streams for who follows, keys for who comes later (M-4, A-10).

The cache is not durable: what it lost is written again from the tables. A cache that is away
costs the process a look a second.
"""

import time
from collections.abc import Iterable
from typing import Any

import redis
import structlog

from exchange_site.streams import cache_client
from marketdata.keys import (
    STREAM_LENGTH,
    TICKS_KEPT,
    BarUpdates,
    Current,
    MarketKeys,
    TickUpdates,
    decode_tick,
    encode,
)
from marketdata.rows import TickRow
from trading.quotes_writer import STREAM_LENGTH as QUOTES_LENGTH
from trading.quotes_writer import decode_quote

log = structlog.get_logger(__name__)
PAUSE_S = 1.0
ENTRY_ROWS = 1_000
View = dict[str, Any]


class Publisher:
    """One connection to the cache instance."""

    def __init__(self, venue: str) -> None:
        self.keys = MarketKeys(venue)
        self.client = cache_client()
        self.is_behind = True  # the keys must be written anew
        self._paused_until = 0.0
        self._newest: dict[str, int] = {}  # id of the newest tick in each list

    def close(self) -> None:
        self.client.close()

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._paused_until

    def views(self, symbols: list[str]) -> dict[str, View]:
        """Newest quote views of the symbols that have one; none while the cache is away."""
        if not symbols or self.is_away:
            return {}
        try:
            found: Any = self.client.mget([self.keys.quote(symbol) for symbol in symbols])
        except redis.RedisError as error:
            self._pause(error)
            return {}
        return {symbol: decode_quote(data) for symbol, data in zip(symbols, found, strict=True) if data}

    def publish(
        self, bars: BarUpdates, current: dict[str, Current], ticks: TickUpdates, views: Iterable[View]
    ) -> None:
        """Tell followers, then set the keys; what cannot be told marks the keys as behind."""
        if self.is_away:
            self.is_behind = True
            return
        pipe = self.client.pipeline(transaction=False)
        self._add(pipe, self.keys.bars, bars)
        self._add(pipe, self.keys.ticks, ticks)
        for symbol, rows in current.items():
            pipe.set(self.keys.bars_of(symbol), encode(rows))
        self._push_ticks(pipe, ticks)
        for view in views:
            data = encode(view)
            pipe.set(self.keys.quote(view["symbol"]), data)
            fields = {"s": view["symbol"], "q": data}
            pipe.xadd(self.keys.quotes, fields, maxlen=QUOTES_LENGTH, approximate=True)
        try:
            pipe.execute()
        except redis.RedisError as error:
            self._pause(error)

    def _add(self, pipe: Any, key: str, rows: list[Any]) -> None:
        for start in range(0, len(rows), ENTRY_ROWS):
            data = encode(rows[start : start + ENTRY_ROWS])
            pipe.xadd(key, {"b": data}, maxlen=STREAM_LENGTH, approximate=True)

    def _push_ticks(self, pipe: Any, ticks: TickUpdates) -> None:
        """Append each symbol's new ticks; a correction of the newest one replaces it."""
        by_symbol: dict[str, list[TickRow]] = {}
        for symbol, row in ticks:
            by_symbol.setdefault(symbol, []).append(row)
        for symbol, rows in by_symbol.items():
            key, newest = self.keys.ticks_of(symbol), self._newest.get(symbol, -1)
            again = [row for row in rows if row.id == newest]
            new = {row.id: row for row in rows if row.id > newest}
            if again:
                pipe.lset(key, 0, encode(again[-1]))
            if new:
                pipe.lpush(key, *(encode(row) for row in list(new.values())[-TICKS_KEPT:]))
                pipe.ltrim(key, 0, TICKS_KEPT - 1)
                self._newest[symbol] = max(new)

    def _pause(self, error: redis.RedisError) -> None:
        log.warning("cache_away", venue=self.keys.venue, reason=str(error))
        self._paused_until = time.monotonic() + PAUSE_S
        self.is_behind = True

    # ------------------------------------------------------------- what it lacks

    def lacking(self, last_ids: dict[str, int]) -> list[str]:
        """Symbols whose list of ticks does not come up to this id; none while the cache is away."""
        symbols = list(last_ids)
        pipe = self.client.pipeline(transaction=False)
        for symbol in symbols:
            pipe.lindex(self.keys.ticks_of(symbol), 0)
        try:
            heads = pipe.execute()
        except redis.RedisError as error:
            self._pause(error)
            return []
        self._newest = {
            symbol: _id_of(head) for symbol, head in zip(symbols, heads, strict=True) if head is not None
        }
        return [symbol for symbol in symbols if self._newest.get(symbol, -1) < last_ids[symbol]]

    def refill(self, symbol: str, rows: list[TickRow]) -> None:
        """Replace a symbol's list of ticks; `rows` ascending."""
        pipe = self.client.pipeline(transaction=True)
        key = self.keys.ticks_of(symbol)
        pipe.delete(key)
        if rows:
            pipe.lpush(key, *(encode(row) for row in rows[-TICKS_KEPT:]))
            self._newest[symbol] = rows[-1].id
        try:
            pipe.execute()
        except redis.RedisError as error:
            self._pause(error)


def _id_of(data: bytes) -> int:
    return decode_tick(data).id
