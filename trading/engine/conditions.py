"""What the state holds of conditional orders: the orders, and indexes sorted by price (T-70).

A threshold lies in a *ladder*: a list of (value, uid, n) ascending that fires from its low
end while the market's value is at or above it; falling conditions use negated values, so
one piece of code serves both. Trailing conditions lie in *trails*: groups with one peak,
each sorted by distance, so that a new high merges groups instead of visiting their members.
"""

from bisect import bisect_left, insort
from collections import deque
from enum import IntEnum
from typing import Any, NamedTuple

Entry = tuple[int, int, int]
"""(value or distance, uid of the conditional order, number of the condition)."""

NO_PEAK = -(1 << 62)
"""A trailing condition that has seen no price yet."""


class ConditionKind(IntEnum):
    PRICE = 0
    TRAILING = 1
    TIME = 2
    MARKET_OPEN = 3
    PRICE_RANGE = 4
    BREAK_EVEN = 5


class PriceSource(IntEnum):
    LAST = 0
    BID = 1
    ASK = 2


class Relation(IntEnum):
    GE = 0
    LE = 1
    G = 2
    L = 3
    TOUCH = 4  # from whichever side the market is on


class ConditionalStatus(IntEnum):
    WAITING = 0
    SUSPENDED = 1
    TRIGGERED = 2
    CANCELLED = 3
    EXPIRED = 4
    FAILED = 5


class ConditionalOffset(IntEnum):
    OPEN = 0
    CLOSE = 1
    CLOSETODAY = 2
    CLOSEYESTERDAY = 3
    REVERSE = 4


class ConditionalPrice(IntEnum):
    """How an order of a conditional is priced when it is placed (DIFF's names)."""

    LIMIT = 0
    MARKET = 1
    CONTINGENT = 2  # the last price
    CONSIDERATION = 3  # the opposite best
    OVER = 4  # one tick beyond the opposite best


class Condition(NamedTuple):
    """One condition; prices 1/10 000 yuan, 0 = not used."""

    kind: int
    symbol: str
    source: int = 0
    relation: int = 0  # rising or falling; of TRAILING: LE sells below a peak, GE buys above a low
    price: int = 0  # threshold, distance, left end of the range, break-even price
    price2: int = 0  # right end of the range
    time_ns: int = 0
    leg: int = -1  # orders of this leg are placed when it fires


class ConditionalOrder(NamedTuple):
    """What is placed when a conditional order triggers."""

    symbol: str
    direction: int
    offset: int  # ConditionalOffset
    volume: int
    close_all: bool = False
    price_kind: int = 0  # ConditionalPrice
    limit_price: int = 0
    close_today_first: bool = True
    leg: int = -1
    time_condition: int = 2


class Conditional:
    """A living conditional order: its terms and how far its conditions are."""

    __slots__ = (
        "uid", "account_id", "order_id", "label", "conditions", "orders", "needs_all",
        "time_condition", "gtd_date", "cancels_closes", "client_tag", "status", "trading_day",
        "insert_ns", "touched_ns", "touched", "steps", "code", "pending",
    )  # fmt: skip

    def __init__(self, uid: int, account_id: str, order_id: str) -> None:
        self.uid = uid
        self.account_id = account_id
        self.order_id = order_id
        self.label = self.client_tag = ""
        self.conditions: list[Condition] = []
        self.orders: list[ConditionalOrder] = []
        self.needs_all = False
        self.cancels_closes = True
        self.time_condition = 2
        self.gtd_date = self.status = self.trading_day = self.insert_ns = self.touched_ns = 0
        self.touched: list[int] = []
        """Per condition 1 once it was true; it stays so."""
        self.steps: list[int] = []
        """Per condition: 1 after the first step of BREAK_EVEN, the peak of TRAILING."""
        self.code = 0
        self.pending = 0
        """Orders of it that still stand in the queue; derived."""

    def row(self) -> list[Any]:
        """ConditionalRow."""
        return [
            self.uid, self.account_id, self.order_id, self.label, self.status, self.trading_day,
            self.insert_ns, self.touched_ns, self.needs_all, [list(c) for c in self.conditions],
            [list(o) for o in self.orders], list(self.touched), self.time_condition, self.gtd_date,
            self.cancels_closes, self.client_tag, self.code,
        ]  # fmt: skip


class Trail:
    """Trailing conditions of one instrument, source and direction; peaks fall along `groups`."""

    __slots__ = ("groups", "bound")

    def __init__(self) -> None:
        self.groups: list[tuple[int, list[Entry]]] = []
        self.bound = NO_PEAK
        """The highest value at which one fires; derived."""

    def add(self, peak: int, entry: Entry) -> None:
        for index, (known, entries) in enumerate(self.groups):
            if known == peak:
                insort(entries, entry)
                break
            if known < peak:
                self.groups.insert(index, (peak, [entry]))
                break
        else:
            self.groups.append((peak, [entry]))
        self._find_bound()

    def remove(self, entry: Entry) -> int:
        """Take a condition out; return its peak."""
        for index, (peak, entries) in enumerate(self.groups):
            place = bisect_left(entries, entry)
            if place < len(entries) and entries[place] == entry:
                del entries[place]
                if not entries:
                    del self.groups[index]
                self._find_bound()
                return peak
        return NO_PEAK

    def move(self, value: int) -> list[Entry]:
        """Raise what the value is a new high for; take out and return what it fires."""
        groups = self.groups
        if not groups:
            return []
        if groups[-1][0] < value:
            self._raise(value)
        if value > self.bound:
            return []
        fired: list[Entry] = []
        for peak, entries in groups:
            stop = bisect_left(entries, (peak - value + 1, 0, 0))
            fired += entries[:stop]
            del entries[:stop]
        self.groups = [group for group in groups if group[1]]
        self._find_bound()
        return sorted(fired, key=lambda entry: entry[1:])

    def _raise(self, value: int) -> None:
        groups = self.groups
        merged: list[Entry] = []
        while groups and groups[-1][0] <= value:
            merged += groups.pop()[1]
        merged.sort()
        groups.append((value, merged))
        self._find_bound()

    def _find_bound(self) -> None:
        peaks = [peak - entries[0][0] for peak, entries in self.groups if peak != NO_PEAK]
        self.bound = max(peaks, default=NO_PEAK)


class Half:
    """Rising or falling conditions of one price source."""

    __slots__ = ("ladder", "trail")

    def __init__(self) -> None:
        self.ladder: list[Entry] = []
        self.trail = Trail()

    def move(self, value: int) -> list[Entry]:
        """Take out and return what a value fires, ladder first."""
        fired: list[Entry] = []
        if self.ladder and self.ladder[0][0] <= value:
            stop = bisect_left(self.ladder, (value + 1, 0, 0))
            fired = self.ladder[:stop]
            del self.ladder[:stop]
        return fired + self.trail.move(value) if self.trail.groups else fired

    def discard(self, entry: Entry) -> None:
        place = bisect_left(self.ladder, entry)
        if place < len(self.ladder) and self.ladder[place] == entry:
            del self.ladder[place]


class SymbolIndex:
    """Every waiting condition of one instrument: halves[source][0 rising, 1 falling]."""

    __slots__ = ("halves", "opens")

    def __init__(self) -> None:
        self.halves = [(Half(), Half()) for _ in PriceSource]
        self.opens: list[tuple[int, int]] = []
        """(uid, n) that wait for the market to open, ascending."""

    def is_empty(self) -> bool:
        halves = (half for pair in self.halves for half in pair)
        return not self.opens and not any(half.ladder or half.trail.groups for half in halves)


class Conditions:
    """All conditional orders of a venue; empty while nobody uses them."""

    __slots__ = ("living", "accounts", "ids", "new", "index", "times", "queue")

    def __init__(self) -> None:
        self.living: dict[int, Conditional] = {}
        """uid → waiting, suspended or with orders still to place."""
        self.accounts: dict[str, int] = {}
        """Account id → number of waiting and suspended ones."""
        self.ids: dict[str, dict[str, list[int]]] = {}
        """Account id → the day's and living order ids → [uid, status]."""
        self.new: dict[str, int] = {}
        """Account id → placed today and not cancelled."""
        self.index: dict[str, SymbolIndex] = {}
        self.times: list[tuple[int, int, int]] = []
        """(time_ns, uid, n) ascending."""
        self.queue: deque[tuple[int, int]] = deque()
        """(uid, number of the order) still to place."""

    def is_used(self) -> bool:
        return bool(self.living or self.ids)
