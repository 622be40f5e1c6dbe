"""Start after an end of any kind: same state, nothing lost or doubled, or no start (A-6, A-14)."""

import random
import threading
import time

import pytest

from exchange_site.streams import CommandLog, stream_id
from tests.log.conftest import (
    ALICE,
    await_until,
    flow,
    open_venue,
    order,
)
from trading import entries as entries_module
from trading.codec import decode_events, encode_command
from trading.commands import new_command_id, send, send_many
from trading.engine import apply as engine
from trading.engine.hashing import full_hash
from trading.engine.messages import PlaceOrder
from trading.recovery import CannotStart, EventsDiffer, LogBehind
from trading.replay import Replay, state_at_end
from trading.worker import Worker, snapshot_store


def events_of(log, keys):
    return [event for _, fields in log.xrange(keys.events) for event in decode_events(fields[b"e"])]


def entry(command, user_id=ALICE.user_id):
    kind, version, payload = encode_command(command)
    return kind, version, new_command_id(), "test", user_id, payload


def trade(name, count=300, seed=1):
    source = flow(seed)
    steps = [source.step() for _ in range(count)]
    log = CommandLog(name)
    log.append([entry(step.command, step.trader.user_id) for step in steps])


def caught_up(log, keys):
    """Are the last order's events out? Ticks may have none."""
    newest = log.xrevrange(keys.commands, count=100)
    last = next(raw_id for raw_id, fields in newest if fields.get(b"t") != b"Tick")
    return stream_id(log.xrevrange(keys.events, count=1)[0][1][b"c"]) >= stream_id(last)


def crash(running):
    """End a worker without drain, as a kill would, and its lease with it."""
    running.worker._drain = lambda: None
    running.worker.stop()
    running.join()


def test_a_restart_without_snapshot_gives_the_same_state_and_publishes_nothing_twice(name, start, log, keys):
    first = start()
    open_venue(name)
    trade(name)
    await_until(lambda: caught_up(log, keys))
    crash(first)
    before, events = full_hash(first.worker.state), events_of(log, keys)
    second = start()
    assert second.worker.recovered_hash == before
    assert events_of(log, keys)[: len(events)] == events
    assert [event[0] for event in events] == list(range(1, len(events) + 1))


def test_it_starts_from_a_snapshot_and_the_commands_after_it(name, start, log, keys):
    first = start()
    open_venue(name)
    trade(name, seed=1)
    await_until(lambda: caught_up(log, keys))
    first.stop()
    second = start()
    trade(name, seed=2)
    await_until(lambda: caught_up(log, keys))
    crash(second)
    before = full_hash(second.worker.state)
    third = start()
    assert third.worker.recovered_hash == before
    report = Replay(name, snapshot_store(name)).run()
    assert report.snapshots


def test_commands_that_nobody_carried_out_are_carried_out_once(name, start, log, keys):
    first = start()
    open_venue(name)
    crash(first)
    log.set(keys.lease, "dying", px=400)
    sent = [entry(order()) for _ in range(700)]
    CommandLog(name).append(sent)
    start()
    await_until(lambda: caught_up(log, keys))
    accepted = [event[4] for event in events_of(log, keys) if event[1] == "OrderAccepted"]
    assert accepted == [item[2] for item in sent]


def test_a_bad_snapshot_is_reported_and_the_one_before_used(name, start, log, keys):
    for seed in (1, 2):
        running = start()
        if seed == 1:
            open_venue(name)
        trade(name, seed=seed)
        await_until(lambda: caught_up(log, keys))
        running.stop()
    before = full_hash(running.worker.state)
    newest, older = snapshot_store(name).paths()[:2]
    data = bytearray(newest.read_bytes())
    data[-20] ^= 1
    newest.write_bytes(data)
    again = start()
    assert again.worker.house.bad_snapshots == 1
    assert again.worker.recovered_hash == before
    await_until(lambda: log.hget(keys.status, "bad_snapshots") == b"1")


def test_without_a_good_snapshot_and_the_first_commands_it_does_not_start(name, start, log, keys):
    running = start()
    open_venue(name)
    running.stop()
    for path in snapshot_store(name).paths():
        path.write_bytes(b"{}")
    log.xtrim(keys.commands, maxlen=1, approximate=False)
    with pytest.raises(CannotStart, match="no good snapshot"):
        Worker(name).start()


@pytest.mark.parametrize(
    ("reader", "value"),
    [("projector", "1000000"), ("archive:commands", "9999999999999-0"), ("marketdata", "999999")],
)
def test_a_log_behind_a_readers_cursor_stops_the_start_and_changes_nothing(
    name, start, log, keys, reader, value
):
    running = start()
    open_venue(name)
    running.stop()
    log.hset(keys.cursors, reader, value)
    fence = log.get(keys.fence)
    with pytest.raises(LogBehind, match=reader):
        Worker(name).start()
    assert log.get(keys.fence) == fence and not log.exists(keys.lease)


def test_a_log_behind_the_snapshot_stops_the_start(name, start, log, keys):
    running = start()
    open_venue(name)
    running.stop()
    log.delete(keys.commands)
    with pytest.raises(LogBehind, match="the command log ends at 0-0"):
        Worker(name).start()


def test_published_events_without_their_commands_stop_the_start(name, start, log, keys):
    first = start()
    open_venue(name)
    first.stop()
    running = start()
    placed = send(name, order(), user_id=ALICE.user_id, wait_s=10)
    assert placed.ok
    crash(running)
    log.xdel(keys.commands, placed.stream_id)
    with pytest.raises(LogBehind, match="commands were lost"):
        Worker(name).start()


def test_a_replay_that_gives_other_events_stops_the_start(name, start, log, keys, monkeypatch):
    running = start()
    open_venue(name)
    send(name, order(), user_id=ALICE.user_id, wait_s=10)
    crash(running)

    def other(state, envelope, command):
        if isinstance(command, PlaceOrder):
            command = command._replace(volume=command.volume + 1)
        return engine.apply(state, envelope, command)

    monkeypatch.setattr(entries_module, "apply", other)
    with pytest.raises(EventsDiffer, match="OrderAccepted"):
        Worker(name).start()


def new_version(monkeypatch, version=2):
    for module in ("engine.apply", "recovery", "housekeeping"):
        monkeypatch.setattr(f"trading.{module}.ENGINE_VERSION", version)


def test_another_engine_version_does_not_replay_what_was_published(name, start, monkeypatch):
    running = start()
    open_venue(name)
    crash(running)
    new_version(monkeypatch)
    with pytest.raises(CannotStart, match="published by engine version 1"):
        Worker(name).start()


def test_after_a_drain_another_engine_version_goes_on_and_says_so(name, start, log, keys, monkeypatch):
    running = start()
    open_venue(name)
    running.stop()
    new_version(monkeypatch)
    upgraded = start()
    assert events_of(log, keys)[-1][1] == "EngineUpgraded"
    assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok
    crash(upgraded)
    again = start()
    assert again.worker.state.engine_version == 2
    kinds = [event[1] for event in events_of(log, keys)]
    assert kinds.count("EngineUpgraded") == 1


def test_kill_9_at_random_moments_loses_and_doubles_nothing(name, spawn, log, keys):
    source = random.Random(20_261_121)
    worker = spawn("--snapshot-seconds", "0.3")
    worker.await_lease()
    open_venue(name)
    acknowledged: list[str] = []
    stopping = threading.Event()

    def trader():
        while not stopping.is_set():
            outcomes = send_many(name, [order() for _ in range(20)], user_id=ALICE.user_id, wait_s=10)
            acknowledged.extend(outcome.command_id for outcome in outcomes if outcome.ok)
            if all(outcome.refused for outcome in outcomes):
                stopping.wait(0.05)

    threads = [threading.Thread(target=trader) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        time.sleep(source.uniform(0.2, 1.2))  # the moment of the kill, not a wait for anything
        worker.kill()
        log.delete(keys.lease)  # as the supervisor does when it reaps
        worker = spawn("--snapshot-seconds", "0.3")
        worker.await_lease()
    stopping.set()
    for thread in threads:
        thread.join()
    await_until(lambda: caught_up(log, keys))
    events = events_of(log, keys)
    assert [event[0] for event in events] == list(range(1, len(events) + 1))
    accepted = [event[4] for event in events if event[1] == "OrderAccepted"]
    assert len(accepted) == len(set(accepted))
    assert len(acknowledged) > 100 and set(acknowledged) <= set(accepted)
    worker.process.terminate()
    assert worker.process.wait(90) == 0
    report = Replay(name, snapshot_store(name)).run()
    ended = state_at_end(name, snapshot_store(name), lambda path, reason: None)
    assert report.full_hash == full_hash(ended) and report.snapshots


def test_replay_reads_nothing_into_a_worker_that_runs_beside_it(name, start, log, keys):
    running = start()
    open_venue(name)
    trade(name)
    await_until(lambda: caught_up(log, keys))
    report = Replay(name, snapshot_store(name)).run()
    assert report.event_seq == running.worker.state.event_seq
    assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok
