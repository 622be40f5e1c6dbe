"""Keys, the append scripts, and what a broken connection means (A-4, A-6a, A-40)."""

import pytest
import redis

from exchange_site.streams import (
    APPEND_EVENTS,
    CommandLog,
    Keys,
    Link,
    LogRefused,
    LogUncertain,
    WorkerNotRunning,
    last_stream_id,
    reader_client,
    refusal,
    stream_id,
)


def entry(n: int) -> tuple[str, int, str, str, str, bytes]:
    return ("Tick", 1, f"{n:032x}", "test", "", b"\x90")


def test_keys_are_literal_with_the_cluster_hash_tag():
    keys = Keys("main")
    assert keys.commands == "x:{main}:commands"
    assert keys.events == "x:{main}:events"
    assert keys.lease == "x:{main}:lease"
    assert keys.quote("SHFE.cu2701") == "x:{main}:quote:SHFE.cu2701"


@pytest.mark.parametrize("bad", ["", "Main", "a b", "a}b", "x" * 33, "主"])
def test_it_refuses_a_venue_name_that_cannot_stand_in_a_key(bad):
    with pytest.raises(ValueError, match="venue name"):
        Keys(bad)


def test_without_a_lease_nothing_is_appended(name, keys, log):
    with pytest.raises(WorkerNotRunning) as refused:
        CommandLog(name).append([entry(1)])
    assert refused.value.code == 4001
    assert not log.exists(keys.commands)


def test_it_appends_in_order_more_than_one_call_takes(name, keys, log):
    log.set(keys.lease, "w")
    ids = CommandLog(name).append([entry(n) for n in range(450)])
    assert len(ids) == 450 and sorted(ids, key=stream_id) == ids
    stored = log.xrange(keys.commands)
    assert [fields[b"i"].decode() for _, fields in stored] == [f"{n:032x}" for n in range(450)]
    assert set(stored[0][1]) == {b"t", b"v", b"i", b"o", b"u", b"p"}


def test_a_held_clock_answers_9005(name, keys, log):
    log.set(keys.lease, "HELD:w")
    with pytest.raises(LogRefused) as refused:
        CommandLog(name).append([entry(1)])
    assert refused.value.code == 9005


def test_a_server_that_is_away_is_a_refusal_before_and_uncertain_after_the_call():
    away = Link(url="redis://127.0.0.1:1/0")
    with pytest.raises(LogRefused) as refused:
        away.call("PING")
    assert refused.value.code == 9005
    slow = Link(timeout_s=0.2)
    with pytest.raises(LogUncertain):
        slow.call("BLPOP", "t:nothing-comes-here", 5)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("MISCONF Errors writing to the AOF file: No space left on device", 5002),
        ("OOM command not allowed when used memory > 'maxmemory'", 5002),
        ("READONLY You can't write against a read only replica.", 5002),
        ("ERR something else", 9005),
    ],
)
def test_a_servers_refusal_to_write_is_a_storage_error(text, code):
    assert refusal(redis.ResponseError(text)).code == code


def test_a_read_only_log_refuses_with_5002(name, keys, log):
    log.set(keys.lease, "w")
    log.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(LogRefused) as refused:
            CommandLog(name).append([entry(1)])
    finally:
        log.config_set("min-replicas-to-write", 0)
    assert refused.value.code == 5002
    assert not log.exists(keys.commands)


def append(keys: Keys, fence: int, before: int, *entries: tuple[int, str, bytes]) -> object:
    flat = [item for one in entries for item in one]
    return APPEND_EVENTS.call(Link(), (keys.fence, keys.events), (fence, before, *flat))


def test_events_are_appended_with_their_sequence_as_id(keys, log):
    log.set(keys.fence, 3)
    append(keys, 3, 0, (2, "5-0", b"a"), (7, "6-0", b"b"))
    append(keys, 3, 7, (9, "8-1", b"c"))
    stored = log.xrange(keys.events)
    assert [raw_id for raw_id, _ in stored] == [b"2-0", b"7-0", b"9-0"]
    assert stored[1][1] == {b"c": b"6-0", b"e": b"b"}


def test_an_older_fence_is_turned_away(keys, log):
    log.set(keys.fence, 4)
    with pytest.raises(redis.ResponseError, match="FENCED"):
        append(keys, 3, 0, (1, "1-0", b"a"))
    assert not log.exists(keys.events)


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_gap_or_an_overlap_in_the_sequence_is_turned_away(keys, log, before):
    log.set(keys.fence, 1)
    append(keys, 1, 0, (2, "1-0", b"a"))
    with pytest.raises(redis.ResponseError, match="GAP 2-0"):
        append(keys, 1, before, (before + 1, "2-0", b"b"))
    assert log.xlen(keys.events) == 1


def test_the_last_id_survives_a_trim_of_everything(keys, log):
    log.set(keys.fence, 1)
    append(keys, 1, 0, (2, "1-0", b"a"))
    log.xtrim(keys.events, maxlen=0, approximate=False)
    assert last_stream_id(log, keys.events) == "2-0"
    append(keys, 1, 2, (3, "2-0", b"b"))


def test_a_blocking_read_outlasts_the_writers_timeout(keys):
    with reader_client() as reader:
        assert reader.connection_pool.connection_kwargs["socket_timeout"] is None
        assert reader.xread({keys.events: "0-0"}, block=5_500) in ([], {}, None)
