"""Feed ticks in Redis, off the tick path, bounded and with a lifetime (G-24, M-4).

x:{v}:feed:tick:SYMBOL    msgpack of the newest tick                       (kept 3 days)
x:{v}:feed:ticks:SYMBOL   list of msgpack ticks, newest first, at most 200 (kept 3 days)
x:{v}:feed:stream         capped stream, field b: msgpack [tick, …]; what web processes read
x:{v}:feed:status         JSON of the feed's state                         (kept 10 s)
x:{v}:feed:listings       JSON list of [exchange, symbol, price, price tick, multiple]: what the
                          feed can bring                                   (kept 1 day)
x:{v}:feed:quoted         the same of what it quotes at this venue          (kept 1 day)
x:{v}:feed:want:PARTY     JSON list of symbols a process wants             (kept 30 s)
x:{v}:feed:wants          counter, raised with every change of a list

SYMBOL is the front's own name, without the exchange.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from django.conf import settings

from exchange_site.streams import Keys, cache_client
from marketdata.feeds.simulated import Listing
from marketdata.feeds.ticks import Tick

LIFETIME_S = 3 * 86_400
HISTORY = 200
STREAM_LENGTH = 2_000
TRIM_EVERY = 20
FLUSH_S = 0.005
AT_ONCE = 400
"""Ticks in one write: two milliseconds of the loop at most."""
MAX_QUEUE = 200_000
MAX_UNSENT = 16 << 20
STATUS_S = 10
LISTINGS_S = 86_400
WANT_S = 30
_PAUSE_S = 1.0

log = structlog.get_logger(__name__)
encode_tick = msgspec.msgpack.Encoder().encode
decode_tick = msgspec.msgpack.Decoder(Tick).decode
decode_ticks = msgspec.msgpack.Decoder(list[Tick]).decode


class FeedKeys:
    """Names of a venue's feed keys."""

    def __init__(self, venue: str) -> None:
        self.prefix = f"{Keys(venue).prefix}feed:"
        self.stream = self.prefix + "stream"
        self.status = self.prefix + "status"
        self.wants = self.prefix + "wants"
        self.listings = self.prefix + "listings"
        self.quoted = self.prefix + "quoted"

    def tick(self, symbol: str) -> str:
        return f"{self.prefix}tick:{symbol}"

    def ticks(self, symbol: str) -> str:
        return f"{self.prefix}ticks:{symbol}"

    def want(self, party: str) -> str:
        return f"{self.prefix}want:{party}"


def pack(*words: bytes) -> bytes:
    """A command as Redis reads it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


class TickStore:
    """Writes ticks on a connection that answers nothing; ticks of a Redis that is away are lost."""

    def __init__(self, venue: str, url: str = "") -> None:
        self.keys = FeedKeys(venue)
        self.url = url or settings.CACHE_URL
        self.connected = False
        self.latency_ms = 0.0
        self.written = self.dropped = 0
        self.is_read = True
        """Does anybody read the stream?"""
        self._queue: list[Tick] = []
        self._lengths: dict[str, int] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    def take(self, ticks: list[Tick], stamps: list[int]) -> None:
        """A sink of the engine."""
        if len(self._queue) < MAX_QUEUE:
            self._queue += ticks
        else:
            self.dropped += len(ticks)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            try:
                await self._connect()
                while self.connected:
                    self.flush()
                    await asyncio.sleep(FLUSH_S)
                    self.connected = not (self._reader is not None and self._reader.at_eof())
            except OSError as error:
                log.warning("feed_store_away", reason=str(error))
            self.connected = False
            self.dropped += len(self._queue)
            self._queue.clear()
            await asyncio.sleep(_PAUSE_S)

    async def _connect(self) -> None:
        parts = urlsplit(self.url)
        began = time.monotonic()
        self._reader, self._writer = await asyncio.wait_for(
            asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 6379), 2.0
        )
        if parts.password:
            words = [b"AUTH", *([parts.username.encode()] if parts.username else []), parts.password.encode()]
            await self._ask(pack(*words))
        await self._ask(pack(b"SELECT", (parts.path.strip("/") or "0").encode()))
        self.latency_ms = (time.monotonic() - began) * 1_000
        assert self._writer is not None
        self._writer.write(pack(b"CLIENT", b"REPLY", b"OFF"))
        self.connected = True

    async def _ask(self, packed: bytes) -> None:
        assert self._writer is not None and self._reader is not None
        self._writer.write(packed)
        answer = await asyncio.wait_for(self._reader.readline(), 2.0)
        if not answer.startswith(b"+"):
            raise OSError(f"redis refused: {answer.decode(errors='replace').strip()}")

    def flush(self) -> None:
        """Write some of what waits."""
        if not self._queue or self._writer is None:
            return
        part, self._queue = self._queue[:AT_ONCE], self._queue[AT_ONCE:]
        if self._writer.transport.get_write_buffer_size() > MAX_UNSENT:
            self.dropped += len(part)
            return
        self._writer.write(b"".join(self._packed(part)))
        self.written += len(part)

    def _packed(self, ticks: list[Tick]) -> list[bytes]:
        """Newest and history of each, then all of them for the readers of the stream."""
        life = str(LIFETIME_S).encode()
        found: list[bytes] = []
        newest: dict[str, bytes] = {}
        for tick in ticks:
            symbol, data = tick.instrument_id, encode_tick(tick)
            newest[symbol] = data
            key = self.keys.ticks(symbol).encode()
            found.append(pack(b"LPUSH", key, data))
            length = self._lengths.get(symbol, 0)
            if length % TRIM_EVERY == 0:
                found.append(pack(b"LTRIM", key, b"0", b"%d" % (HISTORY - 1)))
                found.append(pack(b"EXPIRE", key, life))
            self._lengths[symbol] = length + 1
        for symbol, data in newest.items():
            found.append(pack(b"SET", self.keys.tick(symbol).encode(), data, b"EX", life))
        if self.is_read:
            found.append(pack(
                b"XADD", self.keys.stream.encode(), b"MAXLEN", b"~", b"%d" % STREAM_LENGTH, b"*", b"b",
                encode_tick(ticks),
            ))  # fmt: skip
        return found

    def tell_status(self, status: dict[str, Any]) -> None:
        """Show the feed's state for the next ten seconds."""
        if self._writer is not None and self.connected:
            data = msgspec.json.encode(status)
            self._writer.write(pack(b"SET", self.keys.status.encode(), data, b"EX", b"%d" % STATUS_S))

    def tell_listings(self, listings: Iterable[Listing], quoted: Iterable[Listing] = ()) -> None:
        """Let the web know what can be asked for, and what is quoted at this venue anyway."""
        life = b"%d" % LISTINGS_S
        for key, items in ((self.keys.listings, listings), (self.keys.quoted, quoted)):
            rows = [[i.exchange_id, i.symbol, i.price, i.price_tick, i.multiple] for i in items]
            self.write(pack(b"SET", key.encode(), msgspec.json.encode(rows), b"EX", life))

    def write(self, packed: bytes) -> None:
        """Calls that nobody needs an answer to; lost while Redis is away or far behind."""
        writer = self._writer
        if writer is not None and self.connected and writer.transport.get_write_buffer_size() <= MAX_UNSENT:
            writer.write(packed)

    def close(self) -> None:
        if self._writer is not None:
            self.flush()
            self._writer.close()


# --------------------------------------------------------------------- reading


def feed_status(venue: str) -> dict[str, Any] | None:
    """The state of a venue's feed as it told lately; None when it does not run."""
    with cache_client() as client:
        data: Any = client.get(FeedKeys(venue).status)
    return msgspec.json.decode(data) if data else None


def feed_listings(venue: str) -> list[Listing]:
    """What a venue's feed can bring; [] when none has run for a day."""
    return _listings(FeedKeys(venue).listings)


def quoted_listings(venue: str) -> list[Listing]:
    """What a feed quotes at this venue, which does not list it itself."""
    return _listings(FeedKeys(venue).quoted)


def _listings(key: str) -> list[Listing]:
    with cache_client() as client:
        data: Any = client.get(key)
    rows = msgspec.json.decode(data) if data else []
    return [Listing(symbol, exchange, float(price), float(tick), multiple)
            for exchange, symbol, price, tick, multiple in rows]  # fmt: skip


def newest_tick(venue: str, symbol: str) -> Tick | None:
    """The newest feed tick of a symbol."""
    with cache_client() as client:
        data: Any = client.get(FeedKeys(venue).tick(symbol))
    return decode_tick(data) if data else None


def recent_ticks(venue: str, symbol: str, count: int = HISTORY) -> list[Tick]:
    """The last feed ticks of a symbol, newest first."""
    with cache_client() as client:
        found: Any = client.lrange(FeedKeys(venue).ticks(symbol), 0, count - 1)
    return [decode_tick(data) for data in found]


class WantReader:
    """What the venue's processes want of the feed; `read` only when something changed."""

    def __init__(self, venue: str) -> None:
        self.keys = FeedKeys(venue)
        self._counter: Any = None
        self._read_at = 0.0

    def read(self) -> dict[str, list[str]] | None:
        """Wants by party, or None when nothing can have changed."""
        with cache_client() as client:
            counter = client.get(self.keys.wants)
            now = time.monotonic()
            if counter == self._counter and now - self._read_at < 5.0:
                return None
            self._counter, self._read_at = counter, now
            names = list(client.scan_iter(self.keys.want("*"), count=500))
            found: Any = client.mget(names) if names else []
        head = len(self.keys.want(""))
        return {
            name.decode()[head:]: msgspec.json.decode(data)
            for name, data in zip(names, found, strict=True) if data
        }  # fmt: skip


def tell_wants(venue: str, party: str, symbols: list[str], changed: bool = True) -> None:
    """A process wants exactly these for the next 30 s."""
    keys = FeedKeys(venue)
    with cache_client() as client, client.pipeline(transaction=False) as pipe:
        pipe.set(keys.want(party), msgspec.json.encode(symbols), ex=WANT_S)
        if changed:
            pipe.incr(keys.wants)
        pipe.execute()
