"""May new opening orders come in, or is something too far behind? (A-8a)

Asked by services before they append an opening order; cancels and closes are never
stopped. One look a second a process.
"""

import shutil
import threading
import time
from typing import Any

import redis
from django.conf import settings

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys, last_stream_id, log_client, stream_id
from trading.codec import decode_events
from trading.engine.codes import OK, SERVICE_UNAVAILABLE, STORAGE_ERROR

MAX_EVENTS_BEHIND = 200_000
MAX_SECONDS_BEHIND = 60
MAX_LOG_BYTES = 2 << 30
LEAST_FREE_BYTES = 512 << 20
CACHED_S = 1.0

_lock = threading.Lock()
_cached: dict[str, tuple[float, int, str]] = {}


def opening_allowed(venue: str) -> bool:
    """May new opening orders be appended? At most a second old."""
    return _look(venue)[0] == OK


def check_opening_allowed(venue: str) -> None:
    """Raise ExchangeError 9005, or 5002 when the disk is nearly full."""
    code, reason = _look(venue)
    if code != OK:
        raise ExchangeError(code, {"reason": reason})


def _look(venue: str) -> tuple[int, str]:
    with _lock:
        cached = _cached.get(venue)
        if cached is None or time.monotonic() - cached[0] >= CACHED_S:
            code, reason = measure(venue)
            _cached[venue] = cached = (time.monotonic(), code, reason)
        return cached[1], cached[2]


def forget() -> None:
    """Look anew at the next call."""
    with _lock:
        _cached.clear()


def measure(venue: str) -> tuple[int, str]:
    """(code, reason) now; a log that cannot be asked is 9005."""
    if shutil.disk_usage(settings.DATA_DIR).free < LEAST_FREE_BYTES:
        return STORAGE_ERROR, "less than 512 MiB of disk are free"
    keys = Keys(venue)
    try:
        with log_client() as client:
            reason = _projector_lag(client, keys) or _log_size(client, keys)
    except redis.RedisError as error:
        reason = f"the log does not answer: {error}"
    return (SERVICE_UNAVAILABLE, reason) if reason else (OK, "")


def _projector_lag(client: redis.Redis, keys: Keys) -> str:
    """Why the projector is too far behind; "" when it is not, or has never run here."""
    raw: Any = client.hget(keys.cursors, "projector")
    if raw is None:
        return ""
    seq = int(raw)
    behind = stream_id(last_stream_id(client, keys.events))[0] - seq
    if behind > MAX_EVENTS_BEHIND:
        return f"the projector is {behind} events behind"
    if behind <= 0:
        return ""
    waiting: Any = client.xrange(keys.events, f"{seq + 1}-0", count=1)
    if not waiting:
        return ""
    event = next((e for e in decode_events(waiting[0][1][b"e"]) if e[0] > seq), None)
    age_s = 0 if event is None else time.time() - event[3] / 1e9
    return f"the projector is {age_s:.0f} s behind" if age_s > MAX_SECONDS_BEHIND else ""


def _log_size(client: redis.Redis, keys: Keys) -> str:
    used = sum(client.memory_usage(key, samples=5) or 0 for key in (keys.commands, keys.events))
    return f"the log holds {used >> 20} MiB untrimmed" if used > MAX_LOG_BYTES else ""
