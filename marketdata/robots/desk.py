"""One contract's two robots: what they know from events, what they do next (M-20).

Everything known comes from the venue's events, which carry absolute values, so a desk that
starts anew or missed an answer is right again after the next event of its account.
"""

import random
from typing import Any, NamedTuple

from trading.engine import codes
from trading.engine.entities import SEPARATE_TODAY_EXCHANGES
from trading.engine.messages import (
    EVENT_HEADER,
    EVENTS,
    CancelAll,
    CancelOrder,
    CommandDone,
    Direction,
    ModifyOrder,
    OrderChange,
    OrderRow,
    OrderStatus,
    Phase,
    PlaceOrder,
    PositionRow,
    TimeCondition,
)

from .process import PriceProcess
from .quoting import Cancel, Holding, Move, Place, Quote, choose_offset, ladder, plan, quote_lots

LEVELS = 5
POSITION_QUOTES = 12
"""A robot holds at most so many quotes' lots a side."""
REFUSED_REST_MS = 5_000
"""After a refusal a desk leaves its contract alone for so long."""
ANSWER_MS = 5_000
"""A command without an answer for so long makes its desk start over with CancelAll."""
COSTLY = frozenset({codes.INSUFFICIENT_FUNDS, codes.RISK_RATIO_TOO_HIGH, codes.POSITION_LIMIT})

_GONE = frozenset({codes.ORDER_NOT_FOUND, codes.ORDER_NOT_CANCELLABLE})
_LIVING = frozenset({OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED})


class Terms(NamedTuple):
    """A contract as far as robots need it; money units are 1/10 000 yuan."""

    symbol: str
    price_tick: int
    volume_multiple: int
    max_lots: int
    position_limit: int  # lots a side, 0 = none


class View(NamedTuple):
    """What the public quote of a contract says; prices in ticks, 0 = none."""

    phase: int
    as_of_seq: int
    bid: int
    ask: int
    last: int
    anchor: int  # previous settlement
    lower: int
    upper: int


class Pace(NamedTuple):
    """Settings that hold for every desk."""

    spread: int = 1  # ticks between best bid and best ask
    move_ms: int = 4_000  # mean time between two ticks of the price process
    trade_ms: int = 1_000  # mean time between two orders of the crowd
    levels: int = LEVELS


class Desk:
    """The maker's and the crowd's state in one contract; times are milliseconds."""

    def __init__(self, terms: Terms, maker: str, crowd: str, seed: str) -> None:
        self.terms = terms
        self.maker = maker
        self.crowd = crowd
        self.seed = seed
        self.separate_today = terms.symbol.partition(".")[0] in SEPARATE_TODAY_EXCHANGES
        self.process: PriceProcess | None = None
        self.quotes: dict[str, Quote] = {}
        self.holdings: dict[str, tuple[Holding, Holding]] = {}
        self.pending: dict[str, int] = {}
        self.restart_id = ""
        self.restart_due_ms = 0
        self.must_restart = True
        self._to_end = 0
        self.last_seq = 0
        self.trades = 0
        self.short_of_money: set[str] = set()
        self.was_refused = False
        self._quiet_until_ms = 0
        self._next_trade_ms = 0
        self._source = random.Random(f"{seed}:crowd")

    # ------------------------------------------------------------- what happened

    def sent(self, command_id: str, now_ms: int) -> None:
        """Remember a command that waits for its event."""
        self.pending[command_id] = now_ms + ANSWER_MS

    def refused(self, command_id: str) -> None:
        """Forget a command that never reached the log."""
        self.pending.pop(command_id, None)
        if command_id == self.restart_id:
            self.restart_due_ms = 0

    def lost(self) -> None:
        """Start over: what became of a command is not known."""
        self.must_restart = True
        self.restart_due_ms = 0
        self.pending.clear()

    def learn(self, event: list[Any]) -> None:
        """Take an event of the venue in; others' events are none of this desk's."""
        command_id = event[4]
        self.pending.pop(command_id, None)
        if self.restart_id and command_id == self.restart_id and event[1] == "CommandDone":
            self._cleared(CommandDone._make(event[EVENT_HEADER:]).objects)
        handler = _HANDLERS.get(event[1])
        if handler is not None:
            handler(self, EVENTS[event[1], event[2]]._make(event[EVENT_HEADER:]), event[0])

    def _cleared(self, orders_to_end: int) -> None:
        """CancelAll is answered at once, its orders end with the next Ticks (A-45)."""
        self.restart_id = ""
        self.quotes.clear()
        self._to_end = orders_to_end
        self.must_restart = orders_to_end > 0

    def _accepted(self, event: Any, seq: int) -> None:
        order = OrderRow._make(event.order)
        if order.symbol != self.terms.symbol:
            return
        self.last_seq = seq
        self._take_position(event.position)
        if order.account_id == self.maker:
            self._set_quote(order)

    def _changed(self, event: Any, seq: int) -> None:
        change = OrderChange._make(event.order)
        if change.symbol == self.terms.symbol:
            self.last_seq = seq
            self._take_position(event.position)
            self._take_change(change)
            self._one_ended(change)

    def _one_ended(self, change: OrderChange) -> None:
        if self._to_end and change.account_id == self.maker and change.status not in _LIVING:
            self._to_end -= 1
            self.must_restart = self._to_end > 0

    def _traded(self, event: Any, seq: int) -> None:
        if event.symbol != self.terms.symbol:
            return
        self.last_seq = seq
        self.trades += 1
        for side in (event.taker, event.maker):
            change = OrderChange._make(side[0])
            if change.account_id in (self.maker, self.crowd):
                self._take_position(side[6])
                self._take_change(change)

    def _rejected(self, event: Any, seq: int) -> None:
        order = OrderRow._make(event.order)
        if order.account_id not in (self.maker, self.crowd) or order.symbol != self.terms.symbol:
            return
        self.was_refused = True
        if event.code in COSTLY:
            self.short_of_money.add(order.account_id)

    def _cancel_rejected(self, event: Any, seq: int) -> None:
        if event.account_id == self.maker:
            self.was_refused = True
            if event.code in _GONE:
                self.quotes.pop(event.order_id, None)
            else:
                self.must_restart = True

    def _settled(self, event: Any, seq: int) -> None:
        for row in event.positions:
            self._take_position(row)

    def _set_quote(self, order: OrderRow) -> None:
        if order.status in _LIVING and order.volume_left:
            price = order.limit_price // self.terms.price_tick
            self.quotes[order.order_id] = Quote(order.order_id, order.direction, price, order.volume_left)
        else:
            self.quotes.pop(order.order_id, None)

    def _take_change(self, change: OrderChange) -> None:
        quote = self.quotes.get(change.order_id)
        if quote is None or change.account_id != self.maker:
            return
        if change.status in _LIVING and change.volume_left:
            self.quotes[change.order_id] = quote._replace(left=change.volume_left)
        else:
            del self.quotes[change.order_id]

    def _take_position(self, row: list[Any] | None) -> None:
        if row is None or row[1] != self.terms.symbol or row[0] not in (self.maker, self.crowd):
            return
        position = PositionRow._make(row)
        self.holdings[position.account_id] = (
            Holding(
                position.long_today - position.long_frozen_today,
                position.long_his - position.long_frozen_his,
                position.long_today + position.long_his,
            ),
            Holding(
                position.short_today - position.short_frozen_today,
                position.short_his - position.short_frozen_his,
                position.short_today + position.short_his,
            ),
        )

    # ------------------------------------------------------------- what to do next

    def restart(self, command_id: str, now_ms: int) -> CancelAll | None:
        """The command that clears the maker's orders, when the desk must start over."""
        if not self.must_restart or now_ms < self.restart_due_ms:
            return None
        self.restart_id = command_id
        self._to_end = 0
        self.restart_due_ms = now_ms + ANSWER_MS
        return CancelAll(self.maker)

    def is_waiting(self, now_ms: int) -> bool:
        """Does an answer stand out, or a rest last? An answer too late starts the desk over."""
        if self.was_refused:
            self.was_refused = False
            self._quiet_until_ms = now_ms + REFUSED_REST_MS
        if any(now_ms >= due for due in self.pending.values()):
            self.lost()
        return self.must_restart or bool(self.pending) or now_ms < self._quiet_until_ms

    def requote(self, view: View, pace: Pace, now_ms: int) -> list[Any]:
        """Commands of the maker: none unless its price moved a tick or a quote is gone."""
        if view.phase != Phase.CONTINUOUS or not view.upper:
            return []
        process = self._process(view)
        process.advance(now_ms, pace.move_ms, view.lower + LEVELS, view.upper - LEVELS)
        bids, asks = ladder(process.price, pace.spread, pace.levels, view.lower, view.upper)
        actions = plan(bids, asks, list(self.quotes.values()))
        return [command for action in actions if (command := self._command(action)) is not None]

    def trade(self, view: View, pace: Pace, now_ms: int) -> PlaceOrder | None:
        """An order of the crowd at the best price it sees, when one is due and the book fresh."""
        if now_ms < self._next_trade_ms:
            return None
        is_first = not self._next_trade_ms
        self._next_trade_ms = now_ms + self._source.randrange(pace.trade_ms // 2, pace.trade_ms * 3 // 2 + 1)
        if is_first or not self._is_fresh(view):
            return None
        direction = self._side_of_crowd()
        price = view.ask if direction == Direction.BUY else view.bid
        lots = self._source.randint(1, max(1, self._quote_lots(price) // 6))
        return self._order(self.crowd, direction, price, lots, time_condition=int(TimeCondition.IOC))

    def _is_fresh(self, view: View) -> bool:
        """Is the public book as new as the last event here, with both sides there?"""
        return view.phase == Phase.CONTINUOUS and view.as_of_seq >= self.last_seq and 0 < view.bid < view.ask

    def _side_of_crowd(self) -> int:
        long, short = self.holdings.get(self.crowd, (Holding(), Holding()))
        most = max(1, self._limit(1 if self.process is None else self.process.price))
        tilt = 400 * (long.lots - short.lots) // most
        return Direction.BUY if self._source.randrange(1000) >= 500 + tilt else Direction.SELL

    def _process(self, view: View) -> PriceProcess:
        if self.process is None:
            self.process = PriceProcess(self.seed, view.last or view.anchor, view.anchor)
        process = self.process
        process.anchor = view.anchor
        return process

    def _command(self, action: Move | Place | Cancel) -> Any:
        if isinstance(action, Move):
            price = action.price * self.terms.price_tick
            return ModifyOrder(self.maker, action.order_id, limit_price=price)
        if isinstance(action, Cancel):
            return CancelOrder(self.maker, action.order_id)
        lots = self._quote_lots(action.price)
        return self._order(self.maker, action.direction, action.price, lots)

    def _order(
        self, account: str, direction: int, price: int, lots: int, time_condition: int = 2
    ) -> PlaceOrder | None:
        sides = self.holdings.get(account, (Holding(), Holding()))
        own, opposite = sides if direction == Direction.BUY else sides[::-1]
        choice = choose_offset(lots, own, opposite, self._limit(price), self.separate_today)
        if choice is None:
            return None
        offset, lots = choice
        if offset:
            self._reserve(account, direction, offset, lots)
        return PlaceOrder(
            account, "", self.terms.symbol, int(direction), int(offset), lots,
            limit_price=price * self.terms.price_tick, time_condition=time_condition,
        )  # fmt: skip

    def _reserve(self, account: str, direction: int, offset: int, lots: int) -> None:
        """Count lots that a sent order will freeze as gone until an event says what is."""
        sides = list(self.holdings[account])
        index = 1 if direction == Direction.BUY else 0
        held = sides[index]
        uses_today = not self.separate_today or offset == 2
        today = min(lots, held.today) if uses_today else 0
        sides[index] = held._replace(today=held.today - today, his=held.his - (lots - today))
        self.holdings[account] = (sides[0], sides[1])

    def _quote_lots(self, price: int) -> int:
        terms = self.terms
        return quote_lots(price * terms.price_tick, terms.volume_multiple, terms.max_lots)

    def _limit(self, price: int) -> int:
        most = self._quote_lots(price) * POSITION_QUOTES
        return min(most, self.terms.position_limit or most)


_HANDLERS: dict[str, Any] = {
    "OrderAccepted": Desk._accepted,
    "OrderModified": Desk._accepted,
    "OrderCancelled": Desk._changed,
    "OrderCarried": Desk._changed,
    "Traded": Desk._traded,
    "OrderRejected": Desk._rejected,
    "CancelRejected": Desk._cancel_rejected,
    "AccountSettled": Desk._settled,
}
