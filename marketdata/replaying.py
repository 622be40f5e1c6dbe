"""A recorded day into a venue, as liquidity that client orders trade against (M-21).

Two ordinary robot accounts play it. One rests the recorded levels, so that the venue's quotes
are the recorded ones; the other trades what was traded, against whatever rests there, clients
included. Of a level no more than was recorded is ever filled by clients: what they took stays
taken while the level stands, and only what the recording adds comes anew.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import structlog

from exchange_site.exceptions import ExchangeError
from marketdata.feeds.ticks import Tick
from marketdata.robots.cast import CROWD, MAKER, Robot, command_id, opening, robot
from marketdata.robots.tail import EventTail
from trading.commands import send_many
from trading.engine.codes import ACCOUNT_EXISTS, OK
from trading.engine.messages import (
    EVENT_HEADER,
    EVENTS,
    CancelAll,
    CancelOrder,
    OrderChange,
    OrderRow,
    OrderStatus,
    PlaceOrder,
    SetAccount,
    TimeCondition,
)
from trading.engine.units import SCALE

PRODUCT = "REPLAY.day"
"""Names the two accounts; no product is called so."""
ANSWER_S = 10.0
LARGEST_AMOUNT = 10**13 * SCALE
"""A recorded level is as large as it was, whatever the venue lets its own users order at once."""
BUY, SELL = 0, 1
_LIVING = frozenset({OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED})
_CHANGES = frozenset({"OrderCancelled", "OrderCarried"})
_TAKEN = frozenset({"OrderAccepted", "OrderModified"})
log = structlog.get_logger(__name__)
Level = tuple[str, int, int]
"""Symbol, direction, price in 1/10 000 yuan."""


class Target(NamedTuple):
    """Where a recorded symbol is played: contract, its tick and a shift of every price (units)."""

    symbol: str
    price_tick: int
    shift: int = 0
    max_lots: int = 1_000

    def units(self, price: float | None) -> int:
        """A recorded price on the contract's tick; 0 for none."""
        if price is None:
            return 0
        ticks = round((price * SCALE + self.shift) / self.price_tick)
        return max(0, ticks * self.price_tick)


class Played(NamedTuple):
    """What a replay did."""

    ticks: int
    commands: int
    refused: dict[int, int]
    taken: int
    """Lots that clients took of the recorded quantities."""


class Replayer:
    """Plays ticks into one venue; `play` once, at `speed` times their time, 0 at once."""

    def __init__(self, venue: str, targets: dict[str, Target], speed: float = 1.0) -> None:
        self.venue, self.targets, self.speed = venue, targets, speed
        self.maker, self.crowd = (robot(venue, PRODUCT, role) for role in (MAKER, CROWD))
        self.consumed: Counter[Level] = Counter()
        self.refused: Counter[int] = Counter()
        self.ticks = self.commands = self.taken = 0
        self._orders: dict[str, tuple[Level, int]] = {}
        self._last: dict[str, Tick] = {}
        self._tail = EventTail(venue)

    def play(self, ticks: Iterable[Tick], is_over: Callable[[float], bool]) -> Played:
        """Play until the end or until `is_over(seconds to wait)`; leaves no order in the book.

        ExchangeError with the log's code when the accounts cannot be opened.
        """
        self._open()
        began, first = time.monotonic(), 0
        try:
            for tick in ticks:
                target = self.targets.get(tick.instrument_id)
                if target is None:
                    continue
                first = first or tick.timestamp
                due_s = (tick.timestamp - first) / 1_000 / self.speed if self.speed else 0.0
                if is_over(max(0.0, began + due_s - time.monotonic())):
                    break
                self.show(tick, target)
        finally:
            self._send(self.maker, [CancelAll(self.maker.account_id)])
            self._tail.close()
        return Played(self.ticks, self.commands, dict(self.refused), self.taken)

    def _open(self) -> None:
        self._tail.open()
        both = [self.maker, self.crowd]
        commands: list[Any] = [opening(one) for one in both]
        unbound = {"max_order_amount": LARGEST_AMOUNT}
        commands += [SetAccount(one.account_id, dict(unbound), "replay") for one in both]
        for outcome in send_many(self.venue, commands, origin="replay", wait_s=ANSWER_S):
            if not outcome.decided or outcome.code not in (OK, ACCOUNT_EXISTS):
                raise ExchangeError(outcome.code, outcome.params)
        self._send(self.maker, [CancelAll(self.maker.account_id)])

    # ---------------------------------------------------------------- one tick

    def show(self, tick: Tick, target: Target) -> None:
        """Trade what was traded since the tick before, then bring the book to the recorded one."""
        self.learn()
        self._trade(tick, target)
        wanted = levels(tick, target)
        self._forget(target.symbol, wanted)
        self._send(self.maker, self._cancels(target.symbol, wanted))
        self._send(self.maker, self._places(target, wanted))
        self._last[tick.instrument_id] = tick
        self.ticks += 1

    def _trade(self, tick: Tick, target: Target) -> None:
        before, price = self._last.get(tick.instrument_id), target.units(tick.last_price)
        if before is None or not price or tick.volume <= before.volume:
            return
        ask, bid = target.units(before.ask_price1), target.units(before.bid_price1)
        if (ask and price >= ask) or (bid and price <= bid):
            direction = BUY if ask and price >= ask else SELL
            lots = tick.volume - before.volume
            self._send(self.crowd, self._split(self.crowd, target, direction, lots, price))

    def _forget(self, symbol: str, wanted: dict[Level, int]) -> None:
        """A level that went is new when it comes again; never more is taken than stands."""
        for level in [level for level in self.consumed if level[0] == symbol]:
            self.consumed[level] = min(self.consumed[level], wanted.get(level, 0))
            if not self.consumed[level]:
                del self.consumed[level]

    def _cancels(self, symbol: str, wanted: dict[Level, int]) -> list[Any]:
        resting = self._resting()
        gone = {
            level
            for level, lots in resting.items()
            if level[0] == symbol and lots > wanted.get(level, 0) - self.consumed[level]
        }
        return [
            CancelOrder(self.maker.account_id, order_id)
            for order_id, (level, _lots) in self._orders.items()
            if level in gone
        ]

    def _places(self, target: Target, wanted: dict[Level, int]) -> list[Any]:
        """What is missing of each level. A fill meanwhile moves lots from resting to consumed: the
        sum, and so what is missing, stays."""
        resting = self._resting()
        found: list[Any] = []
        for level, recorded in wanted.items():
            lots = recorded - self.consumed[level] - resting[level]
            found += self._split(self.maker, target, level[1], lots, level[2])
        return found

    def _resting(self) -> Counter[Level]:
        found: Counter[Level] = Counter()
        for level, lots in self._orders.values():
            found[level] += lots
        return found

    def _split(self, who: Robot, target: Target, direction: int, lots: int, price: int) -> list[Any]:
        """Orders for so many lots, none larger than the contract takes; the crowd's do not rest."""
        condition = TimeCondition.IOC if who is self.crowd else TimeCondition.GFD
        return [
            PlaceOrder(
                who.account_id, f"r{command_id()}", target.symbol, direction, 0,
                min(target.max_lots, lots - done), 0, price, int(condition),
            )
            for done in range(0, lots, target.max_lots)
        ]  # fmt: skip

    # ------------------------------------------------------------------ events

    def _send(self, who: Robot, commands: list[Any]) -> None:
        """Send, and learn everything up to the last verdict."""
        if not commands:
            return
        outcomes = send_many(
            self.venue, commands, user_id=who.user_id, origin="replay", wait_s=ANSWER_S,
            command_ids=[command_id() for _ in commands],
        )  # fmt: skip
        self.commands += len(commands)
        for outcome in outcomes:
            if outcome.code:
                self.refused[outcome.code] += 1
        self.learn(max(outcome.last_seq for outcome in outcomes))

    def learn(self, until_seq: int = 0) -> None:
        """Take in the venue's events: all there are now, and those up to a sequence."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            events = self._tail.read(1)
            for event in events:
                self._take(event)
            if not events and (self._tail.seq >= until_seq or time.monotonic() > deadline):
                return

    def _take(self, event: list[Any]) -> None:
        kind = event[1]
        if kind == "Traded":
            self._filled(EVENTS[kind, event[2]]._make(event[EVENT_HEADER:]))
        elif kind in _TAKEN:
            order = OrderRow._make(EVENTS[kind, event[2]]._make(event[EVENT_HEADER:]).order)
            if order.account_id == self.maker.account_id:
                level = order.symbol, order.direction, order.limit_price
                self._keep(order.order_id, level, order.status, order.volume_left)
        elif kind in _CHANGES:
            self._change(OrderChange._make(EVENTS[kind, event[2]]._make(event[EVENT_HEADER:]).order))

    def _filled(self, event: Any) -> None:
        sides = [OrderChange._make(side[0]) for side in (event.taker, event.maker)]
        for own, other in (sides, sides[::-1]):
            known = self._orders.get(own.order_id)
            if known is None or own.account_id != self.maker.account_id:
                continue
            if other.account_id != self.crowd.account_id:
                self.consumed[known[0]] += event.volume
                self.taken += event.volume
            self._change(own)

    def _change(self, change: OrderChange) -> None:
        known = self._orders.get(change.order_id)
        if known is not None and change.account_id == self.maker.account_id:
            self._keep(change.order_id, known[0], change.status, change.volume_left)

    def _keep(self, order_id: str, level: Level, status: int, left: int) -> None:
        if status in _LIVING and left:
            self._orders[order_id] = level, left
        else:
            self._orders.pop(order_id, None)


def levels(tick: Tick, target: Target) -> dict[Level, int]:
    """Recorded lots by level, the five of each side."""
    found: dict[Level, int] = {}
    for direction, side in ((BUY, "bid"), (SELL, "ask")):
        for n in range(1, 6):
            price = target.units(getattr(tick, f"{side}_price{n}"))
            lots = getattr(tick, f"{side}_volume{n}")
            if price and lots:
                level = target.symbol, direction, price
                found[level] = found.get(level, 0) + lots
    return found
