"""What the typed protocol shows of the core's rows and quote views; times are ms (H-7, W-12)."""

import time
from typing import Any

from marketdata.fanout.accounts import LiveImage
from marketdata.fanout.image import OrderState, is_flat
from marketdata.kline_selectors import bar_data
from marketdata.rows import BarRow
from marketdata.selectors import DIRECTIONS, book_data, price
from trading.choices import ACCOUNT_STATUS, END_REASON
from trading.codec import to_number
from trading.engine.messages import EVENT_HEADER, Traded
from trading.engine.units import NS_PER_MS
from trading.representations import order_event_data, position_data, ratio_of

FULL_DEPTH = 20
"""Levels a side that a quote view holds."""


def now_ms() -> int:
    """The time of an answer that no event has stamped."""
    return time.time_ns() // NS_PER_MS


# ------------------------------------------------------------------------- accounts


def account(image: LiveImage) -> dict[str, Any]:
    """An account at the prices of this moment."""
    row, figures = image.account, image.now()
    return {
        "account_id": row.account_id,
        "account_name": row.account_name,
        "status": ACCOUNT_STATUS[row.status],
        "currency": row.currency,
        "trading_day": image.trading_day,
        "balance": to_number(figures.balance),
        "static_balance": to_number(figures.static_balance),
        "available": to_number(figures.available),
        "withdrawable": to_number(figures.withdrawable),
        "frozen": to_number(figures.frozen),
        "margin": to_number(figures.margin),
        "commission": to_number(image.funds.commission),
        "close_profit": to_number(image.funds.close_profit),
        "position_profit": to_number(figures.position_profit),
        "float_profit": to_number(figures.float_profit),
        "risk_ratio": ratio_of(figures.risk_ratio_ppm),
        "seq": image.seq,
    }


def position(image: LiveImage, symbol: str) -> dict[str, Any]:
    """A position at the price of this moment."""
    mark, multiple = image.marks()[symbol]
    return position_data(image.positions[symbol], mark, multiple)


def positions(image: LiveImage, symbol: str = "") -> list[dict[str, Any]]:
    """Positions with lots, of one instrument or all."""
    marks = image.marks()
    return [
        position_data(row, *marks[name])
        for name, row in image.positions.items()
        if symbol in ("", name) and not is_flat(row)
    ]


def order(image: LiveImage, state: OrderState) -> dict[str, Any]:
    """An order as REST shows it."""
    ended = END_REASON.get(state.end_reason, "")
    time_ns = state.update_ns or state.row.insert_time_ns
    return order_event_data(state.row, image.account.user_id, ended, state.code, time_ns)


def order_status(image: LiveImage, state: OrderState) -> dict[str, Any]:
    """`order_status`: where an order stands."""
    shown = order(image, state)
    return {
        "type": "order_status",
        **{
            name: shown[name]
            for name in (
                "account_id", "order_id", "exchange_order_id", "uid", "instrument_id", "direction",
                "offset", "price", "volume", "filled_volume", "remaining_volume", "avg_price", "status",
                "trading_day",
            )
        },
        "error_code": state.code,
        "error_message": shown["reason"],
        "timestamp": shown["update_time"],
    }  # fmt: skip


# --------------------------------------------------------------------------- market


def ticker(event: list[Any]) -> dict[str, Any]:
    """`ticker`: one public trade, without its parties."""
    fill = Traded(*event[EVENT_HEADER:])
    return {
        "type": "ticker",
        "instrument_id": fill.symbol,
        "trade_id": str(fill.exchange_trade_id),
        "last_price": to_number(fill.price),
        "volume": fill.volume,
        "direction": DIRECTIONS[fill.taker_direction],
        "timestamp": event[3] // NS_PER_MS,
    }


def tick(view: dict[str, Any]) -> dict[str, Any]:
    """`tick`: the top of the book and the last price."""
    bid, ask = (view[side][0] if view[side] else (0, 0, 0) for side in ("bids", "asks"))
    return {
        "type": "tick",
        "instrument_id": view["symbol"],
        "last_price": price(view["last_price"]),
        "bid_price": price(bid[0]),
        "bid_volume": bid[1],
        "ask_price": price(ask[0]),
        "ask_volume": ask[1],
        "volume": view["volume"],
        "open_interest": view["open_interest"],
        "trading_day": view["trading_day"],
        "timestamp": view["time_ns"] // NS_PER_MS,
    }


def orderbook(view: dict[str, Any], depth: int) -> dict[str, Any]:
    """`orderbook`: the best levels of both sides."""
    return {"type": "orderbook", **book_data(view, depth)}


def kline(symbol: str, period: str, row: BarRow) -> dict[str, Any]:
    """`kline`: a bar, finished or not."""
    return {"type": "kline", "instrument_id": symbol, "period": period, "id": row.id, **bar_data(row)}
