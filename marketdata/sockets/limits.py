"""What a socket may send (W-1)."""

import time
from collections.abc import Callable

MESSAGES_PER_S, MESSAGE_BURST = 100.0, 500.0
BYTES_PER_S, BYTE_BURST = 1 << 20, 2 << 20
FRAME_BYTES = 16
"""What a message costs besides its text, so that tiny ones are not free."""
STRIKES = 200
"""Refused messages, forgiven one a second, after which the socket closes."""


class Bucket:
    """Tokens that come back at a steady rate."""

    __slots__ = ("_at", "_burst", "_clock", "_left", "_rate")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = burst, clock()

    def take(self, cost: float = 1.0) -> bool:
        """Take tokens if they are there."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < cost:
            return False
        self._left -= cost
        return True


class Inbound:
    """The limits of one socket; ``strikes`` runs out when they are broken again and again."""

    __slots__ = ("_bytes", "_messages", "_strikes")

    def __init__(self) -> None:
        self._messages = Bucket(MESSAGES_PER_S, MESSAGE_BURST)
        self._bytes = Bucket(BYTES_PER_S, BYTE_BURST)
        self._strikes = Bucket(1.0, STRIKES)

    def takes_bytes(self, size: int) -> bool:
        """Is there room for so many bytes?"""
        return self._bytes.take(size + FRAME_BYTES)

    def takes_message(self) -> bool:
        """Is there room for one more message?"""
        return self._messages.take()

    def strike(self) -> bool:
        """Count a breach; False when it was one too many."""
        return self._strikes.take()
