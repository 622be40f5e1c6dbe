"""An account's rows of one moment, as the core's rows (A-43). Blocking; never on the event loop."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from trading import choices
from trading.engine.messages import (
    AccountRow,
    AccountStatus,
    Direction,
    EndReason,
    FreezeMode,
    FundsRow,
    Offset,
    OrderRow,
    OrderStatus,
    PositionRow,
    PriceType,
    TimeCondition,
    VolumeCondition,
)
from trading.models import CashFlow, Order, Position, ProjectorCursor, Trade, TradingAccount, Venue
from trading.representations import funds_row, position_row, units_of
from trading.selectors import FLAT

MOST_ORDERS = 5_000
"""Ended orders, trades and transfers of the day that an image holds at most, the newest."""
WORKING = ("Submitted", "PartiallyFilled")
_STATUS = {text: OrderStatus(number) for number, text in choices.ORDER_STATUS.items()}


class OrderState(NamedTuple):
    """An order and how it ended: EndReason or 0, a code of the one table or 0 with its params."""

    row: OrderRow
    end_reason: int = 0
    code: int = 0
    params: dict[str, Any] = {}
    update_ns: int = 0

    @property
    def is_alive(self) -> bool:
        return self.row.status in (OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)


class TradeState(NamedTuple):
    """One side of a fill; `seq` is its event's, money 1/10 000 yuan."""

    seq: int
    trading_day: int
    symbol: str
    exchange_trade_id: int
    order_id: str
    order_uid: int
    exchange_order_id: int
    direction: int
    offset: int
    price: int
    volume: int
    commission: int
    close_profit: int
    is_taker: bool
    time_ns: int

    @property
    def trade_id(self) -> str:
        """The trade's name outside its instrument (T-34)."""
        return f"{self.order_id}|{self.exchange_trade_id}"


class FlowState(NamedTuple):
    """A movement of money, + in, - out."""

    flow_id: str
    kind: str
    amount: int
    time_ns: int


class AccountRows(NamedTuple):
    """Everything of one account as the tables had it after event `seq`."""

    seq: int
    trading_day: int
    account: AccountRow
    funds: FundsRow
    positions: list[PositionRow]
    orders: list[OrderState]
    trades: list[TradeState]
    flows: list[FlowState]


def read_account(venue: str, account_id: str) -> AccountRows | None:
    """The account's rows and the projector's cursor in one snapshot; None for no such account."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        place = Venue.objects.filter(code=venue).values_list("id", "trading_day").first()
        if place is None:
            return None
        number, day = place
        account = TradingAccount.objects.filter(venue=number, account_id=account_id).first()
        if account is None:
            return None
        seq = ProjectorCursor.objects.filter(venue=venue).values_list("seq", flat=True).first() or 0
        return AccountRows(
            seq,
            day,
            _account_row(account),
            funds_row(account),
            _positions(number, account_id, day),
            _orders(number, account_id, day),
            _trades(number, account_id, day),
            _flows(number, account_id, day),
        )


def _account_row(account: TradingAccount) -> AccountRow:
    return AccountRow(
        account.account_id,
        account.user_id,
        account.account_name,
        account.account_type,
        account.currency,
        account.group,
        int(AccountStatus[account.status]),
        int(FreezeMode[account.freeze_mode]),
        account.can_close,
        account.freeze_reason,
        account.is_market_maker,
        account.is_robot,
        account.opened_ns,
        units_of(account.max_order_amount),
    )


def _positions(number: int, account_id: str, day: int) -> list[PositionRow]:
    """Positions with lots, and those that became flat today (D-32)."""
    rows = Position.objects.filter(venue=number, account_id=account_id)
    rows = rows.filter(~FLAT | Q(trading_day=day)).order_by("symbol")
    return [position_row(row) for row in rows]


def _newest(rows: QuerySet[Any]) -> list[Any]:
    return list(rows.order_by("-id")[:MOST_ORDERS])[::-1]


def _orders(number: int, account_id: str, day: int) -> list[OrderState]:
    """The day's orders and every living one of earlier days, oldest first."""
    own = Order.objects.filter(venue=number, account_id=account_id)
    living: Iterable[Order] = own.filter(status__in=WORKING).order_by("id")
    found = {row.uid: row for row in _newest(own.filter(trading_day=day))}
    found |= {row.uid: row for row in living}
    return [_order_state(found[uid]) for uid in sorted(found)]


def _order_state(row: Order) -> OrderState:
    values = OrderRow(
        row.uid, row.account_id, row.order_id, row.symbol, int(Direction[row.direction]),
        int(Offset[row.offset]), row.volume, int(PriceType[row.price_type]), units_of(row.limit_price),
        int(TimeCondition[row.time_condition]), int(VolumeCondition[row.volume_condition]),
        row.min_volume, row.gtd_date, row.hedge_flag, row.client_tag, row.trading_day,
        row.insert_time_ns, row.exchange_order_id, int(_STATUS[row.status]), row.volume_left,
        units_of(row.filled_value), units_of(row.frozen_margin), units_of(row.frozen_commission),
    )  # fmt: skip
    reason = int(EndReason[row.end_reason]) if row.end_reason else 0
    return OrderState(values, reason, row.code, row.params, row.update_time_ns)


def _trades(number: int, account_id: str, day: int) -> list[TradeState]:
    rows = _newest(Trade.objects.filter(venue=number, account_id=account_id, trading_day=day))
    return [
        TradeState(
            row.seq, row.trading_day, row.symbol, row.exchange_trade_id, row.order_id, row.order_uid,
            row.exchange_order_id, int(Direction[row.direction]), int(Offset[row.offset]),
            units_of(row.price), row.volume, units_of(row.commission), units_of(row.close_profit),
            row.is_taker, row.time_ns,
        )
        for row in rows
    ]  # fmt: skip


def _flows(number: int, account_id: str, day: int) -> list[FlowState]:
    rows = _newest(CashFlow.objects.filter(venue=number, account_id=account_id, trading_day=day))
    return [FlowState(row.flow_id, row.kind, units_of(row.amount), row.time_ns) for row in rows]
