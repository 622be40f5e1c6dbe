"""Snapshot files: durable, verified, three of them, one at a time (A-44, A-13)."""

import json
import threading

import pytest

from tests.log.conftest import ALICE, await_until, open_venue, order
from trading.commands import send
from trading.engine.hashing import full_hash
from trading.engine.snapshot import dump
from trading.snapshots import BadSnapshot, Snapshots, read_snapshot
from trading.worker import snapshot_store


@pytest.fixture
def state(name, start):
    running = start()
    open_venue(name)
    for _ in range(5):
        assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok
    running.stop()
    return running.worker.state


def test_it_comes_back_as_it_was_with_a_header_that_tells_what_it_is(state, tmp_path):
    snapshot = read_snapshot(Snapshots(tmp_path).write(state))
    assert dump(snapshot.state) == dump(state)
    header = snapshot.header
    assert header["venue"] == state.venue and header["event_seq"] == state.event_seq
    assert header["command_id"] == state.last_stream_id
    assert header["trading_day"] == state.trading_day and header["time_ns"] == state.time_ns
    assert header["full_hash"] == full_hash(state) and header["format"] == 1
    assert snapshot.path.read_bytes().startswith(b"{") and not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("fault", ["cut", "flip", "header", "hash", "empty", "format"])
def test_a_damaged_file_is_bad(state, tmp_path, fault):
    path = Snapshots(tmp_path).write(state)
    first, _, body = path.read_bytes().partition(b"\n")
    header = json.loads(first)
    if fault == "cut":
        body = body[:-1]
    elif fault == "flip":
        body = bytes([body[0] ^ 1]) + body[1:]
    elif fault == "hash":
        header["full_hash"] = "0" * 64
    elif fault == "format":
        header["format"] = 9
    data = json.dumps(header).encode() + b"\n" + body
    path.write_bytes({"empty": b"", "header": b"{" + body}.get(fault, data))
    with pytest.raises(BadSnapshot):
        read_snapshot(path)


def test_the_last_three_are_kept_and_a_bad_one_is_passed_over(state, tmp_path):
    store = Snapshots(tmp_path)
    for _ in range(5):
        state.event_seq += 1
        store.write(state)
    paths = store.paths()
    assert len(paths) == 3
    paths[0].write_bytes(b"damaged")
    reported = []
    found = store.newest(lambda path, reason: reported.append(path))
    assert found.path == paths[1] and reported == [paths[0]]


def test_a_forked_child_writes_it_while_the_parent_goes_on(state, tmp_path):
    store = Snapshots(tmp_path)
    assert store.begin(state)
    expected = state.event_seq
    state.event_seq += 1000
    await_until(lambda: not store.is_writing())
    assert store.newest(lambda path, reason: None).header["event_seq"] == expected


def test_only_one_is_written_at_a_time(state, tmp_path):
    store = Snapshots(tmp_path)
    gate = threading.Event()
    assert store.begin(state, on_child=lambda: gate.wait(1))
    assert not store.begin(state)
    store.wait()
    assert store.begin(state)
    store.wait()


def test_a_child_that_cannot_write_leaves_the_old_ones(state, tmp_path):
    store = Snapshots(tmp_path)
    store.write(state)
    state.event_seq += 1

    def fail():
        raise OSError("disk full")

    assert store.begin(state, on_child=fail)
    store.wait()
    assert len(store.paths()) == 1


def test_the_first_snapshot_after_a_settlement_is_kept_beside_the_archive(state, tmp_path):
    store = Snapshots(tmp_path / "now", tmp_path / "settled")
    state.settled_day = 20261120
    first = store.write(state)
    for _ in range(4):
        state.event_seq += 1
        store.write(state)
    kept = tmp_path / "settled" / "20261120.snapshot"
    assert not first.exists()
    assert read_snapshot(kept).header["event_seq"] == state.event_seq - 4


def test_the_worker_writes_them_by_number_of_commands(name, start, log, keys):
    start(snapshot_s=10_000, snapshot_commands=50)
    open_venue(name)
    for _ in range(60):
        send(name, order(), user_id=ALICE.user_id, wait_s=10)
    paths = await_until(lambda: snapshot_store(name).paths())
    assert read_snapshot(paths[0]).header["event_seq"] >= 50
    await_until(lambda: log.hget(keys.cursors, b"snapshot:" + host()))


def host():
    import socket

    return socket.gethostname().encode()
