"""Series that the process keeps itself: ticks and the seven periods, from cache and tables."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from marketdata import stored
from marketdata.bars.clock import DAY_NS
from marketdata.directory import Directory
from marketdata.keys import MarketKeys, decode_current, decode_tick
from marketdata.rows import Row
from marketdata.series_tail import MAX_ROWS, Listener, Listeners, Tail
from trading.engine.sessions import day_of_ns

TAIL = 1_000
BLOCK = 500
BLOCKS_KEPT = 100
Threaded = Callable[..., Awaitable[Any]]


class Blocks:
    """Rows that can change no more, in blocks of 500, the last 100 blocks asked for."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[tuple[str, int, int], list[Row]] = OrderedDict()

    def get(self, symbol: str, duration_ns: int, number: int) -> list[Row] | None:
        found = self._blocks.get((symbol, duration_ns, number))
        if found is not None:
            self._blocks.move_to_end((symbol, duration_ns, number))
        return found

    def put(self, symbol: str, duration_ns: int, number: int, rows: list[Row]) -> None:
        """Keep a block if it is whole."""
        if len(rows) != BLOCK:
            return
        self._blocks[symbol, duration_ns, number] = rows
        while len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)


class NativeSeries:
    """One series of the process; see `marketdata.series.Series`."""

    def __init__(self, symbol: str, duration_ns: int, directory: Directory, blocks: Blocks, run: Threaded):
        self.symbol = symbol
        self.duration_ns = duration_ns
        self.directory = directory
        self.days: list[tuple[int, int]] = []  # (trading day, first id), ascending
        self._tail = Tail(TAIL)
        self._blocks = blocks
        self._run = run
        self._listeners = Listeners()
        self._first_id = 0
        self._early: list[Row] | None = []  # live rows that come while it loads
        self.is_gapped = False

    # ------------------------------------------------------------------ interface

    @property
    def first_id(self) -> int:
        return self._first_id

    @property
    def last_id(self) -> int:
        return self._tail.last_id

    async def rows(self, left: int, right: int) -> list[Row]:
        """Rows of the tail from memory, older ones from blocks and tables."""
        left, right = max(left, self._first_id), min(right, self.last_id)
        right = min(right, left + MAX_ROWS - 1)
        if right < left:
            return []
        recent = self._tail.between(left, right)
        until = min(right, self._tail.first_id - 1)
        if left > until:
            return recent
        older = await self._stored(left, until)
        return [*older, *recent]

    async def id_at(self, datetime_ns: int) -> int:
        found = self._tail.id_at(datetime_ns)
        if found is not None:
            return found
        stored_id = await self._run(self._stored_id_at, datetime_ns)
        return self._first_id if stored_id is None else max(self._first_id, int(stored_id))

    def listen(self, callback: Listener) -> None:
        self._listeners.add(callback)

    def unlisten(self, callback: Listener) -> None:
        self._listeners.remove(callback)

    # ----------------------------------------------------------------------- live

    def on_row(self, row: Row) -> None:
        """A live row; one that leaves a gap asks for a reload."""
        if self._early is not None:
            self._early.append(row)
            return
        if row.id > self._tail.last_id + 1:
            self.is_gapped = True
            return
        if self._tail.put(row):
            self._note_day(row)
            self._listeners.tell(row)

    def _note_day(self, row: Row) -> None:
        if not self.days or row.trading_day > self.days[-1][0]:
            self.days.append((row.trading_day, row.id))

    async def load(self, client: Any, keys: MarketKeys) -> None:
        """Read cache, then tables, in that order: what is in neither is still to come live.

        Loaded again after a gap, it tells its listeners what they missed.
        """
        before = self.last_id
        early: list[Any] = []
        self._early = early
        cached = await self._cached(client, keys)
        self.days, oldest, recent = await self._run(self._load_stored, cached)
        self._tail.replace([*recent, *cached, *early])
        self._early, self.is_gapped = None, False
        firsts = [row.id for row in (oldest, self._tail.rows[0] if self._tail.rows else None) if row]
        self._first_id = min(firsts, default=0)
        for row in self._tail.rows:
            self._note_day(row)
        if before >= 0:
            for row in self._tail.between(before, self.last_id):
                self._listeners.tell(row)

    async def _cached(self, client: Any, keys: MarketKeys) -> list[Row]:
        if not self.duration_ns:
            items = await client.lrange(keys.ticks_of(self.symbol), 0, TAIL - 1)
            return [decode_tick(item) for item in reversed(items)]
        data = await client.get(keys.bars_of(self.symbol))
        found = dict(decode_current(data)) if data else {}
        return list(found.get(self.duration_ns, []))

    # --------------------------------------------------------------------- tables

    def _load_stored(self, cached: list[Row]) -> tuple[list[tuple[int, int]], Row | None, list[Row]]:
        """(days, oldest row, the last rows before what is cached); runs in a thread."""
        number = self.directory.number
        days = stored.first_ids(number, self.symbol, self.duration_ns)
        oldest = stored.edge(number, self.symbol, self.duration_ns, newest=False)
        newest = stored.edge(number, self.symbol, self.duration_ns, newest=True)
        last = max([newest.id if newest else -1, *(row.id for row in cached)])
        if last < 0:
            return days, oldest, []
        have = len(cached)
        recent = [] if have >= TAIL else self._read(max(0, last - TAIL + 1), last, days)
        return days, oldest, recent

    def _read(self, left: int, right: int, days: list[tuple[int, int]]) -> list[Row]:
        number = self.directory.number
        span = days_between(days, left, right)
        if self.duration_ns:
            return list(stored.bars_between(number, self.symbol, self.duration_ns, left, right, span))
        return list(stored.ticks_between(number, self.symbol, left, right, span))

    async def _stored(self, left: int, right: int) -> list[Row]:
        """Older rows, by blocks; a block that is whole is kept for the next who asks."""
        found: list[Row] = []
        days = list(self.days)
        for number in range(left // BLOCK, right // BLOCK + 1):
            rows = self._blocks.get(self.symbol, self.duration_ns, number)
            if rows is None:
                rows = await self._run(self._read, number * BLOCK, (number + 1) * BLOCK - 1, days)
                self._blocks.put(self.symbol, self.duration_ns, number, rows)
            found.extend(rows)
        return [row for row in found if left <= row.id <= right]

    def _stored_id_at(self, datetime_ns: int) -> int | None:
        """By trading days from the latest that can hold the time; runs in a thread."""
        today = day_of_ns(datetime_ns)
        later = next((day for day, _ in self.days if day > today), today)
        for day, first_id in reversed(self.days):
            if day > later or (self.duration_ns >= DAY_NS and day > today):
                continue
            found = stored.id_at(self.directory.number, self.symbol, self.duration_ns, day, datetime_ns)
            if found is not None:
                return found
            if first_id <= self._first_id:
                return None
        return None


def days_between(days: list[tuple[int, int]], left: int, right: int) -> list[int]:
    """The trading days whose rows can have ids from left to right."""
    found = []
    for place, (day, first_id) in enumerate(days):
        next_first = days[place + 1][1] if place + 1 < len(days) else right + 1
        if first_id <= right and next_first > left:
            found.append(day)
    return found
