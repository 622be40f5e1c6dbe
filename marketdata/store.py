"""The market-data process's session with PostgreSQL: rows, states and cursor in one transaction.

A kill at any moment leaves the tables at the cursor; what is read again after it gives the
same rows under the same ids, which the upserts pass over (A-3, M-12).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import psycopg

from marketdata import models
from marketdata.bars.book import PERIODS
from marketdata.bars.clock import DAY_NS
from marketdata.bars.market import Market
from marketdata.partitions import ensure_partitions
from marketdata.rows import BarRow, TickRow
from trading.projection_tables import Target, copy_text

LOCK_CLASS = 7_306  # advisory lock (class, hash of the venue): one market-data process per venue
NS = 10**9
_BAR = (
    "venue_id symbol duration_s bar_id trading_day datetime_ns open high low close volume amount"
    " open_oi close_oi seq"
)
_BAR_KEY = "venue_id symbol duration_s bar_id trading_day"

TICK = Target(
    "tick",
    models.Tick,
    "venue_id symbol tick_id trading_day datetime_ns last_price average highest lowest volume amount"
    " open_interest bids asks open high low lots turnover open_oi seq",
    "venue_id symbol tick_id trading_day",
    "upsert",
)
SECOND_BAR = Target("second_bar", models.SecondBar, _BAR, _BAR_KEY, "upsert")
MINUTE_BAR = Target("minute_bar", models.MinuteBar, _BAR, _BAR_KEY, "upsert")
DAY_BAR = Target("day_bar", models.DayBar, _BAR, _BAR_KEY, "upsert")
SERIES_DAY = Target(
    "series_day",
    models.SeriesDay,
    "venue_id symbol duration_s trading_day first_id",
    "venue_id symbol duration_s trading_day",
    "append",
)
TARGETS = (TICK, SECOND_BAR, MINUTE_BAR, DAY_BAR, SERIES_DAY)

# Twins have no statistics; index nested loops are right for every size of batch.
SESSION = """
SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET synchronous_commit = on; SET application_name = 'marketdata';
"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class CursorTaken(Exception):
    """Another market-data process wrote the cursor of this venue; this one ends."""


def bar_target(duration_ns: int) -> Target:
    """The table that holds bars of a period."""
    if duration_ns >= DAY_NS:
        return DAY_BAR
    return SECOND_BAR if duration_ns < PERIODS[1] else MINUTE_BAR


@dataclass
class Pending:
    """What is to be stored with the next cursor; of two rows with one key the last."""

    bars: dict[str, dict[tuple[int, int], BarRow]] = field(default_factory=dict)
    ticks: dict[tuple[str, int], TickRow] = field(default_factory=dict)
    days: dict[tuple[str, int, int], int] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)  # whose states changed

    def __len__(self) -> int:
        return sum(map(len, self.bars.values())) + len(self.ticks) + len(self.days)

    def bars_of(self, symbol: str, duration_ns: int) -> list[BarRow]:
        """Bars of a series, by id."""
        found = self.bars.get(symbol, {})
        return [found[key] for key in sorted(found) if key[0] == duration_ns]


@dataclass
class Commit:
    """A transaction, encoded: rows as COPY text, states and cursor."""

    seq: int
    time_ns: int
    days: set[int]
    rows: list[tuple[Target, bytes]]
    states: list[tuple[str, bytes]]
    market: bytes | None


def commit_of(pending: Pending, market: Market) -> Commit:
    """Encode what is pending as of the market's sequence."""
    number = market.number
    rows: dict[Target, list[list[Any]]] = {target: [] for target in TARGETS}
    for symbol, bars in pending.bars.items():
        for (duration, _), bar in bars.items():
            rows[bar_target(duration)].append(bar_values(number, symbol, duration, bar))
    for (symbol, _), t in pending.ticks.items():
        rows[TICK].append([
            number, symbol, t.id, t.trading_day, t.datetime_ns, t.last_price, t.average, t.highest,
            t.lowest, t.volume, t.amount, t.open_interest, _levels(t.bids), _levels(t.asks), t.open,
            t.high, t.low, t.lots, t.turnover, t.open_oi, t.seq,
        ])  # fmt: skip
    for (symbol, duration, day), first_id in pending.days.items():
        rows[SERIES_DAY].append([number, symbol, duration // NS, day, first_id])
    return Commit(
        market.seq,
        market.time_ns,
        _trading_days(pending),
        [(target, copy_text(found)) for target, found in rows.items() if found],
        [(symbol, _encode(market.tickers[symbol].dump())) for symbol in sorted(pending.symbols)],
        _encode(market.dump()) if market.is_changed else None,
    )


def bar_values(number: int, symbol: str, duration_ns: int, bar: BarRow) -> list[Any]:
    """A bar in the order of its table's columns."""
    return [
        number, symbol, duration_ns // NS, bar.id, bar.trading_day, bar.datetime_ns, bar.open, bar.high,
        bar.low, bar.close, bar.volume, bar.amount, bar.open_oi, bar.close_oi, bar.seq,
    ]  # fmt: skip


def _trading_days(pending: Pending) -> set[int]:
    of_bars = {bar.trading_day for bars in pending.bars.values() for bar in bars.values()}
    return of_bars | {tick.trading_day for tick in pending.ticks.values()}


def _levels(levels: Iterable[tuple[int, int]]) -> str:
    return "[" + ",".join(f"[{price},{lots}]" for price, lots in levels) + "]"


class Store:
    """One session of one venue; servers that go away end it."""

    def __init__(self, dsn: str, venue: str) -> None:
        self.venue = venue
        self._dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.seq = 0
        self._partitions: set[int] = set()

    def close(self) -> None:
        """Close the session; the lock is given back before, not when the server notices."""
        if not self.connection.broken and not self.connection.closed:
            self.connection.execute("SELECT pg_advisory_unlock_all()")
        self.connection.close()

    def try_lock(self) -> bool:
        """Whether this session is now the only one that writes the venue's market data."""
        query = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
        row = self.connection.execute(query, (LOCK_CLASS, self.venue)).fetchone()
        return bool(row and row[0])

    @contextmanager
    def reading(self) -> "Iterator[psycopg.Cursor]":
        """A cursor beside the session, whose transactions belong to the writer's thread."""
        with psycopg.connect(self._dsn, autocommit=True) as connection, connection.cursor() as cursor:
            yield cursor

    def load(self) -> Market:
        """The market as of the stored cursor."""
        self.connection.execute(SESSION)
        for target in TARGETS:
            self.connection.execute(target.create_twin)
        self.connection.execute(
            "INSERT INTO marketdata_marketcursor (venue, seq, state, updated_at) VALUES (%s, 0, '', now())"
            " ON CONFLICT DO NOTHING",
            (self.venue,),
        )
        query = "SELECT seq, state FROM marketdata_marketcursor WHERE venue = %s"
        row: Any = self.connection.execute(query, (self.venue,)).fetchone()
        self.seq = row[0]
        market = Market()
        if row[1]:
            found = self.connection.execute(
                "SELECT symbol, state FROM marketdata_tickerstate WHERE venue_code = %s", (self.venue,)
            )
            market.load(self.seq, _decode(row[1]), {symbol: _decode(state) for symbol, state in found})
        return market

    def write(self, commit: Commit) -> None:
        """Write rows, states and cursor; raises CursorTaken."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            missing = commit.days - self._partitions
            if missing:
                ensure_partitions(cursor, missing)
            for target, data in commit.rows:
                with cursor.copy(target.copy) as copy:
                    copy.write(data)
                cursor.execute(target.move)
            self._write_states(cursor, commit.states)
            self._move_cursor(cursor, commit)
        self.seq = commit.seq
        self._partitions |= commit.days

    def _write_states(self, cursor: Any, states: list[tuple[str, bytes]]) -> None:
        if not states:
            return
        cursor.execute(
            "INSERT INTO marketdata_tickerstate (venue_code, symbol, state)"
            " SELECT %s, * FROM unnest(%s::text[], %s::bytea[])"
            " ON CONFLICT (venue_code, symbol) DO UPDATE SET state = excluded.state",
            (self.venue, [symbol for symbol, _ in states], [state for _, state in states]),
        )

    def _move_cursor(self, cursor: Any, commit: Commit) -> None:
        cursor.execute(
            "UPDATE marketdata_marketcursor SET seq = %s, state = coalesce(%s, state), updated_at = now()"
            " WHERE venue = %s AND seq = %s",
            (commit.seq, commit.market, self.venue, self.seq),
        )
        if cursor.rowcount != 1:
            raise CursorTaken(f"the cursor of {self.venue} is not at {self.seq}")
