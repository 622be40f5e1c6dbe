"""Settlement prices from a day's trading (T-90). Prices and turnover in 1/10 000 yuan."""

from typing import NamedTuple


class DayTrading(NamedTuple):
    """What an instrument's day leaves behind; `turnover` = Σ price × lots."""

    price_tick: int
    last_price: int  # 0 = no trade today
    pre_settlement: int
    turnover: int
    volume: int
    last_hour_turnover: int = 0
    last_hour_volume: int = 0


def to_tick(numerator: int, denominator: int, tick: int) -> int:
    """numerator / denominator rounded half up to a multiple of the tick."""
    step = denominator * tick
    return (2 * numerator + step) // (2 * step) * tick


def settlement_price(day: DayTrading, by_last_hour: bool) -> int:
    """Volume-weighted average of the day's trades, rounded to the tick.

    CFFEX settles by the last hour (`by_last_hour`), without trades there by the day. Without
    trades the last price, else the previous settlement price.
    """
    if by_last_hour and day.last_hour_volume:
        return to_tick(day.last_hour_turnover, day.last_hour_volume, day.price_tick)
    if day.volume:
        return to_tick(day.turnover, day.volume, day.price_tick)
    return day.last_price or day.pre_settlement
