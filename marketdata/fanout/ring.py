"""The last events of a venue as they came, so that an account's image can catch up (A-43)."""

from bisect import bisect_right
from collections import deque
from typing import Any, NamedTuple

from trading.codec import decode_events

RING_EVENTS = 200_000


class Entry(NamedTuple):
    """One entry of the event stream: sequences of its first and last event, its bytes."""

    first: int
    last: int
    data: bytes


class EventRing:
    """At most so many events, gap-free, kept encoded: an entry is decoded by whom it concerns."""

    def __init__(self, capacity: int = RING_EVENTS) -> None:
        self._capacity = capacity
        self._entries: deque[Entry] = deque()

    @property
    def first(self) -> int:
        """Sequence of the oldest event, 0 without one."""
        return self._entries[0].first if self._entries else 0

    def append(self, entry: Entry) -> None:
        """Add the next entry; the oldest ones go."""
        entries = self._entries
        entries.append(entry)
        while entry.last - entries[0].first >= self._capacity and len(entries) > 1:
            entries.popleft()

    def clear(self) -> None:
        """Forget all: a gap came, what is here leads nowhere."""
        self._entries.clear()

    def after(self, seq: int, account_id: str) -> list[list[Any]]:
        """Events above `seq` of entries that name the account, in order."""
        return decoded(self._since(seq), seq, account_id)

    def _since(self, seq: int) -> list[Entry]:
        entries = list(self._entries)
        return entries[bisect_right(entries, seq, key=lambda entry: entry.last) :]


def decoded(entries: list[Entry], seq: int, account_id: str) -> list[list[Any]]:
    """Events above `seq` of those entries that name the account."""
    mark = account_id.encode()
    found: list[list[Any]] = []
    for entry in entries:
        if mark in entry.data:
            found += [event for event in decode_events(entry.data) if event[0] > seq]
    return found
