"""An account as it stands, kept by events while a socket looks at it (A-43).

Rows and prices are the core's ints (1/10 000 yuan). What follows the price is computed when
asked, by the engine's own function (T-58a).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from marketdata.fanout.account_rows import MOST_ORDERS, AccountRows, FlowState, OrderState, TradeState
from trading.engine.figures import AccountFigures, account_figures
from trading.engine.messages import (
    EVENT_HEADER,
    AccountRow,
    AccountSettled,
    FillSide,
    FundsMoved,
    FundsRow,
    OrderRow,
    PositionRow,
    Traded,
)
from trading.representations import changed

Event = list[Any]
Marks = Mapping[str, tuple[int, int]]


@dataclass(slots=True)
class Change:
    """What one read of events (or a price) did to an account."""

    account: bool = False
    orders: set[str] = field(default_factory=set)
    trades: set[str] = field(default_factory=set)
    positions: set[str] = field(default_factory=set)
    flows: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    """The account's events themselves, those included that change nothing (refusals)."""
    is_whole: bool = False
    """The image was built anew: everything may have changed."""
    session: bool = False
    """A new trading day has begun."""


class ImageListener(Protocol):
    """Who looks at an account; called on the event loop, must neither raise nor wait."""

    def on_account(self, image: "AccountImage", change: Change) -> None:
        """The account changed."""


class Former(NamedTuple):
    """What the last settlement took out of the image: a socket may still have to tell of it."""

    orders: dict[str, OrderState]
    trades: dict[str, TradeState]
    flows: dict[str, FlowState]


class AccountImage:
    """One account: ``account``, ``funds``, ``positions`` by symbol, ``orders`` by client order id,
    ``trades`` by trade id, ``flows`` by flow id, all after event ``seq`` of ``trading_day``."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.is_ready = False
        self.seq = 0
        self.trading_day = 0
        self.account: AccountRow = AccountRow(
            account_id, "", "", "", "CNY", "", 0, 0, True, "", False, False, 0
        )
        self.funds = FundsRow(account_id, *[0] * (len(FundsRow._fields) - 1))
        self.positions: dict[str, PositionRow] = {}
        self.orders: dict[str, OrderState] = {}
        self.trades: dict[str, TradeState] = {}
        self.flows: dict[str, FlowState] = {}
        self.former = Former({}, {}, {})

    def fill(self, rows: AccountRows) -> None:
        """Take the tables' rows in place of everything."""
        self.seq, self.trading_day = rows.seq, rows.trading_day
        self.account, self.funds = rows.account, rows.funds
        self.positions = {row.symbol: row for row in rows.positions}
        self.orders = {state.row.order_id: state for state in rows.orders}
        self.trades = {state.trade_id: state for state in rows.trades}
        self.flows = {state.flow_id: state for state in rows.flows}
        self.is_ready = True

    def apply(self, events: list[Event]) -> Change:
        """Take events of the account in order; those the image already holds are passed over."""
        change = Change()
        for event in events:
            if event[0] <= self.seq:
                continue
            self.seq = event[0]
            change.events.append(event)
            apply = _APPLY.get(event[1])
            if apply is not None:
                apply(self, event, change)
        return change

    def figures(self, marks: Marks, excludes_profit: bool = False) -> AccountFigures:
        """The account's figures at prices: symbol → (mark, multiple), for every held symbol."""
        held = [row for row in self.positions.values() if not is_flat(row)]
        return account_figures(self.funds, held, marks, excludes_profit)

    def held(self) -> list[str]:
        """Symbols of positions with lots."""
        return [symbol for symbol, row in self.positions.items() if not is_flat(row)]

    def order(self, order_id: str) -> OrderState | None:
        """An order of this day, or one that ended with the last."""
        return self.orders.get(order_id) or self.former.orders.get(order_id)

    def trade(self, trade_id: str) -> TradeState | None:
        """A fill of this day or the last."""
        return self.trades.get(trade_id) or self.former.trades.get(trade_id)

    def flow(self, flow_id: str) -> FlowState | None:
        """A movement of money of this day or the last."""
        return self.flows.get(flow_id) or self.former.flows.get(flow_id)

    # ------------------------------------------------------------ event by event

    def _set_funds(self, values: list[Any], change: Change) -> None:
        self.funds = FundsRow(*values)
        change.account = True

    def _set_position(self, values: list[Any] | None, change: Change) -> None:
        if values is not None:
            row = PositionRow(*values)
            self.positions[row.symbol] = row
            change.positions.add(row.symbol)

    def _set_order(self, state: OrderState, change: Change) -> None:
        order_id = state.row.order_id
        self.orders.pop(order_id, None)
        self.orders[order_id] = state
        change.orders.add(order_id)
        self._trim()

    def _change_order(self, values: list[Any], change: Change, time_ns: int, **ended: Any) -> None:
        state = self.orders.get(values[2])
        if state is not None and state.row.uid == values[0]:
            self.orders[values[2]] = state._replace(
                row=changed(state.row, values), update_ns=time_ns, **ended
            )
            change.orders.add(values[2])

    def show_pending(self, row: OrderRow) -> bool:
        """Show an order that the core has not spoken of yet (D-30); False when it has."""
        if row.order_id in self.orders:
            return False
        self._set_order(OrderState(row, update_ns=row.insert_time_ns), Change())
        return True

    def _trim(self) -> None:
        """Keep the newest ended orders; living ones stay."""
        if len(self.orders) <= 2 * MOST_ORDERS:
            return
        ended = [order_id for order_id, state in self.orders.items() if not state.is_alive]
        for order_id in ended[: len(self.orders) - MOST_ORDERS]:
            del self.orders[order_id]

    def accepted(self, event: Event, change: Change) -> None:
        """OrderAccepted and OrderModified."""
        self._set_order(OrderState(OrderRow(*event[5]), update_ns=event[3]), change)
        self._set_funds(event[6], change)
        self._set_position(event[7], change)

    def rejected(self, event: Event, change: Change) -> None:
        row = OrderRow(*event[5])
        known = self.orders.get(row.order_id)
        if known is not None and not row.symbol:  # closed for good before it came (D-30)
            row = known.row._replace(uid=row.uid, status=row.status)
        if known is None or not known.row.exchange_order_id:
            self._set_order(OrderState(row, 0, event[6], event[7], event[3]), change)

    def cancelled(self, event: Event, change: Change) -> None:
        self._change_order(event[5], change, event[3], end_reason=event[6], code=event[7])
        self._set_funds(event[8], change)
        self._set_position(event[9], change)

    def carried(self, event: Event, change: Change) -> None:
        self._change_order(event[5], change, event[3])
        self._set_funds(event[6], change)
        self._set_position(event[7], change)

    def resolved(self, event: Event, change: Change) -> None:
        self._change_order(event[5], change, event[3])

    def traded(self, event: Event, change: Change) -> None:
        fill = Traded(*event[EVENT_HEADER:])
        for values, is_taker in ((fill.taker, True), (fill.maker, False)):
            side = FillSide(*values)
            if side.order[1] != self.account_id:
                continue
            self._change_order(side.order, change, event[3])
            self._set_funds(side.funds, change)
            self._set_position(side.position, change)
            trade = TradeState(
                event[0], fill.trading_day, fill.symbol, fill.exchange_trade_id, side.order[2], side.order[0],
                side.order[5], side.direction, side.offset, fill.price, fill.volume, side.commission,
                side.close_profit, is_taker, event[3],
            )  # fmt: skip
            self.trades[trade.trade_id] = trade
            change.trades.add(trade.trade_id)
            if len(self.trades) > 2 * MOST_ORDERS:
                for old in list(self.trades)[:MOST_ORDERS]:
                    del self.trades[old]

    def moved(self, event: Event, change: Change) -> None:
        flow = FundsMoved(*event[EVENT_HEADER:])
        self._set_funds(flow.funds, change)
        self.flows[flow.flow_id] = FlowState(flow.flow_id, flow.kind, flow.amount, event[3])
        change.flows.add(flow.flow_id)

    def account_changed(self, event: Event, change: Change) -> None:
        self.account = AccountRow(*event[5])
        change.account = True

    def remargined(self, event: Event, change: Change) -> None:
        self._set_funds(event[5], change)
        self._set_position(event[6], change)

    def settled(self, event: Event, change: Change) -> None:
        """A new day: today's trades, transfers and ended orders are yesterday's (T-92)."""
        day = AccountSettled(*event[EVENT_HEADER:])
        self._set_funds(day.funds, change)
        self.former = Former(self.orders, self.trades, self.flows)
        self.orders = {order_id: state for order_id, state in self.orders.items() if state.is_alive}
        self.trades, self.flows = {}, {}
        self.positions = {symbol: row for symbol, row in self.positions.items() if not is_flat(row)}
        change.positions |= set(self.positions)
        for values in day.positions:
            self._set_position(values, change)


_APPLY: dict[str, Callable[[AccountImage, Event, Change], None]] = {
    "OrderAccepted": AccountImage.accepted,
    "OrderModified": AccountImage.accepted,
    "OrderRejected": AccountImage.rejected,
    "OrderCancelled": AccountImage.cancelled,
    "OrderCarried": AccountImage.carried,
    "OrderResolved": AccountImage.resolved,
    "Traded": AccountImage.traded,
    "FundsMoved": AccountImage.moved,
    "AccountChanged": AccountImage.account_changed,
    "PositionRemargined": AccountImage.remargined,
    "AccountSettled": AccountImage.settled,
}


def is_flat(row: PositionRow) -> bool:
    """Has the position no lots?"""
    return not (row.long_today or row.long_his or row.short_today or row.short_his)
