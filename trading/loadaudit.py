"""Do a venue's events add up? The books' check of load tests and drills (T-58, R-1).

Pure: takes events one by one in order and keeps what is needed to say at the end which
sums do not hold. Conservation is checked when the events were read from the first one on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from trading.engine.messages import (
    EVENT_HEADER,
    EVENTS,
    FundsRow,
    OrderChange,
    OrderRow,
    OrderStatus,
    PositionRow,
    Traded,
)

OrderKey = tuple[str, str]
"""(account_id, order_id)."""

_ENDED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED})
_POSITION_SYMBOL = PositionRow._fields.index("symbol")


class SeenOrder:
    """What the events said of one order."""

    __slots__ = ("decisions", "volume", "left", "filled", "status")

    def __init__(self) -> None:
        self.decisions = 0
        self.volume = 0
        self.left = 0
        self.filled = 0
        self.status = 0


class EventAudit:
    """Reads events in order; `faults` names everything that does not hold."""

    def __init__(self) -> None:
        self.first_seq = 0
        self.last_seq = 0
        self.orders: dict[OrderKey, SeenOrder] = defaultdict(SeenOrder)
        self.trades = 0
        self.refusals: Counter[int] = Counter()
        self.funds: dict[str, FundsRow] = {}
        self._positions: dict[tuple[str, str], PositionRow] = {}
        self._flows: Counter[str] = Counter()
        self._commission: Counter[str] = Counter()
        self._close_profit: Counter[str] = Counter()
        self._open_interest: dict[str, int] = {}
        self._was_settled = False
        self._faults: list[str] = []

    def learn(self, events: Iterable[list[Any]]) -> None:
        """Take some events in."""
        for event in events:
            self._count(event[0])
            fields = EVENTS[event[1], event[2]]._make(event[EVENT_HEADER:])
            handler = _HANDLERS.get(event[1])
            if handler is not None:
                handler(self, fields)

    def faults(self) -> list[str]:
        """Everything that does not hold; the sums only for a log read from its start."""
        found = self._faults + self._order_faults()
        if self.first_seq == 1 and not self._was_settled:
            found += self._account_faults() + self._market_faults()
        return found

    def order_faults(self, acknowledged: Iterable[OrderKey]) -> list[str]:
        """Acknowledged orders that the events do not tell exactly once."""
        return [
            f"{account_id} {order_id}: acknowledged, decided {found} times"
            for account_id, order_id in acknowledged
            if (found := self._decisions((account_id, order_id))) != 1
        ]

    def _decisions(self, key: OrderKey) -> int:
        return self.orders[key].decisions if key in self.orders else 0

    def _count(self, seq: int) -> None:
        if not self.first_seq:
            self.first_seq = seq
        elif seq != self.last_seq + 1:
            self._faults.append(f"event {seq} follows event {self.last_seq}")
        self.last_seq = seq

    # ---------------------------------------------------------------- what is read

    def _accepted(self, event: Any) -> None:
        order = OrderRow._make(event.order)
        seen = self.orders[order.account_id, order.order_id]
        seen.decisions += 1
        seen.volume = order.volume
        self._take_state(seen, order, order.order_id)
        self._take_rows(event.funds, event.position)

    def _modified(self, event: Any) -> None:
        order = OrderRow._make(event.order)
        seen = self.orders[order.account_id, order.order_id]
        seen.volume = order.volume
        self._take_state(seen, order, order.order_id)
        self._take_rows(event.funds, event.position)

    def _rejected(self, event: Any) -> None:
        order = OrderRow._make(event.order)
        seen = self.orders[order.account_id, order.order_id]
        seen.decisions += 1
        seen.volume = order.volume
        self._take_state(seen, order, order.order_id)
        self.refusals[event.code] += 1

    def _cancelled(self, event: Any) -> None:
        change = OrderChange._make(event.order)
        seen = self.orders[change.account_id, change.order_id]
        self._take_state(seen, change, change.order_id)
        self._take_rows(event.funds, event.position)

    def _cancel_rejected(self, event: Any) -> None:
        self.refusals[event.code] += 1

    def _traded(self, event: Traded) -> None:
        self.trades += 1
        self._open_interest[event.symbol] = event.open_interest
        for side in (event.taker, event.maker):
            change, _, _, commission, close_profit, funds, position = side
            change = OrderChange._make(change)
            seen = self.orders[change.account_id, change.order_id]
            seen.filled += event.volume
            self._take_state(seen, change, change.order_id)
            self._commission[change.account_id] += commission
            self._close_profit[change.account_id] += close_profit
            self._take_rows(funds, position)

    def _moved(self, event: Any) -> None:
        self._flows[event.account_id] += event.amount
        self._take_rows(event.funds, None)

    def _settled(self, _: Any) -> None:
        self._was_settled = True

    def _take_state(self, seen: SeenOrder, row: OrderRow | OrderChange, order_id: str) -> None:
        if seen.status in _ENDED:
            self._faults.append(f"{row.account_id} {order_id}: changed after its end")
        seen.status = row.status
        seen.left = row.volume_left

    def _take_rows(self, funds: list[Any], position: list[Any] | None) -> None:
        row = FundsRow._make(funds)
        self.funds[row.account_id] = row
        if position is not None:
            self._positions[row.account_id, position[_POSITION_SYMBOL]] = PositionRow._make(position)

    # ---------------------------------------------------------------- what must hold

    def _order_faults(self) -> list[str]:
        complete = self.first_seq == 1
        return [
            f"{key[0]} {key[1]}: decided {seen.decisions} times, {seen.filled} of {seen.volume} "
            f"lots filled, {seen.left} left"
            for key, seen in self.orders.items()
            if seen.decisions > 1
            or (complete and seen.decisions == 0)
            or (seen.decisions and seen.volume and seen.filled + seen.left != seen.volume)
        ]

    def _account_faults(self) -> list[str]:
        """Flows, fees and profits of each account against its funds (T-101)."""
        found = []
        for account_id, funds in self.funds.items():
            sums = (
                ("flows", funds.deposit - funds.withdraw, self._flows[account_id]),
                ("commission", funds.commission, self._commission[account_id]),
                ("close profit", funds.close_profit, self._close_profit[account_id]),
            )
            found += [
                f"{account_id}: {name} is {held}, its records add up to {summed}"
                for name, held, summed in sums
                if held != summed
            ]
        return found

    def _market_faults(self) -> list[str]:
        """Long = short = open interest, and all profits sum to zero before fees (T-58)."""
        long: Counter[str] = Counter()
        short: Counter[str] = Counter()
        cost = 0
        for (_, symbol), row in self._positions.items():
            long[symbol] += row.long_today + row.long_his
            short[symbol] += row.short_today + row.short_his
            cost += row.long_position_cost_today + row.long_position_cost_his
            cost -= row.short_position_cost_today + row.short_position_cost_his
        found = [
            f"{symbol}: long {long[symbol]}, short {short[symbol]}, open interest {interest}"
            for symbol, interest in self._open_interest.items()
            if not long[symbol] == short[symbol] == interest
        ]
        profit = sum(self._close_profit.values())
        if profit != cost:
            found.append(f"profits sum to {profit}, the open positions' costs to {cost}")
        return found


_HANDLERS: dict[str, Any] = {
    "OrderAccepted": EventAudit._accepted,
    "OrderModified": EventAudit._modified,
    "OrderRejected": EventAudit._rejected,
    "OrderCancelled": EventAudit._cancelled,
    "CancelRejected": EventAudit._cancel_rejected,
    "Traded": EventAudit._traded,
    "FundsMoved": EventAudit._moved,
    "AccountSettled": EventAudit._settled,
}
