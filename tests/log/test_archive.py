"""Archive and trimming: durable first, trimmed after, never above a cursor (A-8, A-13)."""

import gzip
import json

import pytest
from django.core.management import CommandError, call_command

from exchange_site.streams import stream_id
from tests.log.conftest import ALICE, await_until, open_venue, order
from trading import archive, housekeeping
from trading.archive import Archiver, BadRecord, read_events, segments, verify_archive
from trading.codec import decode_events
from trading.commands import send, send_many
from trading.housekeeping import trim_bounds
from trading.replay import Replay
from trading.worker import snapshot_store


def events_of(log, keys):
    return [event for _, fields in log.xrange(keys.events) for event in decode_events(fields[b"e"])]


@pytest.fixture
def archived(venue):
    """A venue with three segments."""
    for _ in range(3):
        send_many(venue, [order() for _ in range(20)], user_id=ALICE.user_id, wait_s=10)
        assert Archiver(venue).run_once(force=True) == 1
    return venue


def test_it_holds_every_event_in_order_and_tells_its_cursors(archived, log, keys):
    stored = list(read_events(archived, 0))
    assert stored == events_of(log, keys)[: len(stored)] and stored[0][0] == 1
    cursors = log.hgetall(keys.cursors)
    assert int(cursors[b"archive"]) == stored[-1][0]
    assert stream_id(cursors[b"archive:commands"]) > (0, 0)
    assert [event[0] for event in read_events(archived, 30)][0] == 31


def test_it_is_sound_and_the_days_lie_in_folders(archived):
    assert verify_archive(archived)[0] == 3
    assert len({path.parent.name for path in segments(archived)}) == 1
    call_command("verify_log", "--venue", archived)


def test_nothing_new_or_too_little_makes_no_segment(archived, log, keys):
    archiver = Archiver(archived)
    assert archiver.run_once(force=True) == 0
    send(archived, order(), user_id=ALICE.user_id, wait_s=10)
    assert archiver.run_once() == 0
    assert archiver.run_once(force=True) == 1


def test_it_cuts_by_number_of_events_and_by_time(archived, monkeypatch):
    archiver = Archiver(archived)
    send_many(archived, [order() for _ in range(20)], user_id=ALICE.user_id, wait_s=10)
    monkeypatch.setattr(archive, "CUT_EVENTS", 10)
    assert archiver.run_once() == 1
    send(archived, order(), user_id=ALICE.user_id, wait_s=10)
    monkeypatch.setattr(archive, "CUT_S", 0.0)
    assert archiver.run_once() == 1


def damage(path, how):
    raw = bytearray(gzip.decompress(path.read_bytes()))
    how(raw)
    path.write_bytes(gzip.compress(bytes(raw)))


def flip(raw):
    raw[-3] ^= 1


def swap_header(raw):
    at = raw.index(b'"first_seq": ')
    raw[at + 13 : at + 14] = b"9"


@pytest.mark.parametrize("how", [flip, swap_header])
def test_a_changed_record_is_named(archived, how):
    path = segments(archived)[1]
    damage(path, how)
    with pytest.raises(BadRecord, match=path.name):
        verify_archive(archived)
    with pytest.raises(CommandError, match=path.name):
        call_command("verify_log", "--venue", archived)


def test_a_segment_cut_short_is_named(archived):
    path = segments(archived)[0]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadRecord, match=path.name):
        verify_archive(archived)


def test_a_segment_written_anew_breaks_the_chain(archived):
    path = segments(archived)[0]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 9))
    with pytest.raises(BadRecord, match="the segment before it was changed"):
        verify_archive(archived)


def test_a_missing_segment_breaks_the_chain(archived):
    segments(archived)[1].unlink()
    with pytest.raises(BadRecord):
        verify_archive(archived)


def test_days_older_than_the_site_keeps_are_dropped(archived, monkeypatch, data_dir):
    monkeypatch.setattr(archive.environment(), "EXCHANGE_ARCHIVE_DAYS", 2)
    folder = archive.folder_of(archived)
    for day in ("20200101", "20200102"):
        (folder / day).mkdir()
    send(archived, order(), user_id=ALICE.user_id, wait_s=10)
    Archiver(archived).run_once(force=True)
    days = sorted(path.name for path in folder.glob("2*"))
    assert len(days) == 2 and "20200101" not in days


@pytest.mark.parametrize(
    ("cursors", "expected"),
    [
        ({}, (None, None)),
        ({"projector": "90000"}, (None, None)),
        ({"projector": "90000", "archive": "80000"}, (None, 60_000)),
        ({"projector": "90000", "archive": "80000", "marketdata": "30000"}, (None, 10_000)),
        ({"projector": "90000", "archive": "80000", "standby:b": "100"}, (None, None)),
        ({"archive": "80000", "archive:commands": "9-0"}, (None, None)),
        ({"snapshot:a": "5-10", "archive": "80000", "archive:commands": "9-0"}, ("5-10", None)),
        (
            {"snapshot:a": "50-0", "snapshot:b": "9-1", "archive:commands": "10-0"},
            ("9-1", None),
        ),
    ],
)
def test_the_least_cursor_bounds_the_trim(cursors, expected):
    assert trim_bounds(cursors) == expected


def test_the_worker_trims_what_everybody_has_and_replay_still_reaches_the_same_state(
    name, start, log, keys, monkeypatch
):
    monkeypatch.setattr(housekeeping, "KEPT_EVENTS", 0)
    monkeypatch.setattr(housekeeping, "TRIM_S", 0.1)
    monkeypatch.setattr(housekeeping, "STATUS_S", 0.1)
    running = start(snapshot_s=0.2)
    open_venue(name)
    for _ in range(400):
        send(name, order(), user_id=ALICE.user_id, wait_s=10)
    await_until(lambda: len(snapshot_store(name).paths()) == 3)
    before = log.xlen(keys.events)
    Archiver(name).run_once(force=True)
    log.hset(keys.cursors, "projector", 150)
    await_until(lambda: log.xlen(keys.events) < before)
    first = decode_events(log.xrange(keys.events, count=1)[0][1][b"e"])[0][0]
    assert first <= 151
    await_until(lambda: log.xrange(keys.commands, count=1)[0][0] != b"0-0")
    oldest = snapshot_store(name).oldest_command_id()
    trimmed = log.xrange(keys.commands, count=1)[0][0]
    assert stream_id(trimmed) <= max(stream_id(oldest), stream_id(log.hget(keys.cursors, "archive:commands")))
    running.stop()
    report = Replay(name, snapshot_store(name)).run()
    assert report.event_seq == running.worker.state.event_seq
    again = start()
    assert again.worker.state.event_seq >= report.event_seq


def test_the_commands_print_hashes_and_check_a_replay(archived, start, capsys):
    call_command("state_hash", "--venue", archived)
    hashes = json.loads(capsys.readouterr().out.splitlines()[-1])
    call_command("replay_check", "--venue", archived)
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["trading_hash"] == hashes["trading_hash"]
    assert report["commands"] >= 60 and report["commands_per_second"] > 0
