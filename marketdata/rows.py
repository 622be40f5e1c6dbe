"""Bars and ticks as they are stored, published and shown (D-25).

Prices and money are ints in 1/10 000 yuan, volumes lots, times ns UTC. On the wire (cache,
streams) a row is the msgpack array of its fields in this order; fields are only appended.
"""

from typing import Any

import msgspec

from trading.engine.units import SCALE

MISSING = "-"
"""What DIFF shows where there is no number (D-2); never null, never NaN."""
LEVELS = 5


class BarRow(msgspec.Struct, array_like=True, gc=False):
    """One bar of a series; `id` is dense, given once, and never means another bar (M-12)."""

    id: int
    datetime_ns: int  # the bar's start; day bars: 00:00 UTC+8 of the trading day
    trading_day: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    amount: int  # turnover: price × lots × multiple
    open_oi: int  # before the bar's first trade
    close_oi: int
    is_finished: bool = False
    seq: int = 0  # event sequence it is as of; of two rows with one id the higher is right

    def diff(self) -> dict[str, Any]:
        """D-25's fields as JSON numbers."""
        return {
            "datetime": self.datetime_ns,
            "open": self.open / SCALE,
            "high": self.high / SCALE,
            "low": self.low / SCALE,
            "close": self.close / SCALE,
            "volume": self.volume,
            "open_oi": self.open_oi,
            "close_oi": self.close_oi,
        }


class TickRow(msgspec.Struct, array_like=True, gc=False):
    """The market of one instrument as of a moment, with the day's totals.

    A tick stands for half a second of log time; `open`, `high`, `low`, `lots` and `turnover`
    are those of the trades in it (0 without one), so that bars are recomputed from ticks
    exactly.
    """

    id: int
    datetime_ns: int
    trading_day: int
    last_price: int  # 0 before the day's first trade
    average: int
    highest: int
    lowest: int
    volume: int  # of the day, as are amount and open_interest
    amount: int
    open_interest: int
    bids: list[tuple[int, int]]  # (price, lots), best first, at most 5
    asks: list[tuple[int, int]]
    open: int = 0
    high: int = 0
    low: int = 0
    lots: int = 0
    turnover: int = 0
    open_oi: int = 0  # before the first of these trades
    seq: int = 0

    def diff(self) -> dict[str, Any]:
        """D-25's fields as JSON numbers, "-" where there is none."""
        fields: dict[str, Any] = {
            "datetime": self.datetime_ns,
            "last_price": shown(self.last_price),
            "average": shown(self.average),
            "highest": shown(self.highest),
            "lowest": shown(self.lowest),
            "volume": self.volume,
            "amount": self.amount / SCALE,
            "open_interest": self.open_interest,
        }
        for side, levels in (("bid", self.bids), ("ask", self.asks)):
            for n in range(LEVELS):
                price, lots = levels[n] if n < len(levels) else (0, 0)
                fields[f"{side}_price{n + 1}"] = shown(price)
                fields[f"{side}_volume{n + 1}"] = lots
        return fields


Row = BarRow | TickRow


def shown(price: int) -> float | str:
    """A price as a JSON number; "-" where there is none."""
    return price / SCALE if price else MISSING
