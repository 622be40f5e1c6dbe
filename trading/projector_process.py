"""The projector as a process: servers that come and go, the stream, the archive, the lock."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import redis
import structlog

from exchange_site.advisory import session_dsn as database_dsn
from exchange_site.metrics.meter import METER
from exchange_site.streams import Keys, last_stream_id, log_client, reader_client, stream_id
from trading.archive import Archiver, read_events
from trading.codec import decode_events
from trading.projector import EventsMissing, Projector, Writer

log = structlog.get_logger(__name__)

READ_COUNT = 64  # stream entries a read; an entry holds up to 4 000 events
ARCHIVE_EVERY_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
SERVER_ERRORS = (redis.RedisError, psycopg.OperationalError)
"""What a restart of Redis or PostgreSQL raises; everything else ends the projector."""


class StreamSource:
    """Events of a venue's stream."""

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self.client = reader_client()

    def close(self) -> None:
        self.client.close()

    def read(self, after_seq: int, block_ms: int) -> list[list[Any]]:
        """Events after a sequence, [] when none came in `block_ms`."""
        answer = self.client.xread({self.keys.events: f"{after_seq}-0"}, count=READ_COUNT, block=block_ms)
        if not answer:
            return []
        events: list[list[Any]] = []
        for _, fields in answer[0][1]:
            events.extend(decode_events(fields[b"e"]))
        return events

    def last_seq(self) -> int:
        """Sequence of the newest event the stream ever held."""
        return stream_id(last_stream_id(self.client, self.keys.events))[0]

    def first_seq(self) -> int:
        """Sequence of the oldest event still in the stream; 0 when it holds none."""
        entries: Any = self.client.xrange(self.keys.events, count=1)
        return int(decode_events(entries[0][1][b"e"])[0][0]) if entries else 0


class Teller:
    """Writes how far the tables are to Redis, after the commit (A-8, A-8a, A-12)."""

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self.client = log_client()

    def __call__(self, seq: int, time_ns: int) -> None:
        pipe = self.client.pipeline(transaction=False)
        pipe.hset(self.keys.cursors, "projector", seq)
        if time_ns:
            pipe.hset(f"{self.keys.prefix}projector", mapping={"seq": seq, "time_ns": time_ns})
        pipe.execute()

    def close(self) -> None:
        self.client.close()


class ProjectorProcess:
    """Runs a projector until told to stop; sessions end with their servers and begin anew."""

    def __init__(self, venue: str, dsn: str = "", archive: bool = True) -> None:
        self.venue = venue
        self.dsn = dsn or database_dsn()
        self.archive = archive
        self.stopping = threading.Event()
        self.told_to_stop = False

    def stop(self, *_: Any) -> None:
        """Finish the batch at hand and return; usable as a signal handler."""
        self.told_to_stop = True
        self.stopping.set()

    def run(self) -> None:
        """Project for ever. Raises what an operator must look at: a gap, a second projector."""
        archiver = self._start_archiver() if self.archive else None
        pause_s = FIRST_PAUSE_S
        while not self.stopping.is_set():
            try:
                self.session()
                pause_s = FIRST_PAUSE_S
            except SERVER_ERRORS as error:
                METER.count("exchange_projector_waits_total")
                log.warning("projector_waits", venue=self.venue, reason=str(error), pause_s=pause_s)
                self.stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        if archiver is not None:
            archiver.join()
        if not self.told_to_stop:
            raise RuntimeError(f"the archiver of {self.venue} ended; its trace is in the log")

    def session(self) -> None:
        """One connection to each server: lock, catch up from the archive, follow the stream."""
        writer = Writer(self.dsn, self.venue)
        source, tell = StreamSource(self.venue), Teller(self.venue)
        try:
            if not self._locked(writer):
                return
            writer.prepare()
            projector = Projector(writer, source, tell)
            tell(projector.seq, 0)
            log.info("projector_started", venue=self.venue, seq=projector.seq)
            try:
                catch_up(projector, source, self.venue)
                projector.run(self.stopping.is_set)
            finally:
                projector.close()
        finally:
            writer.close()
            source.close()
            tell.close()

    def _locked(self, writer: Writer) -> bool:
        """Wait for the advisory lock, looking up now and then whether to stop."""
        while not writer.try_lock():
            if self.stopping.wait(0.2):
                return False
        return True

    def _start_archiver(self) -> threading.Thread:
        thread = threading.Thread(target=self._archive_forever, name="archiver", daemon=True)
        thread.start()
        return thread

    def _archive_forever(self) -> None:
        """Write both streams into segments beside the projection (A-13).

        A server or a disk that is away is tried again; anything else ends the process,
        since without an archive the log would grow for ever.
        """
        try:
            archiver = Archiver(self.venue)
            while not self.stopping.wait(ARCHIVE_EVERY_S):
                try:
                    archiver.run_once()
                except (redis.RedisError, OSError) as error:
                    log.error("archive_failed", venue=self.venue, reason=str(error))
        finally:
            self.stopping.set()


def catch_up(projector: Projector, source: StreamSource, venue: str) -> None:
    """Take from the archive what the stream no longer holds.

    Raises EventsMissing when neither has the next event, or the log is behind the tables.
    """
    last, first, have = source.last_seq(), source.first_seq(), projector.seq
    if last < have:
        raise EventsMissing(
            f"venue {venue}: the log ends at event {last}, the tables at {have}. The log lost"
            " events that were written; restore it, or rebuild the tables from it."
        )
    if last == have or (first and first <= have + 1):
        return
    projector.replay(read_events(venue, have))
    if first and projector.seq + 1 < first or not first and projector.seq < last:
        raise EventsMissing(
            f"venue {venue}: events {projector.seq + 1} to {(first or last + 1) - 1} are"
            " neither in the stream nor in the archive"
        )


def rebuild(venue: str, dsn: str = "", note: Callable[[str], None] = print) -> int:
    """Empty a venue's tables and make them anew from archive and stream; the last sequence.

    Raises EventsMissing, before anything is emptied, when the log does not reach back to
    event 1, and RuntimeError while a projector runs.
    """
    writer = Writer(dsn or database_dsn(), venue)
    source, tell = StreamSource(venue), Teller(venue)
    try:
        if not writer.try_lock():
            raise RuntimeError(f"a projector of {venue} is running; stop it first")
        if source.first_seq() != 1:
            _require_archive(venue)
        writer.prepare()
        writer.empty()
        projector = Projector(writer, source, tell)
        try:
            catch_up(projector, source, venue)
            last = source.last_seq()
            while projector.projection.last_seq < last:
                projector.step()
            projector.settle()
        finally:
            projector.close()
        note(f"venue {venue}: rebuilt to event {projector.seq}")
        return projector.seq
    finally:
        writer.close()
        source.close()
        tell.close()


def _require_archive(venue: str) -> None:
    first = next(iter(read_events(venue, 0)), None)
    if first is None or first[0] != 1:
        raise EventsMissing(f"venue {venue}: the log does not reach back to event 1")
