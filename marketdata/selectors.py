"""Reads of the market from the quote views of the cache (M-2)."""

from typing import Any

import msgspec
import redis

from exchange_site.cachepipe import CacheAway, cache_call
from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys
from trading.codec import to_number
from trading.engine.codes import SERVICE_UNAVAILABLE
from trading.engine.units import NS_PER_MS
from trading.instrument_selectors import instrument_for, sound_symbol
from trading.quotes_writer import decode_quote

DIRECTIONS = {0: "BUY", 1: "SELL", -1: ""}
"""Of the taker; in an auction there is none."""
_PRICES = (
    "last_price", "open", "high", "low", "average", "upper_limit", "lower_limit", "pre_close",
    "pre_settlement",
)  # fmt: skip
_AS_IS = ("volume", "open_interest", "pre_open_interest", "volume_multiple", "phase", "status", "trading_day")


# ------------------------------------------------------------------------- quotes


def quote(venue: str, text: str) -> dict[str, Any]:
    """The newest quote view; 1007 for an unknown instrument, 9005 while there is no view of it."""
    symbol = sound_symbol(venue, text)
    data = from_cache("GET", Keys(venue).quote(symbol))
    if data is None:
        instrument_for(venue, symbol)
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, {"reason": "no quote has been written yet"})
    return decode_quote(data)


def from_cache(*arguments: Any) -> Any:
    """One call to the cache; 9005 while it does not answer."""
    try:
        return cache_call(*arguments).result()
    except (CacheAway, redis.ResponseError) as error:
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, {"reason": "the cache does not answer"}) from error


def price(units: int) -> float | None:
    """A price of a view as a number; None where there is none."""
    return to_number(units) if units else None


def tick_data(view: dict[str, Any]) -> dict[str, Any]:
    """The top of the book and the day's figures (H-7)."""
    bid, ask = (view[side][0] if view[side] else [0, 0, 0] for side in ("bids", "asks"))
    auction = view["auction"]
    return {
        "instrument_id": view["symbol"],
        "bid_price": price(bid[0]),
        "bid_volume": bid[1],
        "ask_price": price(ask[0]),
        "ask_volume": ask[1],
        **{name: price(view[name]) for name in _PRICES},
        **{name: view[name] for name in _AS_IS},
        "turnover": to_number(view["turnover"]),
        "price_tick": to_number(view["price_tick"]),
        "auction": auction and {**auction, "price": price(auction["price"])},
        "source": view.get("source", "venue"),
        "timestamp": view["time_ns"] // NS_PER_MS,
    }


def book_data(view: dict[str, Any], depth: int) -> dict[str, Any]:
    """The best `depth` levels of both sides (H-7)."""
    return {
        "instrument_id": view["symbol"],
        "bids": [_level(level) for level in view["bids"][:depth]],
        "asks": [_level(level) for level in view["asks"][:depth]],
        "as_of_seq": view["as_of_seq"],
        "timestamp": view["time_ns"] // NS_PER_MS,
    }


def _level(level: list[int]) -> dict[str, Any]:
    return {"price": to_number(level[0]), "volume": level[1], "order_count": level[2]}


def recent_trades(venue: str, text: str, limit: int) -> list[dict[str, Any]]:
    """The last public trades, newest first, without parties; 1007 for an unknown instrument."""
    symbol = sound_symbol(venue, text)
    rows = from_cache("LRANGE", Keys(venue).trades(symbol), 0, limit - 1)
    if not rows:
        instrument_for(venue, symbol)
    return [_trade(symbol, msgspec.msgpack.decode(row)) for row in rows]


def _trade(symbol: str, row: list[int]) -> dict[str, Any]:
    trade_id, units, volume, direction, time_ns = row
    return {
        "trade_id": str(trade_id),
        "instrument_id": symbol,
        "price": to_number(units),
        "volume": volume,
        "direction": DIRECTIONS[direction],
        "timestamp": time_ns // NS_PER_MS,
    }
