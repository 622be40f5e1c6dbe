"""Reads of the market: instruments from the tables, quotes from the views of the cache (M-2)."""

from collections.abc import Iterable
from typing import Any

import msgspec
import redis
from django.db.models import QuerySet

from exchange_site.cachepipe import CacheAway, cache_call
from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys
from trading.codec import MalformedCommand, check_text, to_number
from trading.engine.codes import INSTRUMENT_NOT_FOUND, SERVICE_UNAVAILABLE
from trading.engine.units import NS_PER_MS
from trading.models import Instrument, Product
from trading.quotes_writer import decode_quote
from trading.representations import RATES, instrument_data
from trading.selectors import is_sound, symbol_of, venue_number

DIRECTIONS = {0: "BUY", 1: "SELL", -1: ""}
"""Of the taker; in an auction there is none."""
_PRICES = (
    "last_price", "open", "high", "low", "average", "upper_limit", "lower_limit", "pre_close",
    "pre_settlement",
)  # fmt: skip
_AS_IS = ("volume", "open_interest", "pre_open_interest", "volume_multiple", "phase", "status", "trading_day")


# -------------------------------------------------------------------- instruments


def instruments(venue: str, filters: dict[str, Any]) -> QuerySet[Instrument]:
    """Instruments by symbol; filters: exchange_id, product_id, status, instrument_class."""
    names = ("exchange_id", "product_id", "status", "instrument_class")
    wanted = {name: filters[name] for name in names if filters.get(name)}
    return Instrument.objects.filter(venue=venue_number(venue), **wanted).order_by("symbol")


def instruments_data(venue: str, rows: Iterable[Instrument]) -> list[dict[str, Any]]:
    """Instruments as the API shows them, with the rates they inherit: one query for any number."""
    found = list(rows)
    products = Product.objects.filter(
        venue=venue_number(venue), product_id__in={row.product_id for row in found}
    )
    rates = {
        (product.exchange_id, product.product_id): {
            column: getattr(product, column) for column, _ in RATES.values()
        }
        for product in products
    }
    return [instrument_data(row, rates.get((row.exchange_id, row.product_id))) for row in found]


def sound_symbol(venue: str, text: str) -> str:
    """The full symbol of an id from outside (T-10); 1007 for nonsense."""
    try:
        check_text(text, "instrument_id", 64)
    except MalformedCommand as error:
        raise ExchangeError(INSTRUMENT_NOT_FOUND) from error
    if not is_sound(text):
        raise ExchangeError(INSTRUMENT_NOT_FOUND, {}, {"instrument_id": text[:64]})
    return symbol_of(venue, text)


def instrument(venue: str, text: str) -> Instrument:
    """One instrument by its symbol or unambiguous bare id; 1007 for none."""
    symbol = sound_symbol(venue, text)
    row = Instrument.objects.filter(venue=venue_number(venue), symbol=symbol).first()
    if row is None:
        raise ExchangeError(INSTRUMENT_NOT_FOUND, {}, {"instrument_id": text})
    return row


# ------------------------------------------------------------------------- quotes


def quote(venue: str, text: str) -> dict[str, Any]:
    """The newest quote view; 1007 for an unknown instrument, 9005 while there is no view of it."""
    symbol = sound_symbol(venue, text)
    data = _from_cache("GET", Keys(venue).quote(symbol))
    if data is None:
        instrument(venue, symbol)
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, {"reason": "no quote has been written yet"})
    return decode_quote(data)


def _from_cache(*arguments: Any) -> Any:
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
    rows = _from_cache("LRANGE", Keys(venue).trades(symbol), 0, limit - 1)
    if not rows:
        instrument(venue, symbol)
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
