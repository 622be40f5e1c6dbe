"""The lease by which one worker leads a venue (A-9): 2 s, renewed each 200 ms by the loop."""

import os
import secrets
import socket
import time
from typing import Any

from exchange_site.streams import RELEASE_LEASE, RENEW_LEASE, Keys, Link
from trading.recovery import CannotStart

LEASE_MS = 2_000
RENEW_S = 0.2
TAKE_LEASE_S = 2.6
"""How long a starting worker waits for a dead one's lease to run out."""


class LeaseHeld(CannotStart):
    """Another worker holds the venue's lease."""


class LeaseLost(Exception):
    """Another worker has taken the lease (A-9)."""


class Lease:
    """One worker's claim to a venue."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.token = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.renew_at = 0.0

    def await_free(self, link: Link) -> None:
        """A lease that nobody renews runs out; one that is renewed has an owner: LeaseHeld."""
        until = time.monotonic() + TAKE_LEASE_S
        while (holder := link.call("GET", self.keys.lease)) is not None:
            if time.monotonic() > until:
                raise LeaseHeld(f"venue {self.keys.venue} is run by {holder.decode()}")
            time.sleep(0.05)

    def take(self, link: Link) -> None:
        """Take it; LeaseHeld when another is faster."""
        until = time.monotonic() + TAKE_LEASE_S
        while not link.call("SET", self.keys.lease, self.token, "NX", "PX", LEASE_MS):
            if time.monotonic() > until:
                raise LeaseHeld(f"another worker of venue {self.keys.venue} was faster")
            time.sleep(0.05)
        self.renew_at = time.monotonic() + RENEW_S

    def renewal(self, now: float, is_held: bool) -> tuple[Any, ...]:
        """The call that renews it, also when it ran out and nobody took it."""
        self.renew_at = now + RENEW_S
        mark = "HELD:" if is_held else ""
        return "EVALSHA", RENEW_LEASE.sha, 1, self.keys.lease, self.token, mark, LEASE_MS

    def check(self, answer: bytes) -> None:
        """The answer to `renewal`; LeaseLost when another worker holds it."""
        if answer != b"OK":
            raise LeaseLost(f"venue {self.keys.venue} is run by {answer.decode()}")

    def release(self, link: Link) -> None:
        """Give it up, if it is still ours."""
        RELEASE_LEASE.call(link, (self.keys.lease,), (self.token,))
