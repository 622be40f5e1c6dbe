"""Rows and events as the JSON of the REST interface (H-7): money numbers, times in ms."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from exchange_site.exceptions import message
from trading.choices import (
    DIRECTION,
    OFFSET,
    ORDER_STATUS,
    PRICE_TYPE,
    TIME_CONDITION,
    VOLUME_CONDITION,
    EndReason,
)
from trading.codec import to_number
from trading.engine.figures import ABOVE_EVERY_THRESHOLD, AccountFigures, side_figures
from trading.engine.messages import EVENT_HEADER, FundsMoved, FundsRow, OrderChange, OrderRow, PositionRow
from trading.engine.units import NS_PER_MS, PPM, SCALE
from trading.models import CashFlow, Instrument, Order, Position, Trade, TradingAccount

SHOWN_ABOVE_ALL = 9999.0
"""What a ratio above every threshold is shown as (T-52)."""
FUNDS_FIELDS = FundsRow._fields[1:]
_COST_FIELDS = frozenset(name for name in PositionRow._fields if "cost" in name or name.endswith("margin"))


def units_of(amount: Decimal) -> int:
    """Yuan of a table as 1/10 000 yuan."""
    return int(amount * SCALE)


def ratio_of(ppm: int) -> float:
    """A risk ratio as a number; above every threshold it is 9999."""
    return SHOWN_ABOVE_ALL if ppm == ABOVE_EVERY_THRESHOLD else ppm / PPM


def funds_row(account: TradingAccount) -> FundsRow:
    """The account's realised figures as the core's row."""
    return FundsRow(account.account_id, *(units_of(getattr(account, name)) for name in FUNDS_FIELDS))


def position_row(position: Position) -> PositionRow:
    """A position of the tables as the core's row."""
    values = {name: getattr(position, name) for name in PositionRow._fields}
    return PositionRow(**values | {name: units_of(values[name]) for name in _COST_FIELDS})


# --------------------------------------------------------------------- accounts


def account_data(account: TradingAccount, figures: AccountFigures, user_name: str) -> dict[str, Any]:
    """An account with its figures at the prices of this moment."""
    return {
        "account_id": account.account_id,
        "user_id": account.user_id,
        "user_name": user_name,
        "account_name": account.account_name,
        "account_type": account.account_type,
        "currency": account.currency,
        "status": account.status,
        "can_trade": account.status == "ACTIVE" or account.freeze_mode == "WITHDRAW_ONLY",
        "can_withdraw": account.status == "ACTIVE" or account.freeze_mode == "TRADING_ONLY",
        "balance": to_number(figures.balance),
        "available": to_number(figures.available),
        "frozen": to_number(figures.frozen),
        "margin": to_number(figures.margin),
        "profit": to_number(figures.position_profit),
        "risk_ratio": ratio_of(figures.risk_ratio_ppm),
        "created_at": account.opened_ns // NS_PER_MS,
        "qifi": qifi_account(account, figures),
    }


def qifi_account(account: TradingAccount, figures: AccountFigures) -> dict[str, Any]:
    """QIFI's nineteen fields of an account (T-52 where QIFI texts differ)."""
    stored = {name: float(getattr(account, name)) for name in FUNDS_FIELDS}
    return {
        "user_id": account.account_id,
        "currency": account.currency,
        **stored,
        "WithdrawQuota": to_number(figures.withdrawable),
        "static_balance": to_number(figures.static_balance),
        "position_profit": to_number(figures.position_profit),
        "float_profit": to_number(figures.float_profit),
        "balance": to_number(figures.balance),
        "available": to_number(figures.available),
        "risk_ratio": ratio_of(figures.risk_ratio_ppm),
    }


def flow_data(flow: CashFlow) -> dict[str, Any]:
    """One movement of money."""
    return {
        "flow_id": flow.flow_id,
        "account_id": flow.account_id,
        "kind": flow.kind,
        "status": flow.status,
        "amount": float(flow.amount),
        "balance_before": float(flow.balance_before),
        "balance_after": float(flow.balance_after),
        "method": flow.method,
        "remark": flow.remark,
        "operator_id": flow.operator_id,
        "reverses": flow.reverses,
        "reference": flow.reference,
        "trading_day": flow.trading_day,
        "timestamp": flow.time_ns // NS_PER_MS,
    }


def flow_event_data(event: Sequence[Any]) -> dict[str, Any]:
    """The same from a FundsMoved event."""
    moved = FundsMoved(*event[EVENT_HEADER:])
    return {
        "flow_id": moved.flow_id,
        "account_id": moved.account_id,
        "kind": moved.kind,
        "status": "completed",
        "amount": to_number(moved.amount),
        "balance_before": to_number(moved.balance_before),
        "balance_after": to_number(moved.balance_after),
        "method": moved.method,
        "remark": moved.remark,
        "operator_id": moved.operator_id,
        "reverses": moved.reverses,
        "reference": moved.reference,
        "trading_day": moved.trading_day,
        "timestamp": event[3] // NS_PER_MS,
    }


# -------------------------------------------------------------------- positions


def position_data(row: PositionRow, mark: int, multiple: int) -> dict[str, Any]:
    """A position: QIFI's fields and cost and profit of both sides, at a price."""
    exchange_id, _, instrument_id = row.symbol.partition(".")
    long_side = _side(row, "long", mark, multiple)
    short_side = _side(row, "short", mark, multiple)
    return {
        "user_id": row.account_id,
        "account_id": row.account_id,
        "exchange_id": exchange_id,
        "instrument_id": row.symbol,
        "last_price": to_number(mark),
        **long_side,
        **short_side,
        **{
            name: long_side[f"{name}_long"] + short_side[f"{name}_short"]
            for name in ("float_profit", "position_profit", "margin")
        },
    }


def _side(row: PositionRow, side: str, mark: int, multiple: int) -> dict[str, Any]:
    def get(name: str) -> int:
        return int(getattr(row, f"{side}_{name}"))

    lots = get("today") + get("his")
    open_cost = get("open_cost_today") + get("open_cost_his")
    position_cost = get("position_cost_today") + get("position_cost_his")
    profit = side_figures(row, side == "long", mark, multiple)
    whole = lots * multiple
    return {
        f"volume_{side}_today": get("today"),
        f"volume_{side}_his": get("his"),
        f"volume_{side}": lots,
        f"volume_{side}_frozen_today": get("frozen_today"),
        f"volume_{side}_frozen_his": get("frozen_his"),
        f"volume_{side}_frozen": get("frozen_today") + get("frozen_his"),
        f"open_price_{side}": to_number(open_cost) / whole if whole else 0.0,
        f"open_cost_{side}": to_number(open_cost),
        f"position_price_{side}": to_number(position_cost) / whole if whole else 0.0,
        f"position_cost_{side}": to_number(position_cost),
        f"float_profit_{side}": to_number(profit.float_profit),
        f"position_profit_{side}": to_number(profit.position_profit),
        f"margin_{side}": to_number(get("margin")),
        f"cost_{side}": to_number(open_cost),
        f"profit_{side}": to_number(profit.float_profit),
    }


# ------------------------------------------------------------- orders and trades


def order_data(order: Order, user_id: str) -> dict[str, Any]:
    """An order of the tables."""
    filled = order.filled_volume
    return {
        "order_id": order.order_id,
        "exchange_order_id": str(order.exchange_order_id or ""),
        "uid": order.uid,
        "user_id": user_id,
        "account_id": order.account_id,
        "instrument_id": order.symbol,
        "direction": order.direction,
        "offset": order.offset,
        "order_type": order.price_type,
        "price": float(order.limit_price),
        "volume": order.volume,
        "filled_volume": filled,
        "remaining_volume": order.volume_left,
        "avg_price": float(order.filled_value) / filled if filled else 0.0,
        "status": order.status,
        "time_condition": order.time_condition,
        "volume_condition": order.volume_condition,
        "reason": reason_of(order.end_reason, order.code),
        "code": order.code,
        "trading_day": order.trading_day,
        "client_tag": order.client_tag,
        "submit_time": order.insert_time_ns // NS_PER_MS,
        "update_time": order.update_time_ns // NS_PER_MS,
    }


def reason_of(end_reason: str, code: int) -> str:
    """Why an order ended, in the request's language; "" while it lives or when it filled."""
    if code:
        return message(code)
    return str(EndReason(end_reason).label) if end_reason else ""


def order_event_data(row: OrderRow, user_id: str, end_reason: str, code: int, time_ns: int) -> dict[str, Any]:
    """The same from the rows of events."""
    filled = 0 if ORDER_STATUS[row.status] == "Rejected" else row.volume - row.volume_left
    return {
        "order_id": row.order_id,
        "exchange_order_id": str(row.exchange_order_id or ""),
        "uid": row.uid,
        "user_id": user_id,
        "account_id": row.account_id,
        "instrument_id": row.symbol,
        "direction": DIRECTION[row.direction],
        "offset": OFFSET[row.offset],
        "order_type": PRICE_TYPE[row.price_type],
        "price": to_number(row.limit_price),
        "volume": row.volume,
        "filled_volume": filled,
        "remaining_volume": row.volume_left,
        "avg_price": to_number(row.filled_value) / filled if filled else 0.0,
        "status": ORDER_STATUS[row.status],
        "time_condition": TIME_CONDITION[row.time_condition],
        "volume_condition": VOLUME_CONDITION[row.volume_condition],
        "reason": reason_of(end_reason, code),
        "code": code,
        "trading_day": row.trading_day,
        "client_tag": row.client_tag,
        "submit_time": row.insert_time_ns // NS_PER_MS,
        "update_time": time_ns // NS_PER_MS,
    }


def changed(row: OrderRow, values: Sequence[Any]) -> OrderRow:
    """The order after an OrderChange."""
    change = OrderChange(*values)
    return row._replace(
        exchange_order_id=change.exchange_order_id,
        status=change.status,
        volume_left=change.volume_left,
        filled_value=change.filled_value,
        frozen_margin=change.frozen_margin,
        frozen_commission=change.frozen_commission,
    )


def trade_data(trade: Trade) -> dict[str, Any]:
    """One side of a fill, as its owner sees it."""
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "exchange_order_id": str(trade.exchange_order_id),
        "exchange_trade_id": str(trade.exchange_trade_id),
        "uid": trade.order_uid,
        "account_id": trade.account_id,
        "instrument_id": trade.symbol,
        "direction": trade.direction,
        "offset": trade.offset,
        "price": float(trade.price),
        "volume": trade.volume,
        "commission": float(trade.commission),
        "close_profit": float(trade.close_profit),
        "is_taker": trade.is_taker,
        "trading_day": trade.trading_day,
        "timestamp": trade.time_ns // NS_PER_MS,
    }


# ------------------------------------------------------------------- instruments

_INSTRUMENT_AS_IS = (
    "exchange_id", "product_id", "name_zh", "name_en", "instrument_class", "volume_multiple",
    "session_template", "min_limit_volume", "max_limit_volume", "min_market_volume",
    "max_market_volume", "position_limit", "list_date", "expire_date", "status", "pre_open_interest",
    "open_interest", "self_trade_mode",
)  # fmt: skip
_INSTRUMENT_MONEY = (
    "price_tick", "listing_price", "pre_settlement", "pre_close", "upper_limit", "lower_limit",
)  # fmt: skip
_RATIOS = {"limit_up_ratio": "limit_up_ppm", "limit_down_ratio": "limit_down_ppm"}
RATES = {
    "margin_ratio_long": ("margin_long_ppm", PPM),
    "margin_ratio_short": ("margin_short_ppm", PPM),
    "open_fee_ratio": ("open_ratio_ppb", 10**9),
    "open_fee_per_lot": ("open_per_lot", 0),
    "close_fee_ratio": ("close_ratio_ppb", 10**9),
    "close_fee_per_lot": ("close_per_lot", 0),
    "close_today_fee_ratio": ("close_today_ratio_ppb", 10**9),
    "close_today_fee_per_lot": ("close_today_per_lot", 0),
}
"""REST name of a rate → its column and how many of the core's units make 1 (0: money)."""


def instrument_data(row: Instrument, inherited: dict[str, Any] | None = None) -> dict[str, Any]:
    """An instrument (T-11); rates that it does not set are `inherited` from its product."""
    rates = {}
    for name, (column, scale) in RATES.items():
        value = getattr(row, column)
        if value is None and inherited is not None:
            value = inherited.get(column)
        rates[name] = None if value is None else float(value) if not scale else float(value) / scale
    return {
        "instrument_id": row.symbol,
        **{name: getattr(row, name) for name in _INSTRUMENT_AS_IS},
        **{name: float(getattr(row, name)) for name in _INSTRUMENT_MONEY},
        **{name: getattr(row, column) / PPM for name, column in _RATIOS.items()},
        **rates,
    }
