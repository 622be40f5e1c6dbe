"""The open sockets of all web processes, over the process bus (O-6, O-20)."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exchange_site import ipc

WAIT_S = 1.0
WEB = "web.*"


@contextmanager
def bus(venue: str) -> Iterator[ipc.Bus]:
    """A place on the bus for one question."""
    asking = ipc.Bus(f"admin.{os.getpid()}.{uuid.uuid4().hex[:8]}", venue, peers=(), reports=False)
    asking.start()
    try:
        yield asking
    finally:
        asking.stop()


def web_processes(venue: str) -> int:
    """Web processes that have reported lately."""
    return sum(str(row["process_id"]).startswith("web.") for row in ipc.alive(venue))


def all_sockets(*, venue: str) -> tuple[list[dict[str, Any]], int]:
    """(sockets with their process, number of all); BusAway when Redis does not answer."""
    wanted = web_processes(venue)
    if not wanted:
        return [], 0
    with bus(venue) as asking:
        answers = asking.request(WEB, "list_sockets", {}, WAIT_S, wanted)
    found: list[dict[str, Any]] = []
    total = 0
    for answer in answers:
        if answer.get("ok"):
            total += answer["result"]["total"]
            found += [{**row, "process_id": answer["process_id"]} for row in answer["result"]["sockets"]]
    return sorted(found, key=lambda row: (-row["behind_s"], -row["since_ms"])), total


def close_sockets(*, venue: str, socket_id: str = "", username: str = "") -> int:
    """Close one socket, or all of a user, with 4001; how many were closed."""
    wanted = web_processes(venue)
    if not wanted or not (socket_id or username):
        return 0
    with bus(venue) as asking:
        what = {"socket_id": socket_id, "username": username}
        answers = asking.request(WEB, "close_sockets", what, WAIT_S, wanted)
    return sum(answer["result"]["closed"] for answer in answers if answer.get("ok"))
