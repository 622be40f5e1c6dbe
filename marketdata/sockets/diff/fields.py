"""Objects of the `trade` branch, as QIFI has them too (D-31, D-32, D-35)."""

from typing import Any

from marketdata.fanout.account_rows import FlowState, OrderState, TradeState
from marketdata.fanout.image import AccountImage
from trading import qifi
from trading.choices import DIRECTION, OFFSET, PRICE_TYPE, TIME_CONDITION, VOLUME_CONDITION
from trading.codec import to_number, to_towards
from trading.diff_texts import last_msg
from trading.engine.figures import AccountFigures
from trading.engine.messages import FundsRow, OrderRow, OrderStatus, PositionRow
from trading.representations import FUNDS_FIELDS, ratio_of

_SHOWN = 64
"""Characters of what a client said that an order shows."""


def user_id_of(login: str, tag: str) -> str:
    """The sub-user an order was sent by: the login, with what follows it (D-30)."""
    return login + tag if tag.startswith(".") else login


def order(state: OrderState, login: str) -> dict[str, Any]:
    """An order (D-31)."""
    row = state.row
    exchange_id, _, instrument_id = row.symbol.partition(".")
    return {
        "seqno": row.uid,
        "user_id": user_id_of(login, row.client_tag),
        "order_id": row.order_id,
        "exchange_id": exchange_id,
        "instrument_id": instrument_id,
        "direction": DIRECTION[row.direction],
        "offset": OFFSET[row.offset],
        "towards": to_towards(row.direction, row.offset),
        "volume_orign": row.volume,
        "price_type": PRICE_TYPE[row.price_type],
        "limit_price": to_number(row.limit_price),
        "time_condition": TIME_CONDITION[row.time_condition],
        "volume_condition": VOLUME_CONDITION[row.volume_condition],
        "insert_date_time": row.insert_time_ns,
        "exchange_order_id": str(row.exchange_order_id or ""),
        "status": "ALIVE" if state.is_alive or row.status == OrderStatus.PENDING_RISK else "FINISHED",
        "volume_left": row.volume_left,
        "frozen_margin": to_number(row.frozen_margin),
        "last_msg": last_msg(row.status, row.price_type, state.end_reason, state.code, state.params),
    }


def trade(state: TradeState, login: str, tag: str) -> dict[str, Any]:
    """One side of a fill (D-32)."""
    exchange_id, _, instrument_id = state.symbol.partition(".")
    return {
        "seqno": state.seq,
        "user_id": user_id_of(login, tag),
        "trade_id": state.trade_id,
        "order_id": state.order_id,
        "exchange_id": exchange_id,
        "instrument_id": instrument_id,
        "exchange_order_id": str(state.exchange_order_id),
        "exchange_trade_id": str(state.exchange_trade_id),
        "direction": DIRECTION[state.direction],
        "offset": OFFSET[state.offset],
        "volume": state.volume,
        "price": to_number(state.price),
        "trade_date_time": state.time_ns,
        "commission": to_number(state.commission),
    }


def position(row: PositionRow, mark: tuple[int, int], login: str) -> dict[str, Any]:
    """A position at a price (D-32)."""
    return {**qifi.position(row, *mark), "user_id": login}


def account(image: AccountImage, figures: AccountFigures, login: str) -> dict[str, Any]:
    """The account's nineteen fields at the prices of this moment (T-52)."""
    return account_fields(image.funds, figures, login, image.account.currency)


def account_fields(funds: FundsRow, figures: AccountFigures, login: str, currency: str) -> dict[str, Any]:
    """The same from funds and figures."""
    return {
        "user_id": login,
        "currency": currency,
        **{name: to_number(getattr(funds, name)) for name in FUNDS_FIELDS},
        "WithdrawQuota": to_number(figures.withdrawable),
        "static_balance": to_number(figures.static_balance),
        "position_profit": to_number(figures.position_profit),
        "float_profit": to_number(figures.float_profit),
        "balance": to_number(figures.balance),
        "available": to_number(figures.available),
        "risk_ratio": ratio_of(figures.risk_ratio_ppm),
    }


def transfer(state: FlowState) -> dict[str, Any]:
    """A movement of money."""
    return {
        "id": state.flow_id,
        "datetime": state.time_ns,
        "currency": "CNY",
        "amount": to_number(state.amount),
        "error_id": 0,
        "error_msg": "正确",
    }


def wanted(message: Any) -> dict[str, Any]:
    """What an insert_order asked for, in the words an order shows."""
    exchange_id, dot, instrument_id = message.instrument_id.partition(".")
    if not dot:
        exchange_id, instrument_id = message.exchange_id, message.instrument_id
    volume, price = message.volume, message.limit_price
    return {
        "user_id": message.user_id[:_SHOWN],
        "exchange_id": exchange_id[:_SHOWN],
        "instrument_id": instrument_id[:_SHOWN],
        "direction": message.direction[:_SHOWN].upper(),
        "offset": message.offset[:_SHOWN].upper(),
        "volume": volume if isinstance(volume, int) and abs(volume) < 1 << 53 else 0,
        "price_type": message.price_type[:_SHOWN].upper(),
        "limit_price": price if isinstance(price, int | float) and abs(price) < 1e15 else 0.0,
        "time_condition": message.time_condition[:_SHOWN].upper() or "GFD",
        "volume_condition": message.volume_condition[:_SHOWN].upper() or "ANY",
    }


def refused_order(asked: dict[str, Any], order_id: str, reason: str, seen_ns: int) -> dict[str, Any]:
    """An order that never came to the book, from what the client asked (D-31)."""
    volume = asked["volume"]
    return {
        "seqno": 0,
        "order_id": order_id,
        **{name: value for name, value in asked.items() if name != "volume"},
        "volume_orign": volume,
        "insert_date_time": seen_ns,
        "status": "FINISHED",
        "last_msg": reason,
        "exchange_order_id": "",
        "volume_left": volume,
        "frozen_margin": 0.0,
    }


def row_from(command: Any, trading_day: int, time_ns: int) -> OrderRow:
    """The row of an order that the core has not decided yet (PENDING_RISK)."""
    return OrderRow(
        0, command.account_id, command.order_id, command.symbol, command.direction, command.offset,
        command.volume, command.price_type, command.limit_price, command.time_condition,
        command.volume_condition, command.min_volume, command.gtd_date, command.hedge_flag,
        command.client_tag, trading_day, time_ns, 0, int(OrderStatus.PENDING_RISK), command.volume,
        0, 0, 0,
    )  # fmt: skip
