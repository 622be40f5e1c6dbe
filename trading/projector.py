"""The projector: events of a venue into PostgreSQL, exactly once, in batches (A-7, A-8, A-12).

Rows and cursor are one transaction on one session connection; the cursor's hash in Redis
follows the commit. A kill at any point loses nothing and repeats nothing.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import psycopg
import structlog
from psycopg import sql

from exchange_site.metrics.meter import METER
from trading import projection_tables as tables
from trading.choices import CLOCK_MODE, PHASE
from trading.engine.units import SCALE
from trading.notified import VENUE_A_SECOND
from trading.partitions import ensure_partitions
from trading.projection import Batch, Projection, VenueState

log = structlog.get_logger(__name__)

BATCH_EVENTS = 5_000
BATCH_S = 0.020
LOCK_CLASS = 7_305  # advisory lock (class, hash of the venue): one projector per venue

PROJECTED = (
    "trading_tradingday",
    "trading_sessiontemplate",
    "trading_sessionsection",
    *dict.fromkeys(target.model._meta.db_table for target in tables.TARGETS),
)
"""Every table that `rebuild` empties and fills again."""

# Twins have no statistics; index nested loops are right for every size of batch.
SESSION = """
SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET synchronous_commit = on; SET application_name = 'projector';
"""


class CursorMoved(Exception):
    """Another projector wrote the cursor of this venue; this one ends."""


class EventsMissing(Exception):
    """Events after the cursor are neither in the stream nor in the archive; an operator decides."""


class NumberTaken(Exception):
    """The log's venue number is another venue's in these tables."""


class EventSource(Protocol):
    """Where events come from, in order."""

    def read(self, after_seq: int, block_ms: int) -> list[list[Any]]:
        """Events after a sequence, [] when none came in time."""


class Writer:
    """The projector's session: lock, temporary tables, batches."""

    def __init__(self, dsn: str, venue: str) -> None:
        self.venue = venue
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.partitions: set[int] = set()
        self.statements = 0

    def close(self) -> None:
        """Close the session; the lock is given back before, not when the server notices."""
        if not self.connection.broken and not self.connection.closed:
            self.connection.execute("SELECT pg_advisory_unlock_all()")
        self.connection.close()

    def try_lock(self) -> bool:
        """Whether this session is now the only one that projects the venue."""
        query = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
        row = self.connection.execute(query, (LOCK_CLASS, self.venue)).fetchone()
        return bool(row and row[0])

    def empty(self) -> None:
        """Remove every projected row of the venue and set its cursor to 0."""
        with self.connection.transaction():
            number = self.venue_state().number
            for table in PROJECTED:
                column = "id" if table == "trading_venue" else "venue_id"
                query = sql.SQL("DELETE FROM {} WHERE {} = %s")
                self.connection.execute(
                    query.format(sql.Identifier(table), sql.Identifier(column)), (number,)
                )
            self.connection.execute(
                "UPDATE trading_projectorcursor SET seq = 0 WHERE venue = %s", (self.venue,)
            )

    def prepare(self) -> None:
        """Session settings, temporary twins and the venue's cursor row."""
        self.connection.execute(SESSION)
        for target in tables.TARGETS:
            self.connection.execute(target.create_twin)
        self.connection.execute(
            "INSERT INTO trading_projectorcursor (venue, seq, updated_at) VALUES (%s, 0, now())"
            " ON CONFLICT DO NOTHING",
            (self.venue,),
        )

    def cursor_seq(self) -> int:
        """Sequence of the last event in the tables."""
        query = "SELECT seq FROM trading_projectorcursor WHERE venue = %s"
        row = self.connection.execute(query, (self.venue,)).fetchone()
        return int(row[0]) if row else 0

    def venue_state(self) -> VenueState:
        """What the projection remembered when the cursor was written."""
        state = VenueState(self.venue)
        row = self.connection.execute(
            "SELECT id, mode, trading_day, settlement_minute, is_halted, halt_reason,"
            " is_settling, engine_version FROM trading_venue WHERE code = %s",
            (self.venue,),
        ).fetchone()
        if row is None:
            return state
        modes = {text: number for number, text in CLOCK_MODE.items()}
        state.number, state.mode = row[0], modes[row[1]]
        state.trading_day, state.settlement_minute, state.is_halted = row[2:5]
        state.halt_reason, state.is_settling, state.engine_version = row[5:8]
        state.settlement = self._settlement(state)
        state.owners = self._owners(state)
        state.notices = self._notices(state)
        return state

    def _owners(self, state: VenueState) -> dict[str, str]:
        """Whose notifications are kept: accounts of people (W-11)."""
        query = (
            "SELECT account_id, user_id FROM trading_tradingaccount"
            " WHERE venue_id = %s AND NOT is_robot AND NOT is_market_maker"
        )
        return dict(self.connection.execute(query, (state.number,)).fetchall())

    def _settlement(self, state: VenueState) -> dict[str, Any]:
        columns = [name for name in tables.SETTLEMENT_DAY.columns if name not in ("venue_id", "seq")]
        query = sql.SQL("SELECT {} FROM {} WHERE venue_id = %s ORDER BY trading_day DESC LIMIT 1")
        row = self.connection.execute(
            query.format(sql.SQL(", ").join(map(sql.Identifier, columns)), tables.SETTLEMENT_DAY.table),
            (state.number,),
        ).fetchone()
        if row is None:
            return {}
        found = dict(zip(columns, row, strict=True))
        for name in ("total_commission", "total_profit"):
            found[name] = int(found[name] * SCALE)
        return found

    def _notices(self, state: VenueState) -> list[tuple[str, str, int]]:
        """The newest notifications, for the bounds of `Notified`."""
        query = (
            "SELECT account_id, coalesce(payload->>'notice', ''), time_ns FROM trading_notification"
            " WHERE id >= %s AND id < %s ORDER BY id DESC LIMIT %s"
        )
        bounds = (state.number << 52, (state.number + 1) << 52, 2 * VENUE_A_SECOND)
        return self.connection.execute(query, bounds).fetchall()

    def write(self, batch: Batch, number: int, rows: list[tuple[tables.Target, bytes]]) -> None:
        """Write a batch's rows and move the cursor in one transaction; raises CursorMoved."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            if batch.first_seq == 1:
                self._claim_number(cursor, number)
            self._make_partitions(cursor, batch.days)
            if batch.sessions is not None:
                self._write_sessions(cursor, number, *batch.sessions)
            if batch.calendar is not None:
                self._write_calendar(cursor, number, *batch.calendar)
            self._write_settings(cursor, batch)
            self._forget_notifications(cursor, batch, number)
            for target, data in rows:
                with cursor.copy(target.copy) as copy:
                    copy.write(data)
                cursor.execute(target.move)
                self.statements += 2
            self._move_cursor(cursor, batch)
        self.partitions |= batch.days

    def _forget_notifications(self, cursor: Any, batch: Batch, number: int) -> None:
        if batch.forget_before:
            query = "DELETE FROM trading_notification WHERE venue_id = %s AND trading_day < %s"
            cursor.execute(query, (number, batch.forget_before))

    def _claim_number(self, cursor: Any, number: int) -> None:
        """A number is one venue's for ever: two with the same would share row keys (A-47)."""
        cursor.execute("SELECT code FROM trading_venue WHERE id = %s", (number,))
        row = cursor.fetchone()
        if row is not None and row[0] != self.venue:
            raise NumberTaken(f"venue {self.venue}: number {number} is venue {row[0]}'s")

    def _make_partitions(self, cursor: Any, days: set[int]) -> None:
        missing = days - self.partitions
        if missing:
            ensure_partitions(cursor, missing)

    def _move_cursor(self, cursor: Any, batch: Batch) -> None:
        cursor.execute(
            "UPDATE trading_projectorcursor SET seq = %s, updated_at = now() WHERE venue = %s AND seq = %s",
            (batch.last_seq, self.venue, batch.first_seq - 1),
        )
        self.statements += 1
        if cursor.rowcount != 1:
            raise CursorMoved(f"the cursor of {self.venue} is not at {batch.first_seq - 1}")

    def _write_calendar(self, cursor: Any, number: int, days: list[int], seq: int) -> None:
        cursor.execute("DELETE FROM trading_tradingday WHERE venue_id = %s", (number,))
        cursor.execute(
            "INSERT INTO trading_tradingday (venue_id, day, seq)"
            " SELECT %s, day, %s FROM unnest(%s::int[]) day",
            (number, seq, days),
        )

    def _write_sessions(self, cursor: Any, number: int, templates: list[Any], seq: int) -> None:
        names = [name for name, _ in templates]
        cursor.execute(
            "DELETE FROM trading_sessiontemplate WHERE venue_id = %s AND name <> ALL(%s)",
            (number, names),
        )
        cursor.execute(
            "INSERT INTO trading_sessiontemplate"
            " (venue_id, name, phase, phase_since_ns, phase_seq, seq)"
            " SELECT %s, name, 'CLOSED', 0, 0, %s FROM unnest(%s::text[]) name"
            " ON CONFLICT (venue_id, name) DO UPDATE SET seq = excluded.seq",
            (number, seq, names),
        )
        cursor.execute("DELETE FROM trading_sessionsection WHERE venue_id = %s", (number,))
        sections = [(name, *section) for name, rows in templates for section in rows]
        cursor.executemany(
            "INSERT INTO trading_sessionsection"
            " (venue_id, template, is_night, phase, start_minute, end_minute, seq)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (number, name, bool(night), PHASE[phase], start, end, seq)
                for name, night, phase, start, end in sections
            ],
        )

    def _write_settings(self, cursor: Any, batch: Batch) -> None:
        if batch.settings:
            cursor.executemany(
                "INSERT INTO accounts_venuesetting"
                " (venue, name, value, reason, updated_by, updated_at)"
                " VALUES (%s, %s, %s::text::jsonb, %s, '', now())"
                " ON CONFLICT (venue, name) DO UPDATE SET value = excluded.value,"
                " reason = excluded.reason, updated_at = excluded.updated_at",
                [(self.venue, name, str(value), reason) for name, (value, reason) in batch.settings.items()],
            )


class Projector:
    """Reads events after the cursor, writes them, tells Redis how far it is.

    A batch is written by a thread of its own while the next one is built; at most one is
    under way.
    """

    def __init__(self, writer: Writer, source: EventSource, tell: Callable[[int, int], None]) -> None:
        self.writer = writer
        self.source = source
        self.tell = tell  # (seq, time_ns) after each commit
        self.seq = writer.cursor_seq()
        self.projection = Projection(writer.venue_state(), self.seq)
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="projector-writer")
        self.writing: Future[None] | None = None

    def run(self, stopping: Callable[[], bool]) -> None:
        """Project until told to stop; errors of the servers are the caller's to retry."""
        while not stopping():
            self.step()
        self.settle()

    def step(self, block_ms: int = 500) -> int:
        """Read for one batch and hand it to the writer; returns the number of events."""
        events = self.source.read(self.projection.last_seq, block_ms)
        if not events:
            self.settle()
            return 0
        deadline = time.monotonic() + BATCH_S
        self.projection.add(events)
        while self.projection.batch.events < BATCH_EVENTS:
            left_ms = int((deadline - time.monotonic()) * 1000)
            if left_ms <= 0:
                break
            self.projection.add(self.source.read(self.projection.last_seq, left_ms))
        return self.flush()

    def flush(self) -> int:
        """Hand what has been projected to the writer; returns the number of events."""
        batch = self.projection.take()
        if batch.events:
            number = self.projection.venue.number
            rows = batch.statements(number)
            self.settle()
            self.writing = self.pool.submit(self._write, batch, number, rows)
        return batch.events

    def settle(self) -> None:
        """Wait for the batch under way; raises what its writing raised."""
        if self.writing is not None:
            writing, self.writing = self.writing, None
            writing.result()

    def close(self) -> None:
        """Let the writer finish; the session can be closed after it."""
        self.pool.shutdown(wait=True)

    def _write(self, batch: Batch, number: int, rows: list[tuple[tables.Target, bytes]]) -> None:
        began = time.perf_counter()
        self.writer.write(batch, number, rows)
        METER.observe("exchange_projector_write_seconds", time.perf_counter() - began)
        METER.count("exchange_projected_events_total", batch.events)
        self.seq = batch.last_seq
        self.tell(batch.last_seq, batch.last_time_ns)

    def replay(self, events: Iterable[list[Any]]) -> int:
        """Project events of the archive, batch by batch; returns their number."""
        total = 0
        for chunk in chunks(events, BATCH_EVENTS):
            self.projection.add(chunk)
            total += self.flush()
        self.settle()
        return total


def chunks(events: Iterable[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    """The events in lists of `size`."""
    chunk: list[list[Any]] = []
    for event in events:
        chunk.append(event)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
