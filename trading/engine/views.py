"""Quote views: what the market sees of an instrument (M-2)."""

from typing import Any

from trading.engine.auction import indication
from trading.engine.book import BookSide
from trading.engine.entities import Instrument
from trading.engine.messages import InstrumentStatus, Phase
from trading.engine.state import State
from trading.engine.units import divide_half_up

MAX_DEPTH = 20


def depth_of(side: BookSide, sign: int, depth: int) -> list[list[int]]:
    """[[price, lots, orders], …] of the best levels; `sign` −1 on the ask side."""
    keys = side.keys[: -depth - 1 : -1]
    levels = side.levels
    return [[sign * key, levels[key].volume, levels[key].count] for key in keys]


def quote_view(state: State, symbol: str, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Everything about one instrument's market now; prices in 1/10 000 yuan, 0 = none.

    Volume, turnover and open interest are totals of the trading day; `mark` is the last
    price, or the previous settlement price before the day's first trade.
    """
    instrument = state.instruments[symbol]
    bids, asks = instrument.book.sides
    depth = min(depth, MAX_DEPTH)
    volume, multiple = instrument.day_volume, instrument.volume_multiple
    average = divide_half_up(instrument.day_turnover, volume * multiple) if volume else 0
    return {
        "symbol": symbol,
        "trading_day": state.trading_day,
        "time_ns": state.time_ns,
        "as_of_seq": state.event_seq,
        "phase": Phase(instrument.phase).name,
        "status": InstrumentStatus(instrument.status).name,
        "last_price": instrument.last_price,
        "mark": instrument.mark,
        "open": instrument.open_price,
        "high": instrument.high_price,
        "low": instrument.low_price,
        "average": average,
        "volume": volume,
        "turnover": instrument.day_turnover,
        "open_interest": instrument.open_interest,
        "upper_limit": instrument.upper_limit,
        "lower_limit": instrument.lower_limit,
        "pre_close": instrument.pre_close,
        "pre_settlement": instrument.pre_settlement,
        "pre_open_interest": instrument.pre_open_interest,
        "volume_multiple": multiple,
        "price_tick": instrument.price_tick,
        "bids": depth_of(bids, 1, depth),
        "asks": depth_of(asks, -1, depth),
        "auction": _auction(instrument),
    }


def _auction(instrument: Instrument) -> dict[str, int] | None:
    """Indicative price, volume and imbalance while orders are taken for an auction (T-42)."""
    if instrument.phase != Phase.AUCTION_ORDER:
        return None
    return indication(instrument)._asdict()
