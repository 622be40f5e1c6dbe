"""What the watcher finds from outside: the log, its readers, files, jobs, the calendar (O-30).

Every figure is looked up when it is read; a server that does not answer leaves its figures
out and shows as a part that is down.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import psutil
import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError

from accounts.models import MoneyRequest
from exchange_site import health
from exchange_site.metrics.meter import Sample
from exchange_site.stamps import BEAT_KEY, CANARY_KEY
from exchange_site.streams import Keys, cache_client, last_stream_id, log_client, stream_id
from monitoring.disk import files
from monitoring.models import Alert, AlertState
from settlement.models import Job
from trading import session_watch
from trading.archive import SUFFIX as SEGMENT
from trading.archive import folder_of
from trading.choices import RiskLevel
from trading.codec import decode_events
from trading.engine.sessions import midnight_ns
from trading.models import RiskNotice, SettlementDay, TradingAccount, Venue
from trading.worker import snapshot_store

READERS = ("projector", "marketdata", "archive")
FRESH_S = 5.0
_NOT_OK = {"failed": 0.0, "ok": 1.0}


def samples(venue: str) -> list[Sample]:
    """Everything that can be found now."""
    parts: tuple[Callable[[str], Iterable[Sample]], ...] = (
        part_samples, log_samples, file_samples, stamp_samples, table_samples,
    )  # fmt: skip
    found: list[Sample] = []
    for part in parts:
        try:
            found += part(venue)
        except (redis.RedisError, DatabaseError, OSError, Venue.DoesNotExist):
            continue  # the part's own `exchange_part_up` says so
    return found


def part_samples(venue: str) -> Iterable[Sample]:
    """The parts of /health; those that start or are off say nothing."""
    parts = health.report(venue)
    for name, part in parts.items():
        if part["status"] in _NOT_OK:
            yield "exchange_part_up", {"part": name}, _NOT_OK[part["status"]]
    writes = parts["log"].get("aof_last_write")
    if writes is not None:
        yield "exchange_log_write_ok", {}, float(writes == "ok")


def log_samples(venue: str) -> Iterable[Sample]:
    """Streams, and how old the oldest thing is that each of their readers has not done."""
    keys = Keys(venue)
    with log_client() as client:
        for name, key in (("commands", keys.commands), ("events", keys.events)):
            yield "exchange_log_entries", {"part": name}, client.xlen(key)
            yield "exchange_log_bytes", {"part": name}, client.memory_usage(key, samples=5) or 0
        last = stream_id(last_stream_id(client, keys.events))[0]
        yield "exchange_worker_lag_seconds", {}, command_lag_s(client, keys)
        cursors: Any = client.hgetall(keys.cursors)
        for name in READERS:
            if name.encode() in cursors:
                seq = stream_id(cursors[name.encode()])[0]
                yield "exchange_events_behind", {"part": name}, max(0, last - seq)
                if name != "archive":
                    yield f"exchange_{name}_lag_seconds", {}, event_lag_s(client, keys, seq)


def command_lag_s(client: "redis.Redis", keys: Keys) -> float:
    """How long the oldest command has waited that the worker has not applied; 0 when none has.

    Commands without events leave no trace in the event stream: the worker's own report of each
    second tells of them, and counts at the time it was made while it is fresh.
    """
    newest: Any = client.xrevrange(keys.events, count=1)
    status: Any = client.hmget(keys.status, "command_id", "time_ms")
    published = newest[0][1].get(b"c", b"0-0") if newest else b"0-0"
    done = max(published, status[0] or b"0-0", key=stream_id).decode()
    waiting: Any = client.xrange(keys.commands, f"({done}", count=1)
    if not waiting:
        return 0.0
    now, told = time.time(), int(status[1] or 0) / 1_000
    at = told if now - told <= FRESH_S else now
    return max(0.0, at - stream_id(waiting[0][0])[0] / 1_000)


def event_lag_s(client: "redis.Redis", keys: Keys, seq: int) -> float:
    """Age of the first event above a sequence; 0 when there is none."""
    waiting: Any = client.xrange(keys.events, f"{seq + 1}-0", count=1)
    if not waiting:
        return 0.0
    event = next((e for e in decode_events(waiting[0][1][b"e"]) if e[0] > seq), None)
    return 0.0 if event is None else max(0.0, time.time() - event[3] / 1e9)


def file_samples(venue: str) -> Iterable[Sample]:
    """Snapshots, archive and the disk."""
    usage = psutil.disk_usage(str(settings.DATA_DIR))
    yield "exchange_disk_free_ratio", {}, usage.free / usage.total
    for path in snapshot_store(venue).paths()[:1]:
        found = path.stat()
        yield "exchange_snapshot_age_seconds", {}, max(0.0, time.time() - found.st_mtime)
        yield "exchange_snapshot_size_bytes", {}, found.st_size
    count, size = files(folder_of(venue), f"*{SEGMENT}")
    yield "exchange_archive_segments", {}, count
    yield "exchange_archive_bytes", {}, size


def stamp_samples(venue: str) -> Iterable[Sample]:
    """Celery's signs of life and its queue."""
    if not settings.JOBS:
        return
    queue = (
        f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}{current_app.conf.task_default_queue}"
    )
    with cache_client() as client:
        stamps = {"beat": client.get(BEAT_KEY), "celery_canary": client.get(CANARY_KEY)}
        waiting: Any = client.llen(queue)
    for name, value in stamps.items():
        if value is not None:
            yield f"exchange_{name}_age_seconds", {}, max(0.0, time.time() - float(value))
    yield "exchange_celery_queue_length", {}, waiting


def table_samples(venue: str) -> Iterable[Sample]:
    """Jobs, settlement, calendar, approvals, accounts at risk, alerts."""
    for job in Job.objects.filter(venue=venue):
        yield "exchange_jobs_total", {"part": job.name}, job.runs
        yield "exchange_job_failures_total", {"part": job.name}, job.failures
    living = Alert.objects.filter(venue=venue).exclude(state=AlertState.CLOSED)
    yield "exchange_alerts_open", {}, living.count()
    row = Venue.objects.get(code=venue)
    yield "exchange_pending_approvals", {}, pending_approvals(row)
    yield "exchange_calendar_days_left", {}, session_watch.days_ahead(row)
    due_ns = midnight_ns(row.trading_day) + row.settlement_minute * 60 * 10**9
    yield "exchange_settlement_late_seconds", {}, max(0.0, time.time() - due_ns / 1e9)
    took_s = settlement_took_s(row)
    if took_s is not None:
        yield "exchange_settlement_duration_seconds", {}, took_s
    for level, count in at_risk(row).items():
        yield "exchange_accounts_at_risk", {"part": level.lower()}, count


def pending_approvals(row: Venue) -> int:
    """Money requests and accounts that wait for somebody."""
    money = MoneyRequest.objects.filter(venue=row.code, state=MoneyRequest.PENDING).count()
    return money + TradingAccount.objects.filter(venue=row, status="PENDING").count()


def settlement_took_s(row: Venue) -> float | None:
    """How long the newest finished settlement took; None without one."""
    done = SettlementDay.objects.filter(venue=row, state="DONE").order_by("-trading_day").first()
    if done is None or not done.finished_ns or not done.begun_ns:
        return None
    return float(done.finished_ns - done.begun_ns) / 1e9


def at_risk(row: Venue) -> dict[str, int]:
    """Accounts whose newest notice put them above the lowest level, by level."""
    levels = [value for value, _label in RiskLevel.choices]
    counts = dict.fromkeys(levels[1:], 0)
    newest = (
        RiskNotice.objects.filter(venue=row, level__in=levels, kind__in=("alert", "margin_call"))
        .order_by("account_id", "-id")
        .distinct("account_id")
    )
    for level in newest.values_list("level", flat=True):
        if level in counts:
            counts[level] += 1
    return counts
