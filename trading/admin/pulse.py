"""Is the venue alive: worker, readers of the log and how the log is kept, in figures (O-1, A-4a)."""

import time
from typing import Any

import redis
from django.utils.translation import gettext_lazy as _

from exchange_site.streams import Keys, log_client, stream_id
from trading.archive import CUT_EVENTS

OK, WARNING, FAILED = "ok", "warning", "failed"
LATE_MS = 1_000  # a command this old without an event is a fault (O-33)
LATE_EVENTS = 5_000
LATE_ARCHIVE = 2 * CUT_EVENTS  # it writes whole segments, so up to one always waits
READERS = {"projector": _("Projector"), "marketdata": _("Market data"), "archive": _("Archive")}


def part(title: Any, state: str, value: Any, detail: Any = "") -> dict[str, Any]:
    """One tile of the home page."""
    return {"title": title, "state": state, "value": value, "detail": detail}


def parts(venue: str) -> list[dict[str, Any]]:
    """Tiles for one venue; a log that cannot be reached is the only tile."""
    try:
        with log_client() as client:
            return read_parts(client, Keys(venue))
    except redis.RedisError as error:
        return [part(_("Log"), FAILED, _("unreachable"), type(error).__name__)]


def read_parts(client: "redis.Redis", keys: Keys) -> list[dict[str, Any]]:
    """Ask the log's server once and say what its answers mean."""
    pipe = client.pipeline(transaction=False)
    pipe.exists(keys.lease)
    pipe.xrevrange(keys.commands, count=1)
    pipe.xrevrange(keys.events, count=1)
    pipe.hgetall(keys.cursors)
    pipe.config_get("appendfsync")
    pipe.xlen(keys.commands)
    lease, commands, events, cursors, fsync, length = pipe.execute()
    last_seq = stream_id(events[0][0])[0] if events else 0
    return [
        worker(bool(lease), commands, events),
        *readers(cursors, last_seq),
        log_mode(fsync),
        part(_("Log"), OK, f"{length:,}", _("%(seq)s events") % {"seq": f"{last_seq:,}"}),
    ]


def worker(has_lease: bool, commands: Any, events: Any) -> dict[str, Any]:
    """The matching worker: does it hold its lease, how old is the oldest undone command."""
    title = _("Matching worker")
    if not has_lease:
        return part(title, FAILED, _("not running"))
    behind = behind_ms(commands, events)
    state = WARNING if behind > LATE_MS else OK
    return part(title, state, _("running"), _("%(ms)s ms behind") % {"ms": behind})


def behind_ms(commands: Any, events: Any) -> int:
    """Milliseconds since the newest command, 0 when its events are out."""
    if not commands:
        return 0
    newest = stream_id(commands[0][0])
    done = stream_id(events[0][1].get(b"c", b"0-0")) if events else (0, 0)
    return 0 if done >= newest else max(0, int(time.time() * 1000) - newest[0])


def readers(cursors: dict[bytes, bytes], last_seq: int) -> list[dict[str, Any]]:
    """The readers that have a cursor, and how many events each is behind."""
    found = []
    for name, title in READERS.items():
        cursor = cursors.get(name.encode())
        if cursor is None:
            if name == "projector":
                found.append(part(title, FAILED, _("not running")))
            continue
        behind = max(0, last_seq - stream_id(cursor)[0])
        late = LATE_ARCHIVE if name == "archive" else LATE_EVENTS
        state = WARNING if behind > late else OK
        found.append(part(title, state, _("%(count)s events behind") % {"count": f"{behind:,}"}))
    return found


def log_mode(fsync: dict[Any, Any]) -> dict[str, Any]:
    """How the log reaches the disk; anything but `always` may lose acknowledged orders (A-4a)."""
    values = [value.decode() if isinstance(value, bytes) else value for value in fsync.values()]
    mode = values[0] if values else "?"
    safe = mode == "always"
    detail = "" if safe else _("acknowledged orders can be lost")
    return part(_("Log on disk"), OK if safe else WARNING, mode, detail)
