"""The sockets of this process: who they are, what went through them (O-6, O-30).

Counted in plain ints by the event loop; read by the endpoint's thread and for the admin.
"""

import resource
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from accounts.socket_login import request_of
from exchange_site.metrics.meter import METER, Sample
from exchange_site.ratelimit import client_address

PROTOCOLS = ("diff", "typed", "md", "data")


class Traffic:
    """Sums of all sockets of one protocol, those that are gone included."""

    __slots__ = ("bytes_sent", "received", "sent")

    def __init__(self) -> None:
        self.received = self.sent = self.bytes_sent = 0


class SocketFigures:
    """The open sockets and the process's sums."""

    def __init__(self) -> None:
        self.open: dict[Any, None] = {}
        self.traffic = {name: Traffic() for name in PROTOCOLS}
        self.drops: Counter[str] = Counter()
        self.differences = 0
        self.merged = 0

    def drop(self, kind: str, count: int) -> None:
        """So many messages will not go out."""
        self.drops[kind] += count

    def samples(self) -> Iterable[Sample]:
        """For the endpoint."""
        opened = list(self.open)
        count = Counter(socket.protocol for socket in opened)
        for name, traffic in self.traffic.items():
            part = {"part": name}
            yield "exchange_sockets", part, count[name]
            yield "exchange_messages_received_total", part, traffic.received
            yield "exchange_messages_sent_total", part, traffic.sent
            yield "exchange_bytes_sent_total", part, traffic.bytes_sent
        yield "exchange_socket_limit", {}, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield "exchange_differences_sent_total", {}, self.differences
        yield "exchange_differences_merged_total", {}, self.merged
        for name, value in tuple(self.drops.items()):
            yield "exchange_drops_total", {"part": name}, value
        yield "exchange_queue_length", {}, sum(socket.waiting_messages() for socket in opened)


FIGURES = SocketFigures()
METER.read_from(FIGURES.samples)


def describe(socket: Any) -> dict[str, Any]:
    """One open socket for the admin: user, address, protocol, since, subscriptions, behind, dropped."""
    paused_at = socket.paused_at
    return {
        "socket_id": socket.socket_id,
        "protocol": socket.protocol,
        "users": sorted(socket.usernames()),
        "address": client_address(request_of(socket.scope)),
        "since_ms": socket.since_ms,
        "subscriptions": socket.subscriptions(),
        "behind_s": round(time.monotonic() - paused_at, 1) if paused_at else 0.0,
        "waiting": socket.waiting_messages(),
        "dropped": socket.dropped(),
        "received": socket.received,
        "sent": socket.sent,
    }
