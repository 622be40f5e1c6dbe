"""The table in shared memory and a reader of thirty lines under load (G-26)."""

import math
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketdata.feeds.shm import HEAD_SIZE, ROW_SIZE, SharedTable
from tests.feeds.market import Feed

ROOT = Path(__file__).resolve().parents[2]
READER = ROOT / "docs" / "examples" / "shm_reader.py"


@pytest.fixture
def name() -> str:
    return f"qamd{uuid.uuid4().hex[:8]}"


@pytest.fixture
def feed(name: str) -> Iterator[Feed]:
    made = Feed(2, 20)
    made.table = SharedTable.create(name, [f"SHFE.x{n:05d}" for n in range(20)])  # type: ignore[attr-defined]
    made.engine.sinks.append(made.table.take)  # type: ignore[attr-defined]
    made.engine.want("all", [f"x{n:05d}" for n in range(20)])
    yield made
    made.table.remove()  # type: ignore[attr-defined]


def test_rows_lie_where_the_layout_says(feed: Feed) -> None:
    table: SharedTable = feed.table  # type: ignore[attr-defined]
    assert bytes(table.buffer[:8]) == b"QAMDDAT1"
    at = HEAD_SIZE + 3 * ROW_SIZE
    assert bytes(table.buffer[at + 8 : at + 72]).rstrip(b"\0") == b"SHFE.x00003"
    assert math.isnan(struct.unpack_from("<d", table.buffer, at + 112)[0])
    feed.run(1, updates=20)
    tick = feed.engine.pool.gate.newest("x00003")
    assert tick is not None
    version, last, volume, time_ms = (
        struct.unpack_from(form, table.buffer, at + offset)[0]
        for form, offset in (("<Q", 0), ("<d", 112), ("<q", 160), ("<q", 168))
    )
    assert version % 2 == 0 and version > 0
    assert (last, volume, time_ms) == (tick.last_price, tick.volume, tick.timestamp)


def test_a_reader_never_sees_half_a_row_under_load(feed: Feed, name: str) -> None:
    feed.run(1, updates=20)
    reader = subprocess.Popen(
        [sys.executable, str(READER), name, "SHFE.x00007", "30"], stdout=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 300
        while reader.poll() is None and time.monotonic() < until:
            feed.run(0.1, updates=400)  # the reader ends by itself when it has seen so many changes
            feed.ticks.clear()
    finally:
        reader.kill()
    assert reader.stdout is not None
    lines = [line.split() for line in reader.stdout.read().splitlines()]
    assert reader.wait() == 0
    prices = [(float(last), float(bid), float(ask)) for _, last, bid, ask, *_ in lines]
    assert len(prices) == 30
    assert all(bid < last < ask for last, bid, ask in prices)
    volumes = [int(line[4]) for line in lines]
    assert volumes == sorted(volumes)


def test_the_table_of_a_killed_writer_is_replaced_and_that_of_a_living_one_is_not(name: str) -> None:
    code = (
        "import os, signal, sys\n"
        "from marketdata.feeds.shm import SharedTable\n"
        f"SharedTable.create({name!r}, ['a'])\n"
        "print('up', flush=True); sys.stdin.readline(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
    )  # fmt: skip
    assert writer.stdin is not None and writer.stdout is not None
    assert writer.stdout.readline() == "up\n"
    with pytest.raises(RuntimeError, match="in use"):
        SharedTable.create(name, ["b"])
    writer.stdin.write("\n")
    writer.stdin.close()
    writer.wait(10)
    table = SharedTable.create(name, ["b"])
    assert list(table.rows) == ["b"]
    table.remove()
