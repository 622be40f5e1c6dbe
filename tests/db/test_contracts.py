"""Which contracts are listed when, and the rules of last trading days (T-12)."""

from datetime import date

import pytest

from trading.calendar import TradingCalendar, load_holidays
from trading.contracts import (
    Month,
    Product,
    exact,
    last_trading_day,
    listed_contracts,
    listed_months,
    load_products,
    load_sessions,
    parse_product,
)
from trading.engine.sessions import sessions_fault

CALENDAR = TradingCalendar(load_holidays())
PRODUCTS = {f"{p.exchange_id}.{p.product_id}": p for p in load_products()}
TODAY = date(2026, 11, 23)


def listed(name: str, day: date = TODAY) -> list[str]:
    return [row.instrument_id for row in listed_contracts(PRODUCTS[name], day, CALENDAR)]


@pytest.mark.parametrize(
    ("rule", "month", "expected"),
    [
        ("day15", Month(2026, 12), date(2026, 12, 15)),
        ("day15", Month(2027, 5), date(2027, 5, 17)),  # the 15th is a Saturday
        ("day15", Month(2026, 2), date(2026, 2, 24)),  # a Sunday, then the Spring Festival
        ("prev_month_last", Month(2026, 12), date(2026, 11, 30)),
        ("prev_month_last", Month(2027, 2), date(2027, 1, 29)),
        ("monday_last", Month(2026, 12), date(2026, 12, 28)),
        ("monday_last", Month(2027, 2), date(2027, 2, 22)),
        ("trading10", Month(2026, 10), date(2026, 10, 21)),  # the month begins on the 8th
        ("trading-4", Month(2026, 11), date(2026, 11, 25)),
        ("friday3", Month(2026, 12), date(2026, 12, 18)),
        ("friday3", Month(2026, 6), date(2026, 6, 22)),  # Dragon Boat Festival, then a weekend
        ("friday2", Month(2026, 12), date(2026, 12, 11)),
    ],
)
def test_the_last_trading_day_follows_its_rule(rule: str, month: Month, expected: date) -> None:
    assert last_trading_day(rule, month, CALENDAR) == expected


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="last trading day: someday"):
        last_trading_day("someday", Month(2026, 12), CALENDAR)
    product = PRODUCTS["SHFE.cu"]._replace(months="soon")
    with pytest.raises(ValueError):
        listed_months(product, TODAY, CALENDAR)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SHFE.cu", "cu2612 cu2701 cu2702 cu2703 cu2704 cu2705 cu2706 cu2707 cu2708 cu2709 cu2710 cu2711"),
        ("SHFE.ru", "ru2701 ru2703 ru2704 ru2705 ru2706 ru2707 ru2708 ru2709 ru2710 ru2711"),
        ("SHFE.au", "au2612 au2701 au2702 au2704 au2706 au2708 au2710 au2712"),
        (
            "SHFE.bu",
            "bu2612 bu2701 bu2702 bu2703 bu2704 bu2705 bu2706 bu2709 bu2712 bu2803 bu2806 bu2809",
        ),
        (
            "INE.sc",
            "sc2612 sc2701 sc2702 sc2703 sc2704 sc2705 sc2706 sc2707 sc2708 sc2709 sc2710 sc2711"
            " sc2712 sc2803 sc2806 sc2809 sc2812 sc2903 sc2906 sc2909",
        ),
        ("CFFEX.IF", "IF2612 IF2701 IF2703 IF2706"),
        ("CFFEX.T", "T2612 T2703 T2706"),
        ("CZCE.SR", "SR701 SR703 SR705 SR707 SR709 SR711"),
        ("INE.ec", "ec2612 ec2702 ec2704 ec2706 ec2708 ec2710"),
    ],
)
def test_the_listed_months_follow_their_rule(name: str, expected: str) -> None:
    assert listed(name) == expected.split()


def test_a_contract_leaves_the_day_after_its_last_and_the_next_one_comes() -> None:
    assert listed("SHFE.cu", date(2026, 12, 15))[0] == "cu2612"
    assert listed("SHFE.cu", date(2026, 12, 16))[0] == "cu2701"
    assert listed("SHFE.cu", date(2026, 12, 16))[-1] == "cu2712"
    assert listed("CFFEX.IF", date(2026, 12, 21)) == ["IF2701", "IF2702", "IF2703", "IF2706"]


def test_the_three_digits_of_zhengzhou_roll_over_the_decade() -> None:
    assert listed("CZCE.TA", date(2029, 12, 20))[0] == "TA001"


def test_every_product_lists_contracts_that_expire_on_a_trading_day() -> None:
    for product in PRODUCTS.values():
        rows = listed_contracts(product, TODAY, CALENDAR)
        assert len(rows) >= 3, product
        for row in rows:
            day = date(row.expire_date // 10_000, row.expire_date // 100 % 100, row.expire_date % 100)
            assert day >= TODAY and CALENDAR.is_trading(day)
            assert row.listing_price > 0 and row.price_tick > 0


def test_rates_are_exact_and_the_factor_multiplies_the_closing_fee() -> None:
    line = {
        "exchange_id": "X", "product_id": "x", "name_zh": "", "name_en": "",
        "volume_multiple": "10", "price_tick": "0.02", "sessions": "day",
        "margin_ratio": "0.07", "limit_ratio": "0.05", "open_fee_ratio": "0.000023",
        "open_fee_per_lot": "0.01", "close_today_fee_factor": "10",
        "max_limit_order_volume": "500", "listing_price": "3000", "close_fee_ratio": "0.000023",
        "close_fee_per_lot": "0.01", "max_market_order_volume": "100", "position_limit": "0",
        "months": "1-12", "last_day": "day15",
    }  # fmt: skip
    product = parse_product(line)
    assert product.rates == (70_000, 70_000, 23_000, 100, 23_000, 100, 230_000, 1_000)
    assert (product.price_tick, product.limit_ppm) == (200, 50_000)
    with pytest.raises(ValueError, match="finer than"):
        parse_product({**line, "margin_ratio": "0.0700001"})
    with pytest.raises(ValueError, match="not a number"):
        exact("a lot", 1)


def test_the_products_closing_fees_today_are_those_of_the_table() -> None:
    zinc: Product = PRODUCTS["SHFE.zn"]
    assert (zinc.rates.close_per_lot, zinc.rates.close_today_per_lot) == (30_000, 0)


def test_the_session_table_is_one_the_core_takes() -> None:
    templates = load_sessions()
    assert sessions_fault(templates) == ""
    names = {str(name) for name, _ in templates}
    assert {product.sessions for product in PRODUCTS.values()} | {"always"} <= names
    night = dict(templates)["night0230"]
    assert night[2] == [1, 3, 21 * 60, 26 * 60 + 30]  # type: ignore[index]
