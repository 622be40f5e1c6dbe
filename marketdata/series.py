"""Series of bars and ticks for the sockets and pages of a web process (D-24, A-10).

    hub = SeriesHub(venue)                       # one per process, in its event loop
    series = await hub.open("SHFE.cu2701", 60_000_000_000)
    rows = await series.rows(series.last_id - 199, series.last_id)
    series.listen(on_row)                        # on_row(row), in the loop, must not block
    ...
    series.unlisten(on_row)
    await hub.close(series)

A series is (symbol, duration); everybody in the process shares one object of it. Ids are
consecutive integers, given once (M-12): id 0 is the row at listing (prices =
pre_settlement, volume 0), so a series of a known symbol is never empty.
"""

import asyncio
import logging
from typing import Any, Protocol

import redis
from django.db import DatabaseError

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import async_cache_client
from marketdata.bars.book import PERIODS
from marketdata.bars.clock import DAY_NS
from marketdata.bars.fold import is_duration
from marketdata.directory import Directory, load_directory
from marketdata.fanout.threads import in_database_thread
from marketdata.keys import MarketKeys, decode_bars, decode_ticks
from marketdata.rows import Row
from marketdata.series_derived import DaysSeries, FoldedSeries, source_duration
from marketdata.series_native import Blocks, NativeSeries
from marketdata.series_tail import Listener
from trading.engine.codes import INVALID_FIELD, SERVICE_UNAVAILABLE

READ_COUNT, BLOCK_MS = 200, 5_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
_log = logging.getLogger(__name__)


class Series(Protocol):
    """Rows of one symbol at one duration: history from the tables, the newest live.

    `symbol` is the full symbol, KQ.m@ and KQ.i@ included; `duration_ns` 0 means ticks.
    """

    symbol: str
    duration_ns: int

    @property
    def first_id(self) -> int:
        """The oldest id that is served; charts must not begin below it."""

    @property
    def last_id(self) -> int:
        """The newest id, that of the unfinished bar or of the last tick. Never decreases."""

    async def rows(self, left: int, right: int) -> list[Row]:
        """The rows with left ≤ id ≤ right in order, both ends clipped to what is served.

        At most 10 000 rows a call, the oldest of them then. The last row may be unfinished.
        """

    async def id_at(self, datetime_ns: int) -> int:
        """The last id whose row begins at or before a time; `first_id` when none does."""

    def listen(self, callback: Listener) -> None:
        """Have every further row told: the unfinished bar whenever it changes (under its id,
        at most ten times a second), the finished one, the next one, corrections of older
        ones, every new tick. Called in the event loop; what it raises is logged."""

    def unlisten(self, callback: Listener) -> None:
        """Stop telling a callback; nothing happens when it does not listen."""


class SeriesHub:
    """All series of one process: one reader task for live rows, whatever is opened."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self._keys = MarketKeys(venue)
        self._opened: dict[tuple[str, int], _Opened] = {}
        self._native: dict[tuple[str, int], NativeSeries] = {}
        self._opening: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._blocks = Blocks()
        self._directory: Directory | None = None
        self._client: Any = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    # -------------------------------------------------------------- open and close

    async def open(self, symbol: str, duration_ns: int) -> Series:
        """The series, warm; opened again it is the same object, and must be closed as often.

        `duration_ns`: 0 for ticks, whole seconds to 86 400 s, whole days to 28. Raises
        ExchangeError 1007 for an unknown symbol, 9008 for another duration, 9005 while the
        tables or the cache do not answer.
        """
        if duration_ns and not is_duration(duration_ns):
            raise ExchangeError(INVALID_FIELD, {"field": "duration"})
        key = (symbol, duration_ns)
        while key not in self._opened:
            task = self._opening.get(key)
            if task is None:
                task = self._opening[key] = asyncio.create_task(self._open(key))
                task.add_done_callback(lambda _: self._opening.pop(key, None))
            await asyncio.shield(task)
        opened = self._opened[key]
        opened.users += 1
        return opened.series

    async def _open(self, key: tuple[str, int]) -> None:
        try:
            self._opened[key] = _Opened(await self._make(*key))
        except (redis.RedisError, DatabaseError, OSError) as error:
            reason = {"reason": type(error).__name__}
            raise ExchangeError(SERVICE_UNAVAILABLE, {}, reason) from error

    async def _make(self, symbol: str, duration_ns: int) -> Series:
        directory = await self._directory_for(symbol)
        await self._start()
        if duration_ns == 0 or duration_ns in PERIODS:
            return await self._make_native(symbol, duration_ns, directory)
        source = await self.open(symbol, source_duration(duration_ns))
        assert isinstance(source, NativeSeries)
        made: FoldedSeries | DaysSeries
        if duration_ns > DAY_NS:
            made = DaysSeries(source, duration_ns)
        else:
            made = FoldedSeries(source, duration_ns, directory, in_database_thread)
        try:
            await made.load()
        except BaseException:
            await self.close(source)
            raise
        return made

    async def _make_native(self, symbol: str, duration_ns: int, directory: Directory) -> NativeSeries:
        key = (symbol, duration_ns)
        made = NativeSeries(symbol, duration_ns, directory, self._blocks, in_database_thread)
        self._native[key] = made  # live rows are kept for it from here on
        try:
            await made.load(self._client, self._keys)
        except BaseException:
            del self._native[key]
            raise
        return made

    async def _directory_for(self, symbol: str) -> Directory:
        """The directory, read again for a symbol that it does not know."""
        known = self._directory
        if known is None or symbol not in known.templates:
            self._directory = known = await in_database_thread(load_directory, self.venue)
            known.template(symbol)
        return known

    async def close(self, series: Series) -> None:
        """Give back what one ``open`` took; the last one frees its memory."""
        key = (series.symbol, series.duration_ns)
        opened = self._opened.get(key)
        if opened is None or opened.series is not series:
            return
        opened.users -= 1
        if opened.users:
            return
        del self._opened[key]
        if isinstance(series, NativeSeries):
            self._native.pop(key, None)
        elif isinstance(series, FoldedSeries | DaysSeries):
            series.leave()
            await self.close(series.source)

    async def shutdown(self) -> None:
        """End the reader and free everything."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        self._opened.clear()
        self._native.clear()

    # ------------------------------------------------------------------------ live

    async def _start(self) -> None:
        """The reader, once: it knows where the streams end before a series reads the cache."""
        if self._task is None:
            self._client = async_cache_client()
            self._ready.clear()
            self._task = asyncio.create_task(self._read_forever(), name="series")
        await self._ready.wait()

    async def _read_forever(self) -> None:
        pause_s, client, is_first = FIRST_PAUSE_S, async_cache_client(), True
        try:
            while True:
                try:
                    cursors = {
                        key: await _last_id(client, key) for key in (self._keys.bars, self._keys.ticks)
                    }
                    self._ready.set()
                    if not is_first:
                        await self._reload(list(self._native.values()))
                    is_first = False
                    while True:
                        await self._read(client, cursors)
                        pause_s = FIRST_PAUSE_S
                except (redis.RedisError, DatabaseError, OSError) as error:
                    self._ready.set()
                    _log.warning("series of %s: %s; reading again", self.venue, error)
                    await client.aclose()
                    client = async_cache_client()
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        finally:
            await client.aclose()

    async def _read(self, client: Any, cursors: dict[str, bytes]) -> None:
        answer = await client.xread(dict(cursors), count=READ_COUNT, block=BLOCK_MS)
        for name, entries in answer or ():
            key = name.decode()
            cursors[key] = entries[-1][0]
            for _, fields in entries:
                self._take(key, fields[b"b"])
        gapped = [series for series in self._native.values() if series.is_gapped]
        if gapped:
            await self._reload(gapped)

    def _take(self, key: str, data: bytes) -> None:
        native = self._native
        if key == self._keys.ticks:
            for symbol, tick in decode_ticks(data):
                series = native.get((symbol, 0))
                if series is not None:
                    series.on_row(tick)
            return
        for symbol, duration_ns, bar in decode_bars(data):
            series = native.get((symbol, duration_ns))
            if series is not None:
                series.on_row(bar)

    async def _reload(self, series: list[NativeSeries]) -> None:
        """Read again what live rows may have passed over."""
        for one in series:
            await one.load(self._client, self._keys)


class _Opened:
    """A series and how often it was opened."""

    __slots__ = ("series", "users")

    def __init__(self, series: Series) -> None:
        self.series = series
        self.users = 0


async def _last_id(client: Any, key: str) -> bytes:
    if not await client.exists(key):
        return b"0-0"
    info = await client.xinfo_stream(key)
    return bytes(info["last-generated-id"])
