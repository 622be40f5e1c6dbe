"""Settlement prices (T-90)."""

import pytest

from settlement.calc.prices import DayTrading, settlement_price, to_tick
from settlement.selectors import day_is_over

TICK = 2_000  # 0.2 yuan


def day(**figures: int) -> DayTrading:
    base = {"price_tick": TICK, "last_price": 0, "pre_settlement": 45_000_000, "turnover": 0, "volume": 0}
    return DayTrading(**{**base, **figures})


def test_it_is_the_volume_weighted_average_rounded_to_the_tick() -> None:
    traded = day(last_price=45_010_000, turnover=45_000_000 * 3 + 45_010_000, volume=4)
    assert settlement_price(traded, by_last_hour=False) == 45_002_000


def test_cffex_settles_by_the_last_hour() -> None:
    traded = day(
        last_price=1, turnover=40_000_000, volume=1, last_hour_turnover=90_004_000, last_hour_volume=2
    )
    assert settlement_price(traded, by_last_hour=True) == 45_002_000


def test_cffex_without_a_trade_in_the_last_hour_settles_by_the_day() -> None:
    assert settlement_price(day(turnover=40_000_000, volume=1, last_price=1), True) == 40_000_000


@pytest.mark.parametrize(("last_price", "expected"), [(44_998_000, 44_998_000), (0, 45_000_000)])
def test_without_trades_it_is_the_last_price_else_the_previous_settlement(
    last_price: int, expected: int
) -> None:
    assert settlement_price(day(last_price=last_price), by_last_hour=False) == expected


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(3_000, 1, 4_000), (2_999, 1, 2_000), (1_000, 1, 2_000), (999, 1, 0), (9_000, 2, 4_000)],
)
def test_a_price_half_way_between_two_ticks_is_rounded_up(
    numerator: int, denominator: int, expected: int
) -> None:
    assert to_tick(numerator, denominator, TICK) == expected


def test_a_trading_day_is_over_at_half_past_three_in_shanghai() -> None:
    half_past_three = 1_763_710_200 * 10**9  # 2025-11-21 15:30 in Shanghai
    assert not day_is_over(20251121, half_past_three - 1)
    assert day_is_over(20251121, half_past_three)
