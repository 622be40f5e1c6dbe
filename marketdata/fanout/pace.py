"""How often market-only differences go to a socket: slower while the process is behind (W-7).

A process that cannot keep up answers fewer, fuller differences instead of later and later
ones: each costs the same system calls, however many symbols it carries (M-3).
"""

import asyncio

SLOWEST_S = 0.2
_LOOK_S = 0.1
_LATE_S, _EARLY_S = 0.02, 0.005
_SLOWER, _FASTER = 1.25, 0.9


class Pace:
    """``interval_s`` between two market-only differences of a socket, never below the setting."""

    def __init__(self, fastest_s: float) -> None:
        self._fastest_s = fastest_s
        self.interval_s = fastest_s
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch how late this event loop is."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + _LOOK_S
        self._timer = loop.call_at(self._due, self._look)

    def stop(self) -> None:
        """End watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self.observe(asyncio.get_running_loop().time() - self._due)
        self.start()

    def observe(self, late_s: float) -> None:
        """A timer came so much too late."""
        if late_s > _LATE_S:
            self.interval_s = min(max(SLOWEST_S, self._fastest_s), self.interval_s * _SLOWER)
        elif late_s < _EARLY_S:
            self.interval_s = max(self._fastest_s, self.interval_s * _FASTER)
