"""What the tests of the tables share: an event stream to write to, a projector to run."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from django.db import connection

from exchange_site.streams import Keys
from trading.codec import encode_events
from trading.projector import PROJECTED, Projector, Writer
from trading.projector_process import StreamSource, database_dsn

ROOT = Path(__file__).resolve().parents[2]
ENTRY = 50


def append(client: redis.Redis, venue: str, events: list[list[Any]], entry: int = ENTRY) -> None:
    """Write events into a venue's stream as the worker does."""
    pipe = client.pipeline(transaction=False)
    for start in range(0, len(events), entry):
        part = events[start : start + entry]
        fields = {"c": "1-0", "e": encode_events(part)}
        pipe.xadd(Keys(venue).events, fields, id=f"{part[-1][0]}-0")
    pipe.execute()


@contextmanager
def projector(venue: str = "main", told: list[int] | None = None) -> Any:
    """A projector over the venue's stream with a session of its own."""
    writer = Writer(database_dsn(), venue)
    assert writer.try_lock()
    writer.prepare()
    source = StreamSource(venue)
    tell = (told if told is not None else []).append
    running = Projector(writer, source, lambda seq, time_ns: tell(seq))
    try:
        yield running
    finally:
        running.close()
        writer.close()
        source.close()


def project(events: list[list[Any]], venue: str = "main") -> None:
    """Write events into the tables."""
    with projector(venue) as running:
        running.replay(events)


def tables() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the projected tables, without keys that the database made itself."""
    found = {}
    with connection.cursor() as cursor:
        for table in PROJECTED:
            cursor.execute(f"SELECT * FROM {table}")
            made = table in _OWN_KEYS
            rows = [tuple(map(str, row[made:])) for row in cursor.fetchall()]
            found[table] = sorted(rows)
    return found


_OWN_KEYS = {
    "trading_tradingday",
    "trading_sessiontemplate",
    "trading_sessionsection",
    "trading_moneyreference",
    "trading_rejectcount",
}


def start_projector(venue: str) -> subprocess.Popen[bytes]:
    """`manage.py run_projector` as a process of its own."""
    environment = {**os.environ, "PROJECTOR_DATABASE_URL": database_dsn()}
    command = [sys.executable, "manage.py", "run_projector", "--venue", venue, "--no-archive"]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def start_worker(venue: str) -> subprocess.Popen[bytes]:
    """`manage.py run_matching` as a process of its own."""
    command = [sys.executable, "manage.py", "run_matching", "--venue", venue]
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ))


def follow(venue: str) -> int:
    """Project everything that the stream holds now; returns the last sequence."""
    with projector(venue) as running:
        last = running.source.last_seq()
        while running.projection.last_seq < last:
            running.step()
        running.settle()
        return int(running.seq)
