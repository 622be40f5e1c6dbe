"""What the worker does beside matching: status, snapshots, trimming (A-8, A-44)."""

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

from exchange_site.streams import Keys, Link, stream_id
from trading.engine.state import ENGINE_VERSION, State
from trading.logclock import LogClock
from trading.snapshots import Snapshots

STATUS_S = 1.0
TRIM_S = 5.0
KEPT_EVENTS = 20_000
"""Events kept below every cursor, for processes that follow the stream without one."""


def trim_bounds(cursors: dict[str, str]) -> tuple[str | None, int | None]:
    """(least command id, least event sequence) that must stay; None: nothing may go (A-8).

    Without the archive nothing is trimmed; without the projector no event is. Every further
    entry counts as a reader of events.
    """
    archived = cursors.get("archive:commands")
    snapshots = [value for name, value in cursors.items() if name.startswith("snapshot:")]
    commands = None
    if archived is not None and snapshots:
        commands = min((*snapshots, archived), key=stream_id)
    readers = [
        stream_id(value)[0]
        for name, value in cursors.items()
        if not name.startswith("snapshot:") and name != "archive:commands"
    ]
    if "projector" not in cursors or "archive" not in cursors:
        return commands, None
    least = min(readers) - KEPT_EVENTS
    return commands, least if least > 0 else None


class Housekeeping:
    """Decides what is due; the worker's loop sends it."""

    def __init__(self, keys: Keys, snapshots: Snapshots, snapshot_s: float, snapshot_commands: int) -> None:
        self.keys = keys
        self.snapshots = snapshots
        self.snapshot_s = snapshot_s
        self.snapshot_commands = snapshot_commands
        self.host = socket.gethostname()
        self.next_at = 0.0
        self.trading_day = 0
        """As last told; the archive names its folders by it."""
        self.commands = 0
        self.bad_snapshots = 0
        self._next_trim = 0.0
        self._snapshot_at = 0.0
        self._snapshot_count = 0
        self._snapshot_asked = False
        self._snapshot_seq = 0

    def started(self, state: State, link: Link) -> None:
        """Record which engine version publishes from now on (A-14)."""
        link.call(
            "HSET", self.keys.status, "engine_version", ENGINE_VERSION, "host", self.host,
            "pid", os.getpid(), "started_ms", time.time_ns() // 1_000_000, "clock", "ok",
        )  # fmt: skip
        self._snapshot_at = time.monotonic()
        self._snapshot_seq = state.event_seq if self.snapshots.paths() else 0

    def calls(self, now: float, state: State, clock: LogClock) -> Iterator[tuple[Any, ...]]:
        """The status and snapshot cursor, each second."""
        self.next_at = now + STATUS_S
        self.trading_day = state.trading_day
        yield (
            "HSET", self.keys.status,
            "time_ms", clock.now_ns() // 1_000_000, "event_seq", state.event_seq,
            "command_id", state.last_stream_id, "log_time_ns", state.time_ns,
            "trading_day", state.trading_day, "commands", self.commands,
            "clock_behind_ms", clock.behind_ms(state), "bad_snapshots", self.bad_snapshots,
            "has_work", int(state.has_work()),
        )  # fmt: skip
        oldest = self.snapshots.oldest_command_id()
        if oldest != "0-0":
            yield ("HSET", self.keys.cursors, f"snapshot:{self.host}", oldest)

    def trim_is_due(self, now: float) -> bool:
        if now < self._next_trim:
            return False
        self._next_trim = now + TRIM_S
        return True

    def trims(self, flat: list[bytes]) -> Iterator[tuple[Any, ...]]:
        """Trims of both streams below the least cursor of this HGETALL answer."""
        texts = [item.decode("ascii", "replace") for item in flat]
        commands, events = trim_bounds(dict(zip(texts[::2], texts[1::2], strict=True)))
        if commands is not None:
            yield ("XTRIM", self.keys.commands, "MINID", "~", commands)
        if events is not None:
            yield ("XTRIM", self.keys.events, "MINID", "~", f"{events}-0")

    def ask_snapshot(self, payload: dict[str, Any]) -> dict[str, bool]:
        """An operator wants one at the next turn, if anything happened since the last (O-21)."""
        self._snapshot_asked = True
        return {"asked": True}

    def snapshot_is_due(self, now: float, state: State) -> bool:
        """Every 30 s or 200 000 commands, when anything happened, one at a time (A-44)."""
        if not state.venue or state.event_seq == self._snapshot_seq:
            return False
        is_old = now - self._snapshot_at >= self.snapshot_s
        is_long = self.commands - self._snapshot_count >= self.snapshot_commands
        if not (is_old or is_long or self._snapshot_asked) or self.snapshots.is_writing():
            return False
        self._snapshot_seq = state.event_seq
        self._snapshot_asked = False
        return True

    def snapshot_begun(self, now: float) -> None:
        self._snapshot_at = now
        self._snapshot_count = self.commands
