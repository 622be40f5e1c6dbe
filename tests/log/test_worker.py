"""The worker's loop: lease, fence, poison, quarantine, draining, the clock (A-4…A-9, T-22)."""

import signal
import time

import pytest
from django.core.management import CommandError, call_command

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Fenced, SequenceGap, stream_id
from tests.log.conftest import ALICE, RunningWorker, await_until, open_venue, order
from trading import entries as entries_module
from trading import worker as worker_module
from trading.archive import Archiver, read_records, segments
from trading.codec import decode_events, encode_command
from trading.commands import send, send_many
from trading.engine.apply import apply
from trading.engine.messages import HaltVenue, PlaceOrder
from trading.entries import ImpossibleState, pack_entries, parse_entry
from trading.lease import LeaseHeld, LeaseLost
from trading.replay import Replay
from trading.worker import Worker, snapshot_store


def events_of(log, keys):
    return [event for _, fields in log.xrange(keys.events) for event in decode_events(fields[b"e"])]


def test_the_first_event_is_venue_created_and_the_sequence_has_no_gap(venue, log, keys):
    send_many(venue, [order() for _ in range(50)], user_id=ALICE.user_id, wait_s=10)
    events = events_of(log, keys)
    assert events[0][1] == "VenueCreated"
    assert [event[0] for event in events] == list(range(1, len(events) + 1))


def test_a_second_worker_refuses_to_start_and_changes_nothing(venue, log, keys):
    fence = log.get(keys.fence)
    with pytest.raises(LeaseHeld, match="is run by"):
        Worker(venue).start()
    assert log.get(keys.fence) == fence
    assert send(venue, order(), user_id=ALICE.user_id, wait_s=10).ok


def test_a_dead_workers_lease_runs_out_and_the_next_starts(name, log, keys, start):
    log.set(keys.lease, "dead", px=600)
    running = start()
    assert log.get(keys.lease) == running.worker.lease.token.encode()


def test_the_lease_is_renewed_while_nothing_happens(venue, log, keys):
    until = time.monotonic() + 2.5
    await_until(lambda: time.monotonic() > until)
    assert 0 < log.pttl(keys.lease) <= 2_000


def test_a_lease_that_ran_out_and_nobody_took_is_renewed(venue, log, keys):
    log.delete(keys.lease)
    await_until(lambda: log.exists(keys.lease))
    assert send(venue, order(), user_id=ALICE.user_id, wait_s=10).ok


def test_a_worker_whose_lease_was_taken_stops(name, log, keys, start):
    running = start()
    log.set(keys.lease, "another")
    running.join()
    assert isinstance(running.error, LeaseLost)
    assert log.get(keys.lease) == b"another"


def test_a_fenced_worker_stops_and_publishes_nothing(name, log, keys, start):
    running = start()
    open_venue(name)
    last = log.xrevrange(keys.events, count=1)[0][0]
    log.incr(keys.fence)
    outcome = send(name, order(), user_id=ALICE.user_id, wait_s=0.5)
    running.join()
    assert isinstance(running.error, Fenced) and not outcome.decided
    assert log.xrevrange(keys.events, count=1)[0][0] == last
    assert not log.exists(keys.lease)


def test_an_event_of_somebody_else_is_a_gap_and_stops_the_worker(name, log, keys, start):
    running = start()
    open_venue(name)
    last = stream_id(log.xrevrange(keys.events, count=1)[0][0])[0]
    log.xadd(keys.events, {"c": "1-0", "e": b"\x90"}, id=f"{last + 1}-0")
    send(name, order(), user_id=ALICE.user_id, wait_s=0.5)
    running.join()
    assert isinstance(running.error, SequenceGap)


@pytest.mark.parametrize(
    "fields",
    [
        {"t": "Nonsense", "v": 1, "i": "a" * 32, "o": "x", "u": "", "p": b"\x90"},
        {"t": "Tick", "v": 9, "i": "a" * 32, "o": "x", "u": "", "p": b"\x90"},
        {"t": "PlaceOrder", "v": 1, "i": "a" * 32, "o": "x", "u": "", "p": b"\xc1"},
        {"t": "Tick", "v": 1, "i": "short", "o": "x", "u": "", "p": b"\x90"},
        {"t": "Tick", "v": 1, "i": "é" * 16, "o": "x", "u": "\x00", "p": b"\x90"},
        {"anything": "else"},
    ],
)
def test_an_entry_that_is_no_command_is_rejected_and_passed_over(venue, log, keys, fields):
    log.xadd(keys.commands, fields)
    assert send(venue, order(), user_id=ALICE.user_id, wait_s=10).ok
    rejected = [event for event in events_of(log, keys) if event[1] == "CommandRejected"]
    assert len(rejected) == 1 and rejected[0][6] == 5003


def raising(state, envelope, command):
    """The core, with a fault for one client tag."""
    if isinstance(command, PlaceOrder) and command.client_tag == "boom":
        raise RuntimeError("impossible lots −1")
    return apply(state, envelope, command)


def test_an_impossible_state_stops_the_worker_until_the_command_is_quarantined(
    name, log, keys, start, monkeypatch
):
    monkeypatch.setattr(entries_module, "apply", raising)
    running = start()
    open_venue(name)
    outcomes = send_many(name, [order(), order(client_tag="boom"), order()], user_id=ALICE.user_id, wait_s=1)
    running.join()
    assert isinstance(running.error, ImpossibleState)
    bad = outcomes[1].stream_id
    assert bad in str(running.error) and "quarantine" in str(running.error)
    assert outcomes[0].ok and not outcomes[1].decided
    with pytest.raises(ImpossibleState):
        RunningWorker(name)
    call_command("quarantine", bad, "--reason", "core fault 17", "--venue", name)
    start()
    await_until(lambda: log.exists(keys.lease))
    quarantined = await_until(
        lambda: [event for event in events_of(log, keys) if event[1] == "CommandQuarantined"]
    )
    assert quarantined[0][5:] == [bad, "core fault 17"]
    assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok


def test_a_quarantined_command_is_skipped_by_a_replay_from_the_archive(name, log, keys, start, monkeypatch):
    monkeypatch.setattr(entries_module, "apply", raising)
    running = start()
    open_venue(name)
    bad = send(name, order(client_tag="boom"), user_id=ALICE.user_id, wait_s=0.3).stream_id
    running.join()
    call_command("quarantine", bad, "--reason", "core fault 18", "--venue", name)
    start()
    assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok
    assert Archiver(name).run_once(force=True) == 1
    log.delete(keys.quarantine)
    report = Replay(name, snapshot_store(name)).run()
    assert report.event_seq >= events_of(log, keys)[-1][0]
    (segment,) = segments(name)
    assert [r.payload for r in read_records(segment) if r.kind == "Q"] == [[bad, "core fault 18"]]


def test_a_long_batch_is_applied_in_pieces_and_in_order(name, start, log, keys, monkeypatch):
    monkeypatch.setattr(worker_module, "BATCH_S", 0.0)
    start()
    open_venue(name)
    sent = [order() for _ in range(700)]
    outcomes = send_many(name, sent, user_id=ALICE.user_id, wait_s=20)
    assert all(outcome.ok for outcome in outcomes)
    accepted = [event[5][2] for event in events_of(log, keys) if event[1] == "OrderAccepted"]
    assert accepted == [command.order_id for command in sent]


def test_a_work_list_is_advanced_by_ticks_without_anybody_else(name, start, log, keys):
    start()
    open_venue(name)
    for _ in range(3):
        outcomes = send_many(name, [order() for _ in range(400)], user_id=ALICE.user_id, wait_s=20)
        assert all(outcome.ok for outcome in outcomes)
    send(name, HaltVenue("drill"))
    cancelled = await_until(
        lambda: sum(event[1] == "OrderCancelled" for event in events_of(log, keys)) == 1_200
    )
    assert cancelled


def test_what_was_carried_out_cannot_be_quarantined(name, start, log, keys):
    running = start()
    open_venue(name)
    done = send(name, order(), user_id=ALICE.user_id).stream_id
    with pytest.raises(CommandError, match="runs"):
        call_command("quarantine", done, "--reason", "x", "--venue", name)
    running.stop()
    with pytest.raises(CommandError, match="carried out"):
        call_command("quarantine", done, "--reason", "x", "--venue", name)
    with pytest.raises(CommandError, match="not in the command log"):
        call_command("quarantine", "1-1", "--reason", "x", "--venue", name)


def test_sigterm_drains_writes_a_snapshot_and_exits_with_0(name, spawn, log, keys):
    worker = spawn()
    worker.await_lease()
    open_venue(name)
    send_many(name, [order() for _ in range(100)], user_id=ALICE.user_id, wait_s=10)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(60) == 0
    last = stream_id(log.xrevrange(keys.events, count=1)[0][0])[0]
    newest = snapshot_store(name).newest(lambda path, reason: None)
    assert newest.header["event_seq"] == last and newest.state.event_seq == last
    with pytest.raises(ExchangeError) as refused:
        send(name, order(), user_id=ALICE.user_id, wait_s=10)
    assert refused.value.code == 4001


def test_a_worker_that_cannot_start_says_why_and_exits_with_3(venue, spawn):
    worker = spawn()
    assert worker.process.wait(90) == 3
    assert "is run by" in worker.output()


def test_a_jump_ahead_of_the_clock_holds_orders_until_an_operator_confirms(name, start, log, keys):
    start()
    open_venue(name)
    ahead = time.time_ns() // 1_000_000 + 60_000
    command = order()
    kind, version, payload = encode_command(command)
    log.xadd(
        keys.commands,
        {"t": kind, "v": version, "i": "b" * 32, "o": "x", "u": ALICE.user_id, "p": payload},
        id=f"{ahead}-0",
    )
    await_until(lambda: log.hget(keys.status, "clock") == b"held")
    with pytest.raises(ExchangeError) as refused:
        send(name, order(), user_id=ALICE.user_id, wait_s=10)
    assert refused.value.code == 9005
    assert not any(event[4] == "b" * 32 for event in events_of(log, keys))
    call_command("confirm_clock", "--venue", name)
    await_until(lambda: any(event[4] == "b" * 32 for event in events_of(log, keys)))
    await_until(lambda: log.hget(keys.status, "clock") == b"ok")
    assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok


def test_a_clock_behind_the_log_lets_log_time_stand_still_and_trading_go_on(name, start, log, keys):
    ahead = time.time_ns() // 1_000_000 + 30_000
    log.xadd(keys.commands, {"junk": "1"}, id=f"{ahead}-0")
    start()
    open_venue(name)
    assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok
    behind = await_until(lambda: int(log.hget(keys.status, "clock_behind_ms") or 0))
    assert 20_000 < behind <= 30_000


def test_events_are_packed_within_the_bounds_and_a_commands_events_stay_together():
    events = [[seq, "X", 1, 0, f"c{seq // 10}", "y" * 400] for seq in range(9_000)]
    marks = [(count, f"{count}-0") for count in range(10, 9_001, 10)]
    packed = list(pack_entries(list(events), marks))
    assert len(packed) > 2 and packed[-1][0] == 8_999
    seen = []
    for last_seq, command, data in packed:
        part = decode_events(data)
        assert len(part) <= 4_000 and len(data) <= 1 << 20
        assert part[-1][0] == last_seq and command == f"{last_seq + 1}-0"
        seen += part
    assert seen == events


def test_a_command_too_large_for_an_entry_is_split_between_its_events():
    events = [[seq, "X", 1, 0, "c", ""] for seq in range(1, 9_002)]
    packed = list(pack_entries(list(events), [(9_001, "5-0")]))
    assert [event for _, _, data in packed for event in decode_events(data)] == events
    assert {command for _, command, _ in packed} == {"5-0"}


def test_an_entry_with_its_fields_in_another_order_is_not_guessed_at():
    fields = [b"v", b"1", b"t", b"Tick", b"i", b"a" * 32, b"o", b"", b"u", b"", b"p", b"\x90"]
    envelope, command, kind = parse_entry(b"5-3", fields)
    assert command is None and kind == "Tick" and envelope.time_ns == 5_000_000
