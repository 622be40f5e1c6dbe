"""The log's clock as the worker sees it, and when Ticks are due (T-22)."""

import time

from trading.engine.reaction import wake_ns
from trading.engine.state import State
from trading.engine.units import NS_PER_MINUTE, NS_PER_MS, NS_PER_SECOND

MAX_JUMP_MS = 5_000


class LogClock:
    """The log server's wall clock carried on by our monotonic one.

    Small corrections are taken over each time the server is asked; a jump ahead of more
    than 5 s is not, until an operator confirms it.
    """

    def __init__(self) -> None:
        self._base_ms = 0
        self._base_monotonic_ns = 0
        self.server_ms = 0
        self.ahead_ms = 0
        self.has_jumped = False

    def start(self, server_ms: int) -> None:
        """Take the server's time as it is."""
        self._base_ms = self.server_ms = server_ms
        self._base_monotonic_ns = time.monotonic_ns()
        self.ahead_ms = 0
        self.has_jumped = False

    def now_ns(self) -> int:
        """The server's time by our reckoning, ns UTC."""
        return self._base_ms * NS_PER_MS + time.monotonic_ns() - self._base_monotonic_ns

    def observe(self, server_ms: int) -> None:
        """Compare the server's answer with our reckoning."""
        ahead_ms = server_ms - self.now_ns() // NS_PER_MS
        if ahead_ms > MAX_JUMP_MS:
            self.server_ms, self.ahead_ms, self.has_jumped = server_ms, ahead_ms, True
        else:
            self.start(server_ms)

    def is_ahead(self, raw_stream_id: bytes, last_stream_id: str) -> bool:
        """Was this command stamped more than 5 s after our reckoning and the one before it?

        A log whose clock was ahead once and stands still since has not jumped.
        """
        stamp_ms = int(raw_stream_id.partition(b"-")[0])
        last_ms = int(last_stream_id.partition("-")[0])
        ahead_ms = stamp_ms - max(self.now_ns() // NS_PER_MS, last_ms)
        if ahead_ms <= MAX_JUMP_MS:
            return False
        self.server_ms, self.ahead_ms, self.has_jumped = stamp_ms, ahead_ms, True
        return True

    def confirm(self) -> None:
        """An operator says that the new time is right."""
        self.start(self.now_ns() // NS_PER_MS + self.ahead_ms)

    def behind_ms(self, state: State) -> int:
        """How far the server's clock is behind the log's time; 0 when it is not."""
        return max(0, state.time_ns // NS_PER_MS - self.now_ns() // NS_PER_MS)


WORK_INTERVAL_NS = 5 * NS_PER_MS
RETRY_NS = 20 * NS_PER_MS
BOUNDARY_MARGIN_NS = 2 * NS_PER_MS
"""A boundary's Tick is sent this much late, so that it is stamped at or after it."""
_NEVER_NS = 1 << 62


class TickSchedule:
    """When the worker owes the log its next Tick."""

    def __init__(self) -> None:
        self._last_ns = 0

    def next_ns(self, state: State) -> int:
        """Work open: 5 ms after the last; a boundary within a minute: each second; else each
        minute; and at the boundary."""
        if not state.venue:
            return _NEVER_NS
        last = self._last_ns
        if state.has_work():
            return last + WORK_INTERVAL_NS
        if state.reactive:
            return min(self._regular_ns(state), max(wake_ns(state), last + WORK_INTERVAL_NS))
        return self._regular_ns(state)

    def _regular_ns(self, state: State) -> int:
        last = self._last_ns
        boundary = state.next_boundary_ns()
        if boundary is None:
            return last + NS_PER_MINUTE
        is_near = boundary - last < NS_PER_MINUTE
        regular = last + (NS_PER_SECOND if is_near else NS_PER_MINUTE)
        return min(regular, max(boundary + BOUNDARY_MARGIN_NS, last + RETRY_NS))

    def is_due(self, state: State, now_ns: int) -> bool:
        return now_ns >= self.next_ns(state)

    def wait_ms(self, state: State, now_ns: int) -> int:
        """Milliseconds until the next Tick, at most a second."""
        return max(0, min(1_000, (self.next_ns(state) - now_ns) // NS_PER_MS))

    def sent(self, now_ns: int) -> None:
        self._last_ns = now_ns
