"""Series of durations that nobody keeps: folded from the next finer one that is (M-10, D-24).

Within a day from 1-minute bars, 3-second bars or ticks; several days from day bars. The
first id of each trading day is stored when first needed, so ids are the same in every
process and never depend on what the tables still have.
"""

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from django.db import connection

from marketdata.bars.book import MINUTE, PERIODS, SECOND
from marketdata.bars.clock import DAY_NS
from marketdata.bars.fold import Folder, Piece, joined
from marketdata.directory import Directory
from marketdata.rows import BarRow, Row, TickRow
from marketdata.series_native import NativeSeries, days_between
from marketdata.series_tail import MAX_ROWS, Listener, Listeners, Tail
from marketdata.stored import first_ids
from trading.engine.sessions import day_of_ns

KEPT = 12_000
DAYS_KEPT = 4
Threaded = Callable[..., Awaitable[Any]]


class Derived(Protocol):
    """A series that follows another until it is left."""

    source: NativeSeries

    async def load(self) -> None: ...

    def leave(self) -> None: ...


def source_duration(duration_ns: int) -> int:
    """The kept series that a duration is folded from; 0 is ticks."""
    if duration_ns > DAY_NS:
        return DAY_NS
    if duration_ns % MINUTE == 0:
        return MINUTE
    return PERIODS[0] if duration_ns % PERIODS[0] == 0 else 0


def piece_of(row: Row) -> Piece | None:
    """A source row as what is folded; None for one without a trade."""
    if isinstance(row, TickRow):
        if not row.lots:
            return None
        return Piece(row.datetime_ns, row.trading_day, row.open, row.high, row.low, row.last_price,
                     row.lots, row.turnover, row.open_oi, row.open_interest)  # fmt: skip
    if not row.id:
        return None
    return Piece(row.datetime_ns, row.trading_day, row.open, row.high, row.low, row.close, row.volume,
                 row.amount, row.open_oi, row.close_oi)  # fmt: skip


def bar_of(number: int, piece: Piece, is_finished: bool, seq: int) -> BarRow:
    """A folded piece as a row."""
    return BarRow(number, *piece, is_finished, seq)


class FoldedSeries:
    """Bars within a trading day; see `marketdata.series.Series`."""

    def __init__(self, source: NativeSeries, duration_ns: int, directory: Directory, run: Threaded) -> None:
        self.source = source
        self.symbol = source.symbol
        self.duration_ns = duration_ns
        self.directory = directory
        self.days: list[tuple[int, int]] = []
        self._run = run
        self._tail = Tail(KEPT)
        self._listeners = Listeners()
        self._first_id = 0
        self._day = 0
        self._start = self._end = 0
        self._pieces: dict[int, Piece] = {}  # of the current bar, by the source's id
        self._folded: OrderedDict[int, list[Row]] = OrderedDict()  # past days
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_id = 1  # of the current bar
        self._zero: Row | None = None

    # ------------------------------------------------------------------ interface

    @property
    def first_id(self) -> int:
        return self._first_id

    @property
    def last_id(self) -> int:
        return self._tail.last_id

    async def rows(self, left: int, right: int) -> list[Row]:
        """Today's rows from memory, those of other days folded when asked for."""
        left, right = max(left, self._first_id), min(right, self.last_id)
        right = min(right, left + MAX_ROWS - 1)
        if right < left:
            return []
        found: list[Row] = []
        if left < self._tail.first_id:
            if left == 0 and self._zero is not None:
                found.append(self._zero)
            for day in days_between(self.days, left, min(right, self._tail.first_id - 1)):
                found.extend(await self._fold_day(day))
            found = [row for row in found if left <= row.id <= right and row.id < self._tail.first_id]
        return [*found, *self._tail.between(left, right)]

    async def id_at(self, datetime_ns: int) -> int:
        found = self._tail.id_at(datetime_ns)
        if found is not None:
            return found
        today = day_of_ns(datetime_ns)
        later = next((day for day, _ in self.days if day > today), today)
        for day, _ in reversed(self.days):
            if day > later:
                continue
            rows = await self._fold_day(day)
            place = bisect_right(rows, datetime_ns, key=lambda row: row.datetime_ns)
            if place:
                return rows[place - 1].id
        return self._first_id

    def listen(self, callback: Listener) -> None:
        self._listeners.add(callback)

    def unlisten(self, callback: Listener) -> None:
        self._listeners.remove(callback)

    # ----------------------------------------------------------------------- load

    async def load(self) -> None:
        """Number the days, fold the last one, follow the source."""
        self.days = await self._numbered()
        if self.source.first_id == 0 and (not self.days or self.days[0][1] == 1):
            await self._begin_with_row_0()
        else:
            self._first_id = self.days[0][1] if self.days else 0
        if self.days:
            self._day, first_id = self.days[-1]
            if first_id > 1:
                self._tail.rows = []
            self._next_id = first_id
            await self._fold_today()
        self.source.listen(self._on_source)

    async def _begin_with_row_0(self) -> None:
        """Row 0 is the source's, before any bar that can follow."""
        for row in await self.source.rows(0, 0):
            start = row.datetime_ns - 2 * self.duration_ns
            price = row.last_price if isinstance(row, TickRow) else row.open
            interest = row.open_interest if isinstance(row, TickRow) else row.open_oi
            piece = Piece(start, row.trading_day, price, price, price, price, 0, 0, interest, interest)
            self._tail.put(bar_of(0, piece, True, row.seq))
            self._zero = self._tail.rows[0]

    async def _fold_today(self) -> None:
        """Every source row of the last day; ends with nothing awaited since the newest was read."""
        left = self._source_span(self._day)[0]
        while True:
            for row in await self.source.rows(left, left + MAX_ROWS - 1):
                self._take(row)
                left = row.id
            if left >= self.source.last_id:
                return
            left += 1

    def _source_span(self, day: int) -> tuple[int, int]:
        """(first, last) source id of a trading day; the last day goes on."""
        days = self.source.days
        for place, (found, first_id) in enumerate(days):
            if found == day:
                last = days[place + 1][1] - 1 if place + 1 < len(days) else self.source.last_id
                return max(first_id, self.source.first_id), last
        return 0, -1

    async def _fold_day(self, day: int) -> list[Row]:
        """All bars of a day under their ids; the last past days are kept."""
        found = self._folded.get(day)
        if found is None:
            first_id = dict(self.days)[day]
            pieces = await self._fold_pieces(day)
            found = [bar_of(first_id + n, piece, True, 0) for n, piece in enumerate(pieces)]
            if day != self._day:
                self._folded[day] = found
                while len(self._folded) > DAYS_KEPT:
                    self._folded.popitem(last=False)
        return found

    async def _fold_pieces(self, day: int) -> list[Piece]:
        left, last = self._source_span(day)
        folder = Folder(self.duration_ns, lambda day: self.directory.clock(self.symbol, day))
        found: list[Piece] = []
        while left <= last:
            rows = await self.source.rows(left, min(last, left + MAX_ROWS - 1))
            if not rows:
                break
            for row in rows:
                piece = piece_of(row)
                bar = folder.add(piece) if piece is not None else None
                if bar is not None:
                    found.append(bar)
            left = rows[-1].id + 1
        return [*found, folder.current] if folder.current is not None else found

    # ----------------------------------------------------------------- day numbers

    async def _numbered(self) -> list[tuple[int, int]]:
        """(trading day, first id) of the days served; those not numbered yet are, and stored."""
        source = self.source
        served = [day for day, _ in source.days if self._source_span(day)[1] >= self._source_span(day)[0]]
        known = dict(await self._run(first_ids, self.directory.number, self.symbol, self.duration_ns))
        last_day = max(known, default=0)
        new: list[tuple[int, int]] = []
        next_id = 1
        if last_day and served and served[-1] > last_day:
            next_id = known[last_day] + await self._count(last_day, last_day in served)
        for day in served:
            if day <= last_day:
                continue
            pieces = await self._fold_pieces(day) if day != served[-1] else []
            if pieces or day == served[-1]:
                new.append((day, next_id))
                next_id += len(pieces)
        if new:
            known = dict(await self._run(self._store_days, new))
        return [(day, known[day]) for day in served if day in known]

    async def _count(self, day: int, is_served: bool) -> int:
        """Bars of a numbered day; of one that is gone, more than it can have had."""
        if is_served:
            return len(await self._fold_pieces(day))
        return DAY_NS // self.duration_ns + 2

    def _store_days(self, days: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Store what nobody has stored before; the days as they are stored then."""
        number, seconds = self.directory.number, self.duration_ns // SECOND
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO marketdata_seriesday (venue_id, symbol, duration_s, trading_day, first_id)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [(number, self.symbol, seconds, day, first_id) for day, first_id in days],
            )
        return first_ids(number, self.symbol, self.duration_ns)

    # ----------------------------------------------------------------------- live

    def _on_source(self, row: Row) -> None:
        for bar in self._take(row):
            self._listeners.tell(bar)

    def _take(self, row: Row) -> list[BarRow]:
        """Fold one source row in; the bars that changed, already in the tail."""
        piece = piece_of(row)
        if piece is None or piece.trading_day < self._day:
            return []
        if row.id in self._pieces:
            self._pieces[row.id] = piece
            return self._put(row)
        if self._pieces and row.id < next(iter(self._pieces)):
            return []
        finished = self._turn(piece)
        self._pieces[row.id] = piece
        return [*finished, *self._put(row)]

    def _turn(self, piece: Piece) -> list[BarRow]:
        """Begin another bar when the piece is not of the current one; the bar that ended."""
        is_today = piece.trading_day == self._day
        if self._pieces and is_today and piece.time_ns < self._end:
            return []
        clock = self.directory.clock(self.symbol, piece.trading_day)
        start, end = clock.bucket(piece.time_ns, self.duration_ns)
        if self._pieces and is_today and start <= self._start:
            return []
        ended: list[BarRow] = []
        if self._pieces:
            last = self._tail.rows[-1]
            assert isinstance(last, BarRow)
            last.is_finished = True
            ended.append(last)
            self._next_id = last.id + 1
            start = max(start, self._start + SECOND)
        if not is_today:
            self._begin_day(piece.trading_day)
        self._start, self._end, self._pieces = start, end, {}
        return ended

    def _begin_day(self, day: int) -> None:
        """The next day goes on where the last ended, in every process."""
        self._day = day
        if not self.days or self.days[-1][0] < day:
            self.days.append((day, self._next_id))
            task = asyncio.ensure_future(self._run(self._store_days, [self.days[-1]]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _put(self, row: Row) -> list[BarRow]:
        """The current bar from its pieces, under the next id."""
        whole: Piece | None = None
        for piece in self._pieces.values():
            whole = piece if whole is None else joined(whole, piece)
        assert whole is not None
        is_finished = isinstance(row, BarRow) and row.is_finished and self._ends_bar(row)
        bar = bar_of(self._next_id, whole._replace(time_ns=self._start), is_finished, row.seq)
        return [bar] if self._tail.put(bar) else []

    def _ends_bar(self, row: Row) -> bool:
        clock = self.directory.clock(self.symbol, row.trading_day)
        return clock.bucket(row.datetime_ns, self.source.duration_ns)[1] >= self._end

    def leave(self) -> None:
        """Follow the source no longer."""
        self.source.unlisten(self._on_source)


class DaysSeries:
    """Bars of several trading days, counted from the instrument's first; bar k ends with day k × n."""

    def __init__(self, source: NativeSeries, duration_ns: int) -> None:
        self.source = source
        self.symbol = source.symbol
        self.duration_ns = duration_ns
        self.days = duration_ns // DAY_NS
        self._listeners = Listeners()
        self._current: list[BarRow] = []  # days of the current bar

    def _id_of(self, day_id: int) -> int:
        return 0 if day_id <= 0 else 1 + (day_id - 1) // self.days

    @property
    def first_id(self) -> int:
        return self._id_of(self.source.first_id)

    @property
    def last_id(self) -> int:
        return -1 if self.source.last_id < 0 else self._id_of(self.source.last_id)

    async def rows(self, left: int, right: int) -> list[Row]:
        """Folded from day bars when asked for."""
        left, right = max(left, self.first_id), min(right, self.last_id)
        right = min(right, left + MAX_ROWS // self.days - 1)
        if right < left:
            return []
        first = (left - 1) * self.days + 1 if left > 0 else 0
        return self._fold(await self.source.rows(first, right * self.days))

    def _fold(self, rows: list[Row]) -> list[Row]:
        found: dict[int, BarRow] = {}
        for row in rows:
            assert isinstance(row, BarRow)
            number = self._id_of(row.id)
            is_last = row.id == 0 or row.id % self.days == 0
            before, piece = found.get(number), Piece(*_figures(row))
            whole = piece if before is None else joined(Piece(*_figures(before)), piece)
            found[number] = bar_of(number, whole, row.is_finished and is_last, row.seq)
        return list(found.values())

    async def id_at(self, datetime_ns: int) -> int:
        return self._id_of(await self.source.id_at(datetime_ns))

    def listen(self, callback: Listener) -> None:
        self._listeners.add(callback)

    def unlisten(self, callback: Listener) -> None:
        self._listeners.remove(callback)

    async def load(self) -> None:
        """Read the days of the current bar, follow the source."""
        last = self.source.last_id
        first = (self._id_of(last) - 1) * self.days + 1 if last > 0 else 0
        self._current = [row for row in await self.source.rows(first, last) if isinstance(row, BarRow)]
        self.source.listen(self._on_day)

    def _on_day(self, row: Row) -> None:
        if not isinstance(row, BarRow):
            return
        number = self._id_of(row.id)
        if self._current and number < self._id_of(self._current[-1].id):
            return
        same = [bar for bar in self._current if self._id_of(bar.id) == number and bar.id != row.id]
        self._current = sorted([*same, row], key=lambda bar: bar.id)
        self._listeners.tell(self._fold(list(self._current))[-1])

    def leave(self) -> None:
        """Follow the source no longer."""
        self.source.unlisten(self._on_day)


def _figures(row: BarRow) -> tuple[int, ...]:
    return (
        row.datetime_ns, row.trading_day, row.open, row.high, row.low, row.close, row.volume, row.amount,
        row.open_oi, row.close_oi,
    )  # fmt: skip
