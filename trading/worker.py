"""The matching worker: the only writer of a venue's trading state (A-2, A-4, A-6, A-9).

One loop on one connection. The append of a batch's events travels with the read of the
next batch; while the log is busy the read goes out before the batch is applied, so that
the core works while the server syncs its disk. Whatever the loop cannot explain ends it.
"""

import gc
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
import structlog
from django.conf import settings

from exchange_site.streams import (
    APPEND_EVENTS,
    RENEW_LEASE,
    Fenced,
    Keys,
    Link,
    LogRefused,
    LogUncertain,
    SequenceGap,
    stream_id,
)
from trading.engine.state import State
from trading.entries import Applier, Entry, EventEntry, ImpossibleState
from trading.housekeeping import Housekeeping
from trading.lease import RENEW_S, Lease
from trading.logclock import LogClock, TickSchedule
from trading.quotes_writer import QuoteWriter
from trading.recovery import (
    LogBehind,
    Recovery,
    check_ends,
    check_version,
    read_ends,
    read_quarantine,
)
from trading.snapshots import Snapshots
from trading.worker_figures import WorkerFigures

READ_COUNT = 500
AHEAD_FROM = 48
"""A batch of at least so many commands: the log is busy, read ahead."""
BATCH_S = 0.05
"""Longest time between two looks at the log, and so at the lease."""
MAX_BLOCK_MS = 100

DRAIN_WITHOUT_LOG_S = 5.0
"""How long a stopping worker waits for a log that is away."""

_AWAY = (LogRefused, LogUncertain, redis.ConnectionError, redis.TimeoutError)

log = structlog.get_logger(__name__)


def data_folder() -> Path:
    """Where this site keeps its files."""
    return Path(settings.DATA_DIR)


def snapshot_store(venue: str) -> Snapshots:
    """The snapshots of a venue on this host."""
    root = data_folder()
    return Snapshots(root / "snapshots" / venue, root / "archive" / venue / "snapshots")


class Worker:
    """One venue's matching worker; `run` returns when it is told to stop."""

    def __init__(self, venue: str, *, snapshot_s: float = 30.0, snapshot_commands: int = 200_000) -> None:
        self.keys = Keys(venue)
        self.lease = Lease(self.keys)
        self.fence = 0
        self.published = 0
        """Sequence of the last event known to be in the stream."""
        self.snapshots = snapshot_store(venue)
        self.clock = LogClock()
        self.ticks = TickSchedule()
        self.quotes = QuoteWriter(venue)
        self.house = Housekeeping(self.keys, self.snapshots, snapshot_s, snapshot_commands)
        self.figures = WorkerFigures()
        self.ready = False
        self.stopping = False
        self.applier = Applier(State())
        self._link = Link()
        self._expected: deque[Callable[[Any], None]] = deque()
        self._entries: list[Entry] | None = None
        self._reading = False
        self._unacked: deque[tuple[int, int, list[bytes]]] = deque()
        self._held = False
        self._upgraded = False

    @property
    def state(self) -> State:
        return self.applier.state

    def stop(self, *_: Any) -> None:
        """Drain at the next turn: publish, snapshot, release the lease."""
        self.stopping = True

    # ------------------------------------------------------------------- start

    def run(self) -> None:
        """Recover, take the lease, work until stopped.

        Raises CannotStart (LogBehind, EventsDiffer, LeaseHeld), ImpossibleState, Fenced,
        SequenceGap, LeaseLost.
        """
        try:
            self.start()
            while not self.stopping:
                self._turn()
            self._drain()
        finally:
            self._close()

    def start(self) -> None:
        """Everything up to the first turn."""
        self.lease.await_free(self._link)
        gc.disable()  # a replay makes millions of objects that stay
        recovery = self._recover()
        self.lease.take(self._link)
        self.fence = int(self._link.call("INCR", self.keys.fence))
        recovery.events_end = read_ends(self._link, self.keys).events
        recovery.run()  # what the one before us still did
        recovery.close()
        self.published = recovery.events_end
        self._load_scripts()
        self._publish(recovery.unpublished())
        self._settle()
        self.clock.start(self._server_ms())
        self.house.started(self.state, self._link)
        if self._upgraded:
            self.snapshots.write(self.state)
        self._warm()
        self.ready = True
        log.info(
            "worker_started", venue=self.keys.venue, fence=self.fence,
            event_seq=self.state.event_seq, replayed=recovery.commands,
        )  # fmt: skip

    def _load_scripts(self) -> None:
        for script in (APPEND_EVENTS, RENEW_LEASE):
            script.load(self._link)

    def _warm(self) -> None:
        """All quotes are due; what is alive now is left out of collections for good (A-46)."""
        self.state.dirty_quotes.update(dict.fromkeys(self.state.instruments))
        self.state.public_trades.clear()
        gc.collect()
        gc.freeze()

    def _recover(self) -> Recovery:
        """Snapshot and replay to the log's present end."""
        ends = read_ends(self._link, self.keys)
        found = self.snapshots.newest(self._report_bad)
        state = found.state if found else State()
        check_ends(state, ends)
        check_version(state, ends)
        quarantined = read_quarantine(self._link, self.keys)
        recovery = Recovery(self.keys, state, quarantined, ends.events)
        self.applier = recovery.applier
        self._upgraded = recovery.upgrade_if_due()
        recovery.run()
        return recovery

    def _report_bad(self, path: Path, reason: str) -> None:
        log.error("snapshot_bad", venue=self.keys.venue, file=path.name, reason=reason)
        self.house.bad_snapshots += 1

    def _server_ms(self) -> int:
        seconds, micros = self._link.call("TIME")
        return int(seconds) * 1_000 + int(micros) // 1_000

    # -------------------------------------------------------------------- loop

    def _turn(self) -> None:
        """Take a batch, apply it, publish; survive a server that goes away meanwhile."""
        try:
            if self._held:
                self._held_turn()
                return
            entries = self._take_entries()
            if entries:
                self._apply(entries)
            self._send_turn()
            self._show(len(entries) >= AHEAD_FROM)
        except _AWAY as error:
            self._reconnect(error)

    def _take_entries(self) -> list[Entry]:
        """The next batch; waits for it when a read is on its way."""
        while self._entries is None and self._reading:
            self._read_reply()
        entries, self._entries = self._entries or [], None
        if entries and self.clock.is_ahead(entries[-1][0], self.state.last_stream_id):
            self._hold()
            return []
        return entries

    def _apply(self, entries: list[Entry]) -> None:
        """Apply a batch; a long one only as far as the lease allows."""
        if len(entries) >= AHEAD_FROM and not self._reading and self._entries is None:
            self._send_read(entries[-1][0], 0)
        began = time.perf_counter()
        try:
            done = self.applier.apply_entries(entries, time.monotonic() + BATCH_S)
        except ImpossibleState:
            self._publish(self.applier.take())
            self._settle()
            raise
        self.figures.applied(self.applier.events, done, time.perf_counter() - began)
        self.house.commands += done
        if done < len(entries):
            self._put_back(entries[done:])
        self._publish(self.applier.take())

    def _put_back(self, rest: list[Entry]) -> None:
        """Commands for the next turn; a batch read ahead comes after them."""
        while self._entries is None and self._reading:
            self._read_reply()
        self._entries = rest + (self._entries or [])

    def _send_turn(self) -> None:
        """What is due beside the batch, and the next read unless one is under way."""
        now = time.monotonic()
        if now >= self.lease.renew_at:
            self._send_renewal(now)
        if now >= self.house.next_at or self.state.trading_day != self.house.trading_day:
            self._keep_house(now)
        now_ns = self.clock.now_ns()
        if self.ticks.is_due(self.state, now_ns):
            self._send_tick(now_ns)
        if not self._reading and self._entries is None:
            self._send_read(self.state.last_stream_id, self._block_ms(now_ns))

    def _block_ms(self, now_ns: int) -> int:
        wait_ms = min(MAX_BLOCK_MS, self.ticks.wait_ms(self.state, now_ns))
        if self.state.dirty_quotes:
            wait_ms = min(wait_ms, 20)
        return max(1, wait_ms)

    def _show(self, is_busy: bool) -> None:
        """Quotes and trades of events that are out (M-2)."""
        if self.quotes.is_due(self.state, is_busy):
            while self._unacked:
                self._read_reply()
            self.quotes.write(self.state)

    def _keep_house(self, now: float) -> None:
        """Each second: status, clock; now and then a snapshot and a trim."""
        self._send(self._on_time, "TIME")
        for arguments in self.house.calls(now, self.state, self.clock):
            self._send(_ignore, *arguments)
        if self.house.trim_is_due(now):
            self._send(self._on_cursors, "HGETALL", self.keys.cursors)
        if self.house.snapshot_is_due(now, self.state):
            self._settle()
            if self.snapshots.begin(self.state):
                self.house.snapshot_begun(now)

    def _on_time(self, answer: Any) -> None:
        self.clock.observe(int(answer[0]) * 1_000 + int(answer[1]) // 1_000)
        if self.clock.has_jumped:
            self._hold()

    def _on_cursors(self, answer: Any) -> None:
        for arguments in self.house.trims(answer):
            self._send(_ignore, *arguments)

    # ----------------------------------------------------------- clock (T-22)

    def _hold(self) -> None:
        """Log time has jumped ahead: nothing is applied until an operator confirms it."""
        if not self._held:
            log.error("log_clock_jumped", venue=self.keys.venue, ahead_ms=self.clock.ahead_ms)
        self._held = True

    def _held_turn(self) -> None:
        """Keep the lease, marked HELD, and look for the operator's word."""
        self._settle()
        self._entries = None
        self._send_renewal(time.monotonic())
        self._send(_ignore, "HSET", self.keys.status, "clock", "held")
        self._send(self._on_confirmation, "HGET", self.keys.status, "clock_confirmed")
        self._settle()
        if self._held:
            time.sleep(RENEW_S / 2)

    def _on_confirmation(self, answer: bytes | None) -> None:
        if answer is not None:
            self._held = False
            self.clock.confirm()
            self._send(_ignore, "HDEL", self.keys.status, "clock_confirmed")
            self._send(_ignore, "HSET", self.keys.status, "clock", "ok")
            self._send_renewal(time.monotonic())

    # ---------------------------------------------------------------- the wire

    def _send(self, reply: Callable[[Any], None], *arguments: Any) -> None:
        self._link.send(self._link.pack(*arguments))
        self._expected.append(reply)

    def _read_reply(self) -> None:
        """Read the next answer and give it to the one who expects it."""
        reply = self._expected[0]
        try:
            answer = self._link.read()
        except redis.ResponseError as error:
            self._expected.popleft()
            self._fail(error)
        else:
            self._expected.popleft()
            reply(answer)

    def _fail(self, error: redis.ResponseError) -> None:
        """An error answer: fenced, a gap, or a server that cannot write now."""
        text = str(error)
        if text.startswith("FENCED"):
            raise Fenced(f"venue {self.keys.venue}: another worker has started")
        if text.startswith("GAP"):
            first = self._unacked[0][0] if self._unacked else self.state.event_seq + 1
            raise SequenceGap(f"the event stream ends at {text[4:]}, event {first} does not follow")
        raise LogUncertain(text)

    def _settle(self) -> None:
        """Read every outstanding answer; a batch that comes with them is kept."""
        while self._expected:
            self._read_reply()

    def _send_read(self, after: str | bytes, block_ms: int) -> None:
        block = ("BLOCK", block_ms) if block_ms else ()
        self._send(self._on_read, "XREAD", "COUNT", READ_COUNT, *block, "STREAMS", self.keys.commands, after)
        self._reading = True

    def _on_read(self, answer: Any) -> None:
        self._reading = False
        self._entries = answer[0][1] if answer else []

    def _publish(self, entries: list[EventEntry]) -> None:
        """Append a batch's entries in one fenced call (A-6a)."""
        if not entries:
            return
        last_seq = entries[-1][0]
        before = self._unacked[-1][1] if self._unacked else self.published
        flat = [item for entry in entries for item in entry]
        packed = self._link.pack(
            "EVALSHA", APPEND_EVENTS.sha, 2, self.keys.fence, self.keys.events,
            self.fence, before, *flat,
        )  # fmt: skip
        self._unacked.append((before + 1, last_seq, packed))
        self.figures.sent(last_seq)
        self._link.send(packed)
        self._expected.append(self._on_published)

    def _on_published(self, _: Any) -> None:
        self.published = self._unacked.popleft()[1]
        self.figures.published(self.published)

    def _send_renewal(self, now: float) -> None:
        self._send(self.lease.check, *self.lease.renewal(now, self._held))

    def _send_tick(self, now_ns: int) -> None:
        self._send(
            _ignore, "XADD", self.keys.commands, "*", "t", "Tick", "v", 1,
            "i", os.urandom(16).hex(), "o", "worker", "u", "", "p", b"\x90",
        )  # fmt: skip
        self.ticks.sent(now_ns)

    def _reconnect(self, error: Exception) -> None:
        """The server went away: wait for it, learn what it has, send what it lacks."""
        self.figures.away += 1
        log.warning("log_away", venue=self.keys.venue, reason=str(error))
        pause_s, until = 0.02, time.monotonic() + DRAIN_WITHOUT_LOG_S
        while True:
            self._link.close()
            self._expected.clear()
            self._entries, self._reading = None, False
            if self.stopping and time.monotonic() > until:
                raise error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.5)
            try:
                self._resume()
            except (*_AWAY, redis.ResponseError):
                continue
            log.info("log_back", venue=self.keys.venue, published=self.published)
            return

    def _resume(self) -> None:
        """On a new connection: same fence, nothing lost, then what was not acknowledged."""
        ends = read_ends(self._link, self.keys)
        if ends.events < self.published or stream_id(ends.commands) < stream_id(self.state.last_stream_id):
            raise LogBehind(
                f"the log came back at command {ends.commands}, event {ends.events}; this worker "
                f"is at {self.state.last_stream_id}, {self.published}"
            )
        if int(self._link.call("GET", self.keys.fence) or 0) != self.fence:
            raise Fenced(f"venue {self.keys.venue}: another worker has started")
        while self._unacked and self._unacked[0][1] <= ends.events:
            self.published = self._unacked.popleft()[1]
        if ends.events != self.published:
            raise SequenceGap(f"the event stream ends at {ends.events}, not at {self.published}")
        self._load_scripts()
        self._send_renewal(time.monotonic())
        for _, _, packed in self._unacked:
            self._link.send(packed)
            self._expected.append(self._on_published)
        self._settle()

    # --------------------------------------------------------------------- end

    def _drain(self) -> None:
        """Take no more, work off what the log holds, snapshot at its end."""
        self._settle()
        self.lease.release(self._link)
        while True:
            entries, self._entries = self._entries or [], None
            if not entries:
                self._send_read(self.state.last_stream_id, 0)
                self._settle()
                entries, self._entries = self._entries or [], None
            if not entries or self._held:
                break
            self._apply(entries)
            self._settle()
        self.snapshots.wait()
        if self.state.venue:
            self.snapshots.write(self.state)
            for arguments in self.house.calls(time.monotonic(), self.state, self.clock):
                self._link.call(*arguments)
        log.info("worker_drained", venue=self.keys.venue, event_seq=self.state.event_seq)

    def _close(self) -> None:
        """Leave nothing behind; a lease that cannot be released runs out by itself."""
        gc.unfreeze()
        gc.enable()
        self._link.close()
        try:
            self.lease.release(self._link)
        except (LogRefused, LogUncertain, redis.RedisError) as error:
            log.warning("lease_not_released", venue=self.keys.venue, reason=str(error))
        self._link.close()
        self.quotes.close()


def _ignore(_: Any) -> None:
    """The answer tells nothing that matters."""
