"""`/health`: is every part of the exchange at work (A-33)?"""

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from exchange_site.stamps import BEAT_KEY, CANARY_KEY
from exchange_site.streams import Keys, cache_client, last_stream_id, log_client, stream_id
from trading.codec import decode_events

OK, FAILED, OFF, STARTING = "ok", "failed", "off", "starting"
WORKER_STALE_MS = 5_000
PROJECTOR_BEHIND_EVENTS = 200_000
PROJECTOR_STALL_S = 60
WORKER_LAG_MS = 5_000
STARTING_S = 60.0
STAMP_STALE_S = 120.0
STARTED = time.monotonic()
"""When this process began to look; for a minute a part may still be on its way."""
_seen: set[str] = set()
"""Parts that were ok before: they have started, and are missed when they go."""
MIN_FREE_BYTES = 512 << 20

Part = dict[str, Any]


def health_live(request: HttpRequest) -> JsonResponse:
    """The process alone."""
    return JsonResponse({"status": OK})


def health(request: HttpRequest) -> JsonResponse:
    """200 when every part is ok, starting or off, else 503 naming the failed ones."""
    parts = report(settings.VENUE)
    failed = [name for name, part in parts.items() if part["status"] == FAILED]
    body = {
        "status": FAILED if failed else OK,
        "failed": failed,
        "venue": settings.VENUE,
        "venue_mode": settings.VENUE_MODE,
        "log_fsync": settings.LOG_FSYNC,
        "parts": parts,
    }
    return JsonResponse(body, status=503 if failed else 200)


def report(venue: str) -> dict[str, Part]:
    """Status of every part of a venue."""
    parts = {
        "database": _guarded(_database),
        "disk": _guarded(_disk),
        "cache": _guarded(_cache),
        "log": _guarded(_log),
    }
    parts |= _venue_parts(venue, parts["log"]["status"] == OK)
    if settings.JOBS:
        parts |= {
            "celery": _guarded(lambda: _stamped(CANARY_KEY)),
            "beat": _guarded(lambda: _stamped(BEAT_KEY)),
        }
    parts["feed"] = _guarded(lambda: _feed(venue))
    for name in ("market_data", "beat", "celery"):
        parts.setdefault(name, {"status": OFF})
    for name, part in parts.items():
        if part["status"] == STARTING and name in _seen:
            part["status"] = FAILED
    _seen.update(name for name, part in parts.items() if part["status"] == OK)
    return parts


def _guarded(part: Callable[[], Part]) -> Part:
    try:
        return part()
    except (redis.RedisError, DatabaseError, OSError) as error:
        return {"status": FAILED, "error": type(error).__name__}


def _database() -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"status": OK}


def _disk() -> Part:
    free = shutil.disk_usage(settings.DATA_DIR).free
    return {"status": OK if free >= MIN_FREE_BYTES else FAILED, "free_bytes": free}


def _cache() -> Part:
    client = cache_client()
    try:
        client.ping()
    finally:
        client.close()
    return {"status": OK}


def _stamped(key: str) -> Part:
    """A part that writes the time under a key; too old a time is a failure (R2.7)."""
    with cache_client() as client:
        value: Any = client.get(key)
    age_s = time.time() - float(value or 0)
    if age_s <= STAMP_STALE_S:
        return {"status": OK, "age_s": round(age_s, 1)}
    return _absent("no sign of life", **({"age_s": round(age_s, 1)} if value else {}))


def _feed(venue: str) -> Part:
    """The feed told lately, and is connected while its calendar wants it; off where none is due (A-33)."""
    with cache_client() as client:
        told: Any = client.get(f"{Keys(venue).prefix}feed:status")
    if not told:
        return {"status": OFF} if settings.ENV.FEED == "off" else _absent("no feed has told of itself")
    status = json.loads(told)
    states, rows = status["states"], status["connections"]
    ages = [row["last_tick_s"] for row in rows if row["last_tick_s"] is not None]
    up = states.get("LOGGED_IN", 0)
    figures: Part = {
        "kind": status["kind"],
        "connections": len(rows),
        "logged_in": up,
        "symbols": status["assigned"],
        "waiting": status["waiting"],
        "last_tick_s": min(ages, default=None),
        "age_s": round(max(0.0, time.time() - status["time_ms"] / 1_000), 1),
    }
    if not status["is_open"]:
        return {"status": OFF, **figures, "reason": "outside the connect window"}
    return {"status": OK, **figures} if up else _absent("no connection is logged in", **figures)


def _log() -> Part:
    """The log answers, writes, and keeps what it was told to keep."""
    client = log_client()
    try:
        info: Any = client.info("persistence")
        policy: Any = client.config_get("maxmemory-policy")
    finally:
        client.close()
    sound = (
        info.get("aof_last_write_status", "ok") == "ok"
        and bool(info.get("aof_enabled"))
        and policy.get("maxmemory-policy", "noeviction") == "noeviction"
    )
    return {
        "status": OK if sound else FAILED,
        "aof_enabled": bool(info.get("aof_enabled")),
        "aof_last_write": info.get("aof_last_write_status", "unknown"),
        "maxmemory_policy": policy.get("maxmemory-policy", "unknown"),
    }


def _venue_parts(venue: str, log_answers: bool) -> dict[str, Part]:
    if not log_answers:
        unknown = {"status": FAILED, "error": "the log does not answer"}
        return {"worker": unknown, "projector": dict(unknown)}
    keys = Keys(venue)
    client = log_client()
    try:
        lease: Any = client.get(keys.lease)
        status: Any = client.hgetall(keys.status)
        cursors: Any = client.hgetall(keys.cursors)
        events = stream_id(last_stream_id(client, keys.events))[0]
        waiting_ns = _oldest_unread_ns(client, keys, cursors, b"projector")
        untold_ns = _oldest_unread_ns(client, keys, cursors, b"marketdata")
        newest = last_stream_id(client, keys.commands)
    except redis.RedisError as error:
        failed = {"status": FAILED, "error": type(error).__name__}
        return {"worker": failed, "projector": dict(failed)}
    finally:
        client.close()
    return {
        "worker": _worker(lease, status, newest),
        "projector": _projector(events, cursors, waiting_ns),
        "market_data": _market_data(events, cursors, untold_ns),
    }


def _oldest_unread_ns(client: "redis.Redis", keys: Keys, cursors: dict[bytes, bytes], reader: bytes) -> int:
    """Log time of the first event that a reader has not stored; 0 without one, or without the reader."""
    if reader not in cursors:
        return 0
    done = stream_id(cursors[reader])[0]
    entries: Any = client.xrange(keys.events, f"{done + 1}-0", count=1)
    if not entries:
        return 0
    events = decode_events(entries[0][1][b"e"])
    return next((int(event[3]) for event in events if event[0] > done), 0)


def _absent(error: str, **figures: Any) -> Part:
    """A part that is not there: on its way while this process is young, else failed."""
    is_young = time.monotonic() - STARTED < STARTING_S
    return {"status": STARTING if is_young else FAILED, "error": error, **figures}


def _worker(lease: bytes | None, status: dict[bytes, bytes], newest: str) -> Part:
    """The worker holds its lease, reports each second, keeps up, and log time is the clock's."""
    if lease is None:
        return _absent("no worker holds the lease")
    age_ms = int(time.time() * 1_000) - int(status.get(b"time_ms", b"0"))
    clock = status.get(b"clock", b"ok").decode()
    applied = status.get(b"command_id", b"0-0")
    lag_ms = max(0, stream_id(newest)[0] - stream_id(applied)[0])
    sound = abs(age_ms) <= WORKER_STALE_MS and lag_ms <= WORKER_LAG_MS and clock == "ok"
    return {
        "status": OK if sound else FAILED,
        "report_age_ms": age_ms,
        "lag_ms": lag_ms,
        "clock": clock,
        "clock_behind_ms": int(status.get(b"clock_behind_ms", b"0")),
        "event_seq": int(status.get(b"event_seq", b"0")),
        "trading_day": int(status.get(b"trading_day", b"0")),
        "bad_snapshots": int(status.get(b"bad_snapshots", b"0")),
    }


def _projector(events: int, cursors: dict[bytes, bytes], waiting_ns: int) -> Part:
    """The tables follow the events within A-8a's bounds."""
    if b"projector" not in cursors:
        return _absent("no projector has reported", events_behind=events)
    return _reader(events, cursors[b"projector"], waiting_ns)


def _market_data(events: int, cursors: dict[bytes, bytes], waiting_ns: int) -> Part:
    """Ticks and bars follow the events within the same bounds; off where they were never recorded."""
    if b"marketdata" not in cursors:
        return {"status": OFF}
    return _reader(events, cursors[b"marketdata"], waiting_ns)


def _reader(events: int, cursor: bytes, waiting_ns: int) -> Part:
    behind = max(0, events - stream_id(cursor)[0])
    waits_s = max(0.0, time.time() - waiting_ns / 10**9) if waiting_ns else 0.0
    late = behind > PROJECTOR_BEHIND_EVENTS or waits_s > PROJECTOR_STALL_S
    return {
        "status": FAILED if late else OK,
        "events_behind": behind,
        "seconds_behind": round(waits_s, 1),
    }
