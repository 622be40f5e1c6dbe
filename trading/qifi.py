"""QIFI: one account's day as one JSON text (T-37, D-35), field by field as the trade branch has it."""

from typing import Any

from trading import order_selectors, selectors
from trading.choices import ORDER_STATUS
from trading.codec import to_number, to_towards
from trading.diff_texts import last_msg
from trading.engine.figures import AccountFigures
from trading.engine.messages import Direction, EndReason, Offset, PositionRow, PriceType
from trading.models import CashFlow, Order, Trade, TradingAccount
from trading.representations import position_data, qifi_account

MOST = 5_000
"""Orders, trades and transfers of the day that are shown at most, the newest."""
WORKING = ("Submitted", "PartiallyFilled")
STATUS = {text: number for number, text in ORDER_STATUS.items()}
_NOT_QIFI = ("account_id",)


def qifi(venue: str, account: TradingAccount) -> dict[str, Any]:
    """The account with its positions, and the trading day's orders, trades and money."""
    day = selectors.trading_day(venue)
    figures = selectors.figures_of(venue, [account])[account.account_id]
    mine = order_selectors.Filters(account_ids=[account.account_id], trading_day=day)
    orders = list(order_selectors.orders(venue, mine).order_by("-id")[:MOST])
    living = order_selectors.Filters(account_ids=[account.account_id], status="working")
    known = {row.uid for row in orders}
    orders += [row for row in order_selectors.orders(venue, living)[:MOST] if row.uid not in known]
    trades = order_selectors.trades(venue, mine).order_by("-id")[:MOST]
    flows = order_selectors.all_flows(venue, mine).order_by("-id")[:MOST]
    return {
        **head(account, figures, day),
        "accounts": qifi_account(account, figures),
        "positions": positions(venue, account),
        "orders": {row.order_id: order(row) for row in sorted(orders, key=lambda row: row.uid)},
        "trades": {row.trade_id: trade(row) for row in trades},
        "transfers": {row.flow_id: transfer(row) for row in flows},
    }


def head(account: TradingAccount, figures: AccountFigures, day: int) -> dict[str, Any]:
    """What names the account."""
    return {
        "account_cookie": account.account_id,
        "portfolio": account.group or "default",
        "investor_name": account.account_name,
        "broker_name": selectors.current_venue(),
        "currency": account.currency,
        "money": to_number(figures.available),
        "status": account.status,
        "trading_day": str(day),
        "banks": {},
        "frozen": {},
        "events": {},
    }


def positions(venue: str, account: TradingAccount) -> dict[str, Any]:
    """Open positions by symbol, at the prices of this moment."""
    rows: list[PositionRow] = selectors.open_positions(venue, [account.account_id])[account.account_id]
    marks = selectors.marks_for(venue, (row.symbol for row in rows))
    return {row.symbol: position(row, *marks[row.symbol]) for row in rows}


def position(row: PositionRow, mark: int, multiple: int) -> dict[str, Any]:
    """A position; QIFI names instruments without their exchange."""
    data = position_data(row, mark, multiple)
    return {
        **{name: value for name, value in data.items() if name not in _NOT_QIFI},
        "instrument_id": row.symbol.partition(".")[2],
        "pos_long_his": row.long_his,
        "pos_long_today": row.long_today,
        "pos_short_his": row.short_his,
        "pos_short_today": row.short_today,
    }


def order(row: Order) -> dict[str, Any]:
    """An order in DIFF's words (D-31), with QIFI's `towards`."""
    exchange_id, _, instrument_id = row.symbol.partition(".")
    is_alive = row.status in WORKING
    direction, offset = Direction[row.direction], Offset[row.offset]
    return {
        "seqno": row.uid,
        "user_id": row.account_id,
        "order_id": row.order_id,
        "exchange_id": exchange_id,
        "instrument_id": instrument_id,
        "direction": row.direction,
        "offset": row.offset,
        "towards": to_towards(direction, offset),
        "volume_orign": row.volume,
        "price_type": row.price_type,
        "limit_price": float(row.limit_price),
        "time_condition": row.time_condition,
        "volume_condition": row.volume_condition,
        "insert_date_time": row.insert_time_ns,
        "exchange_order_id": str(row.exchange_order_id or ""),
        "status": "ALIVE" if is_alive else "FINISHED",
        "volume_left": row.volume_left,
        "frozen_margin": float(row.frozen_margin),
        "last_msg": last_msg(
            STATUS[row.status],
            PriceType[row.price_type],
            EndReason[row.end_reason] if row.end_reason else 0,
            row.code,
            row.params,
        ),
    }


def trade(row: Trade) -> dict[str, Any]:
    """A trade in DIFF's words (D-32)."""
    exchange_id, _, instrument_id = row.symbol.partition(".")
    return {
        "seqno": row.seq,
        "user_id": row.account_id,
        "trade_id": row.trade_id,
        "order_id": row.order_id,
        "exchange_id": exchange_id,
        "instrument_id": instrument_id,
        "exchange_order_id": str(row.exchange_order_id),
        "exchange_trade_id": str(row.exchange_trade_id),
        "direction": row.direction,
        "offset": row.offset,
        "volume": row.volume,
        "price": float(row.price),
        "trade_date_time": row.time_ns,
        "commission": float(row.commission),
    }


def transfer(row: CashFlow) -> dict[str, Any]:
    """A movement of money."""
    return {
        "id": row.flow_id,
        "datetime": row.time_ns,
        "currency": "CNY",
        "amount": float(row.amount),
        "error_id": 0,
        "error_msg": "",
    }
