"""Which connection a symbol goes to: four strategies that respect room and priority (G-11).

Every strategy takes the best priority (1 first) that has room; a connection of poor quality
comes after all sound ones. Within that class the strategies differ.
"""

import heapq
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

POOR = 40.0
"""Below this quality a connection is the last choice whatever its priority."""
_MASK = (1 << 64) - 1


class Room(NamedTuple):
    """A connection that can take symbols."""

    connection_id: str
    priority: int
    free: int
    used: int
    quality: float = 100.0

    @property
    def rank(self) -> tuple[bool, int]:
        """Its class; the smallest is taken first."""
        return self.quality < POOR, self.priority


Pick = Callable[[str], str | None]
"""The connection a symbol goes to, which has one place less then; None without room."""


def round_robin(rooms: Iterable[Room], last: str = "") -> Pick:
    """In turn, beginning after the connection that was served last."""
    classes = _classes(rooms)
    for line in classes:
        while last in {room.connection_id for room in line} and line[-1].connection_id != last:
            line.rotate(-1)
    free = {room.connection_id: room.free for line in classes for room in line}

    def pick(symbol: str) -> str | None:
        while classes:
            line = classes[0]
            while line:
                name = line[0].connection_id
                free[name] -= 1
                if free[name] < 0:
                    line.popleft()
                    continue
                line.rotate(-1)
                return name
            classes.popleft()
        return None

    return pick


def _classes(rooms: Iterable[Room]) -> "deque[deque[Room]]":
    by_rank: dict[tuple[bool, int], deque[Room]] = {}
    for room in sorted(rooms, key=lambda room: (room.rank, room.connection_id)):
        if room.free > 0:
            by_rank.setdefault(room.rank, deque()).append(room)
    return deque(by_rank.values())


def least_connections(rooms: Iterable[Room], last: str = "") -> Pick:
    """Where the fewest symbols are."""
    return _by_cost(rooms, lambda room, used: float(used))


def connection_quality(rooms: Iterable[Room], last: str = "") -> Pick:
    """Many to the good, few to the bad: used share of the room against quality."""
    return _by_cost(
        rooms, lambda room, used: (used + 1) / (room.used + room.free) / max(1.0, room.quality) ** 2
    )


def _by_cost(rooms: Iterable[Room], cost: Callable[[Room, int], float]) -> Pick:
    heap = [
        (room.rank, cost(room, room.used), room.connection_id, room.used, room)
        for room in rooms
        if room.free > 0
    ]
    heapq.heapify(heap)

    def pick(symbol: str) -> str | None:
        if not heap:
            return None
        rank, _, name, used, room = heap[0]
        if used + 1 >= room.used + room.free:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (rank, cost(room, used + 1), name, used + 1, room))
        return name

    return pick


def hash_based(rooms: Iterable[Room], last: str = "") -> Pick:
    """Rendezvous hashing: everybody draws a number, the highest with room takes it.

    Where a connection comes or goes, only its own symbols have another highest.
    """
    classes = [[(_seed(room.connection_id), room.connection_id) for room in line] for line in _classes(rooms)]
    free = {room.connection_id: room.free for room in rooms}

    def pick(symbol: str) -> str | None:
        mine = _seed(symbol)
        while classes:
            line = classes[0]
            if line:
                return take(max(line, key=lambda pair: weight(pair[0], mine))[1], line)
            classes.pop(0)
        return None

    def take(name: str, line: list[tuple[int, str]]) -> str:
        free[name] -= 1
        if not free[name]:
            line[:] = [pair for pair in line if pair[1] != name]
        return name

    return pick


def _seed(name: str) -> int:
    data = name.encode()
    return (zlib.crc32(data) << 32 | zlib.crc32(data, 0xDEADBEEF)) * 0x9E3779B97F4A7C15 & _MASK


def weight(connection: int, symbol: int) -> int:
    """What a connection draws for a symbol: well mixed 64 bits."""
    mixed = (connection ^ symbol) * 0xBF58476D1CE4E5B9 & _MASK
    return (mixed ^ mixed >> 31) * 0x94D049BB133111EB & _MASK


STRATEGIES: dict[str, Callable[..., Pick]] = {
    "round_robin": round_robin,
    "least_connections": least_connections,
    "connection_quality": connection_quality,
    "hash_based": hash_based,
}
