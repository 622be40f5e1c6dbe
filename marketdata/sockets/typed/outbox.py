"""What waits for one socket: pure, its clock is handed in (W-10).

A message has a priority: 0 goes at once, 1 within 5 ms, 2 within 100 ms, 3 within 1 s; what
is due goes out together. With a backlog over 500 those of priority 3 are dropped, over 1 000
those of priority 2 are merged into the newest of their kind, over 2 000 the socket must close.
Those of priority 0 and 1 leave by being sent or by that close alone.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

DELAYS_S = (0.0, 0.005, 0.1, 1.0)
DROP_OVER, MERGE_OVER, CLOSE_OVER = 500, 1_000, 2_000
REMEMBERED = 10_000
"""Names of messages that are known to have gone out."""
_DROPPED, _MERGED = 3, 2


class Item(NamedTuple):
    """A message: its name for duplicates ("" has none), its kind for merging, its text.

    A text that is called is made when it goes out, from what is so then.
    """

    priority: int
    message_id: str
    merge_key: str
    data: bytes | Callable[[], bytes]


class Overflow(Exception):
    """More than 2 000 messages wait: the reader is to be closed with 1013."""


class Outbox:
    """Messages by priority, oldest first; every time is seconds of one monotonic clock."""

    def __init__(self, told: Callable[[str, int], None] = lambda kind, count: None) -> None:
        """`told` hears of every kind and number of messages that will not go out."""
        self.told = told
        self.dropped = 0
        self.merged = 0
        self._queues: tuple[deque[tuple[float, Item]], ...] = tuple(deque() for _ in DELAYS_S)
        self._names: dict[str, None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues))

    def put(self, item: Item, now: float) -> bool:
        """Queue a message; False for a duplicate or one that was dropped. Raises Overflow."""
        if item.message_id:
            if item.message_id in self._names:
                return False
            self._remember(item.message_id)
        self._queues[item.priority].append((now + DELAYS_S[item.priority], item))
        return self._shrink(item)

    def _remember(self, name: str) -> None:
        self._names[name] = None
        if len(self._names) > REMEMBERED:
            del self._names[next(iter(self._names))]

    def _shrink(self, newest: Item) -> bool:
        kept = True
        if len(self) > DROP_OVER and self._queues[_DROPPED]:
            kept = newest.priority != _DROPPED
            self.dropped += len(self._queues[_DROPPED])
            self.told("message dropped", len(self._queues[_DROPPED]))
            self._queues[_DROPPED].clear()
        if len(self) > MERGE_OVER:
            self._merge()
        if len(self) > CLOSE_OVER:
            raise Overflow(len(self))
        return kept

    def _merge(self) -> None:
        """Keep the newest of each kind, at the place and time of the oldest."""
        queue = self._queues[_MERGED]
        newest: dict[str, tuple[float, Item]] = {}
        for due, item in queue:
            older = newest.get(item.merge_key)
            newest[item.merge_key] = (due if older is None else older[0], item)
        self.merged += len(queue) - len(newest)
        self.told("message merged", len(queue) - len(newest))
        queue.clear()
        queue.extend(newest.values())

    @property
    def due_at(self) -> float | None:
        """When the next message is due; None while nothing waits."""
        heads = [queue[0][0] for queue in self._queues if queue]
        return min(heads) if heads else None

    def take(self, now: float) -> list[bytes]:
        """All messages that are due, those of higher priority first."""
        found = []
        for queue in self._queues:
            if queue and queue[0][0] <= now:
                found += [item.data if isinstance(item.data, bytes) else item.data() for _, item in queue]
                queue.clear()
        return found

    def clear(self) -> None:
        """Forget what waits."""
        for queue in self._queues:
            queue.clear()
