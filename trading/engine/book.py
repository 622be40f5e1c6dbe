"""Order book of one instrument: price levels, time priority, takes (T-40, T-44).

A side keeps its levels under a *key* that grows with attractiveness: the price on the bid
side, the negated price on the ask side. The best level is therefore always the last one,
and one piece of code serves both sides. A cancelled order leaves its place in the level's
queue empty; a queue is packed when more than half of it is empty, so every operation is
amortised O(1) besides the bisection for its level.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

_PACK_FROM = 32
MOST_FILLS = 250
"""Makers that one take meets at most, so that no command takes long (A-45)."""


class Resting:
    """What a book needs of an order: the lots left, its side's key and its level."""

    __slots__ = ("left", "key", "level")

    def __init__(self, left: int, key: int) -> None:
        self.left = left
        self.key = key
        self.level: Level | None = None


class Level:
    """Orders of one price in time order, with their number and volume kept current."""

    __slots__ = ("orders", "head", "count", "volume")

    def __init__(self) -> None:
        self.orders: list[Resting | None] = []
        self.head = 0
        self.count = 0
        self.volume = 0

    def live(self) -> Iterator[Resting]:
        """Yield the resting orders, oldest first."""
        for index in range(self.head, len(self.orders)):
            order = self.orders[index]
            if order is not None and order.level is self:
                yield order

    def pack(self) -> None:
        """Drop the empty places of the queue."""
        self.orders = list(self.live())
        self.head = 0


class BookSide:
    """All levels of one direction, best last."""

    __slots__ = ("keys", "levels", "own")

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}
        self.own: dict[str, list[int]] = {}
        """Owner → ascending keys of their resting orders, for T-43."""

    def add(self, order: Resting) -> None:
        """Put an order at the end of its level's queue."""
        level = self.levels.get(order.key)
        if level is None:
            level = self.levels[order.key] = Level()
            insort(self.keys, order.key)
        order.level = level
        level.orders.append(order)
        level.count += 1
        level.volume += order.left

    def remove(self, order: Resting) -> None:
        """Take a resting order out of the book."""
        level = order.level
        assert level is not None, "the order does not rest here"
        order.level = None
        level.count -= 1
        level.volume -= order.left
        if not level.count:
            self._drop(order.key)
        elif len(level.orders) > _PACK_FROM and len(level.orders) - level.head > 2 * level.count:
            level.pack()

    def discard(self, order: Resting) -> None:
        """Take out an order that will come back: its old place must not be found again."""
        level = order.level
        assert level is not None, "the order does not rest here"
        level.orders[level.orders.index(order, level.head)] = None
        self.remove(order)

    def shrink(self, order: Resting, left: int) -> None:
        """Reduce the lots of an order that keeps its place."""
        assert order.level is not None, "the order does not rest here"
        order.level.volume -= order.left - left
        order.left = left

    def take(self, limit_key: int, lots: int, max_levels: int = 0) -> list[tuple[Resting, int]]:
        """Fill up to ``lots`` against keys not below ``limit_key``; return (maker, lots) in order.

        The makers' ``left`` and the levels are already updated; a maker filled wholly has
        left the book. ``max_levels`` 0 takes any number of levels. After ``MOST_FILLS`` makers
        it stops; what there is to take is still there.
        """
        fills: list[tuple[Resting, int]] = []
        keys = self.keys
        taken_levels = 0
        while lots and keys and len(fills) < MOST_FILLS:
            key = keys[-1]
            if key < limit_key or (max_levels and taken_levels == max_levels):
                break
            level = self.levels[key]
            lots = _take_level(level, lots, fills)
            taken_levels += 1
            if not level.count:
                keys.pop()
                del self.levels[key]
        return fills

    def volume_to(self, limit_key: int, enough: int) -> int:
        """Lots resting at keys not below ``limit_key``, counted until ``enough``."""
        total = 0
        for key in reversed(self.keys):
            if key < limit_key:
                break
            total += self.levels[key].volume
            if total >= enough:
                break
        return total

    def own_add(self, owner: str, key: int) -> None:
        """Remember a resting order of an owner."""
        keys = self.own.get(owner)
        if keys is None:
            self.own[owner] = [key]
        else:
            insort(keys, key)

    def own_remove(self, owner: str, key: int) -> None:
        """Forget a resting order of an owner."""
        keys = self.own[owner]
        if len(keys) == 1:
            del self.own[owner]
        else:
            del keys[bisect_left(keys, key)]

    def own_crosses(self, owner: str, limit_key: int) -> bool:
        """Does an order of this owner rest at a key that a newcomer would take?"""
        keys = self.own.get(owner)
        return keys is not None and keys[-1] >= limit_key

    def orders(self) -> Iterator[Resting]:
        """Yield all orders, best level first, oldest first."""
        for key in reversed(self.keys):
            yield from self.levels[key].live()

    def _drop(self, key: int) -> None:
        del self.levels[key]
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]


def _take_level(level: Level, lots: int, fills: list[tuple[Resting, int]]) -> int:
    """Fill from one level in time order; return the lots still wanted."""
    orders = level.orders
    head = level.head
    while lots and level.count and len(fills) < MOST_FILLS:
        order = orders[head]
        if order is None or order.level is not level:
            head += 1
            continue
        left = order.left
        if left > lots:
            order.left = left - lots
            level.volume -= lots
            fills.append((order, lots))
            lots = 0
        else:
            head += 1
            order.left = 0
            order.level = None
            level.count -= 1
            level.volume -= left
            fills.append((order, left))
            lots -= left
    if head > _PACK_FROM and 2 * head > len(orders):
        del orders[:head]
        head = 0
    level.head = head
    return lots


class Book:
    """Both sides of an instrument; index by direction: 0 bids, 1 asks."""

    __slots__ = ("sides",)

    def __init__(self) -> None:
        self.sides = (BookSide(), BookSide())

    def best_bid(self) -> int:
        """Highest bid price, 0 without bids."""
        keys = self.sides[0].keys
        return keys[-1] if keys else 0

    def best_ask(self) -> int:
        """Lowest ask price, 0 without asks."""
        keys = self.sides[1].keys
        return -keys[-1] if keys else 0

    def is_crossed(self) -> bool:
        """Could the best bid trade with the best ask?"""
        bids, asks = self.sides
        return bool(bids.keys and asks.keys and bids.keys[-1] >= -asks.keys[-1])
