"""Events folded into ticks, bars and continuous series: one symbol's day and the product's (M-16)."""

import pytest

from marketdata.bars.continuous import Contract, Product, delivery_month
from marketdata.bars.market import Market
from marketdata.continuous_views import ContinuousQuotes
from tests.db.events import DAY
from tests.marketdata.support import Tape, price, reference
from trading.engine.sessions import midnight_ns
from trading.engine.units import NS_PER_SECOND

CU01, CU02 = "SHFE.cu2701", "SHFE.cu2702"
MAIN, INDEX = "KQ.m@SHFE.cu", "KQ.i@SHFE.cu"
NINE = midnight_ns(DAY) + 9 * 3600 * NS_PER_SECOND
HALF = NS_PER_SECOND // 2


@pytest.fixture
def tape() -> Tape:
    tape = Tape("main")
    tape.now_ns = NINE - NS_PER_SECOND
    tape.instrument(CU01, expire_date=20270115)
    tape.instrument(CU02, expire_date=20270215)
    return tape


def test_a_tick_stands_for_half_a_second_and_carries_the_totals_of_the_day(tape):
    tape.fill(NINE, CU01, price(100), 2, 2)
    tape.fill(NINE + 1, CU01, price(110), 1, 3)
    tape.fill(NINE + HALF, CU01, price(105), 4, 5)
    _, ticks, _ = reference(tape.events)
    first, second = ticks[CU01, 1], ticks[CU01, 2]
    assert (first.last_price, first.open, first.high, first.low, first.lots) == (
        price(110), price(100), price(110), price(100), 3,
    )  # fmt: skip
    assert (second.volume, second.amount, second.open_interest) == (7, price(200 + 110 + 420) * 5, 5)
    assert second.average == price(730) // 7
    assert (CU01, 3) not in ticks


def test_a_touched_book_makes_a_tick_without_a_trade(tape):
    tape.touch(NINE, CU01)
    tape.touch(NINE + 2 * HALF, CU01)
    _, ticks, _ = reference(tape.events)
    assert [ticks[CU01, n].lots for n in (1, 2)] == [0, 0]
    assert ticks[CU01, 1].last_price == 0


def test_a_tick_that_was_told_is_corrected_under_its_id(tape):
    tape.touch(NINE, CU01)
    market = Market()
    market.add(tape.take())
    market.poll(NINE + HALF)
    tape.fill(NINE + 1, CU01, price(100), 1, 1)
    market.add(tape.take())
    market.poll(NINE + HALF)
    assert [(tick.id, tick.lots) for tick in market.tickers[CU01].done[1:]] == [(1, 0), (1, 1)]


def test_the_day_figures_begin_anew_with_the_trading_day(tape):
    tape.fill(NINE, CU01, price(100), 2, 2)
    tape.settle(NINE + 10**9, price(101), 2, CU01, CU02)
    tape.fill(NINE + 2 * 10**9, CU01, price(102), 1, 3)
    bars, ticks, market = reference(tape.events)
    assert ticks[CU01, 2].volume == 1
    days = [row for (symbol, seconds, _), row in bars.items() if symbol == CU01 and seconds == 86_400]
    assert [row[2] for row in days] == [DAY, DAY, DAY + 1]
    assert market.trading_day == DAY + 1


def test_every_series_begins_with_bar_0_at_the_settlement_price(tape):
    bars, ticks, _ = reference(tape.events)
    for symbol in (CU01, CU02, MAIN, INDEX):
        assert bars[symbol, 60, 0][3:8] == (price(80_000),) * 4 + (0,)
        assert ticks[symbol, 0].last_price == price(80_000)


def test_the_main_series_follows_the_nearest_contract_until_a_settlement_chooses(tape):
    tape.fill(NINE, CU02, price(200), 5, 50)
    tape.fill(NINE + 1, CU01, price(100), 1, 1)
    tape.settle(NINE + 10**9, price(150), 0, CU01, CU02)
    bars, _, market = reference(tape.events)
    assert bars[MAIN, 60, 1][3:8] == (price(100), price(100), price(100), price(100), 1)
    assert market.products["SHFE.cu"].main == CU01


def test_the_main_series_changes_at_a_settlement_and_goes_on_under_its_own_ids(tape):
    tape.fill(NINE, CU01, price(100), 1, 1)
    tape.now_ns = NINE + 10**9
    for symbol, interest in ((CU01, 1), (CU02, 9)):
        tape.instrument(symbol, pre_settlement=price(120), pre_open_interest=interest)
        tape.events[-1][6] = "settled"
    tape.settle(NINE + 10**9, 0, 0)
    tape.fill(NINE + 60 * 10**9, CU02, price(200), 3, 10)
    tape.fill(NINE + 61 * 10**9, CU01, price(100), 3, 10)
    bars, _, market = reference(tape.events)
    assert market.products["SHFE.cu"].main == CU02
    assert bars[MAIN, 60, 2][3:8] == (price(200),) * 4 + (3,)
    assert bars[MAIN, 60, 2][9:] == (9, 10)


def test_the_index_is_weighted_by_open_interest_and_a_mean_without(tape):
    tape.fill(NINE, CU01, price(100), 1, 0)
    tape.fill(NINE + 1, CU02, price(200), 1, 0)
    assert reference(tape.events)[2].tickers[INDEX].last == price(150)
    tape.fill(NINE + 2, CU01, price(100), 1, 3)
    tape.fill(NINE + 3, CU02, price(200), 1, 1)
    ticker = reference(tape.events)[2].tickers[INDEX]
    assert (ticker.last, ticker.volume, ticker.open_interest) == (price(125), 4, 4)


def test_an_expired_contract_leaves_the_index(tape):
    tape.fill(NINE, CU01, price(100), 1, 0)
    tape.instrument(CU01, status=4)
    tape.events[-1][6] = "expired"
    tape.fill(NINE + 1, CU02, price(300), 1, 0)
    assert reference(tape.events)[2].tickers[INDEX].last == price(300)


def test_a_market_stored_after_any_event_goes_on_as_if_nothing_had_happened(tape):
    for n in range(40):
        tape.fill(NINE + n * 7 * 10**8, (CU01, CU02)[n % 3 == 0], price(100 + n % 7), n % 4 + 1, n)
        tape.touch(NINE + n * 7 * 10**8 + 3, CU02)
    tape.settle(NINE + 100 * 10**9, price(100), 7, CU01, CU02)
    tape.fill(NINE + 101 * 10**9, CU01, price(99), 1, 8)
    events = tape.take()
    whole = reference(events)[2]
    for cut in range(1, len(events), 3):
        _, _, market = reference(events[:cut])
        again = Market()
        again.load(market.seq, market.dump(), {s: t.dump() for s, t in market.tickers.items()})
        again.add(events)
        assert again.dump() == whole.dump()
        for symbol, ticker in whole.tickers.items():
            assert again.tickers[symbol].dump() == ticker.dump()
            assert again.products["SHFE.cu"].index() == whole.products["SHFE.cu"].index()


@pytest.mark.parametrize(
    ("symbol", "expires", "month"),
    [("SHFE.cu2701", 20270115, 202701), ("CZCE.SR703", 20270312, 202703), ("CZCE.SR003", 20300312, 203003),
     ("INE.sc2701", 20261231, 202701), ("X.abc", 20270115, 202701), ("CZCE.SR701", 0, 202701)],
)  # fmt: skip
def test_delivery_months_come_from_ids_of_three_and_four_digits(symbol, expires, month):
    assert delivery_month(symbol, expires, DAY) == month


def test_equal_open_interests_leave_the_main_to_the_nearest_contract_outside_its_delivery_month():
    product = Product("SHFE.cu")
    contracts = [
        Contract(f"SHFE.cu{month}", "SHFE.cu", "day", 5, 1, 20_000_000 + month * 100 + 15, 0, 0, 0, 1)
        for month in (2702, 2611, 2701)
    ]
    assert product.choose(contracts, DAY) == "SHFE.cu2701"
    product.weigh("SHFE.cu2611", 100, 5)
    assert product.choose(contracts, DAY) == "SHFE.cu2611"
    assert product.choose([], DAY) == ""


def test_quotes_of_the_series_are_told_once_and_again_when_only_the_phase_changes(tape):
    tape.fill(NINE, CU01, price(101), 2, 7)
    _, _, market = reference(tape.events)
    quotes, name = ContinuousQuotes(), "SHFE.cu"
    view = {"symbol": CU01, "trading_day": DAY, "phase": "CONTINUOUS", "last_price": price(101)}
    assert quotes.products(market, [], 0.0) == [name], "every product at first"
    assert quotes.products(market, [], 0.5) == []
    assert quotes.products(market, [market.tickers[CU02]], 0.6) == [name], "the index follows every contract"
    main, index = quotes.changed(market, [name], {CU01: view})
    assert (main["symbol"], main["underlying"], index["symbol"]) == (MAIN, CU01, INDEX)
    assert quotes.changed(market, [name], {CU01: view}) == []
    assert quotes.products(market, [], 1.1) == [name], "and once a second"
    closed = {**view, "phase": "CLOSED"}
    assert [one["phase"] for one in quotes.changed(market, [name], {CU01: closed})] == ["CLOSED", "CLOSED"]
    assert quotes.changed(market, [name], {}) == [], "a view that is not there yet is waited for"
    quotes.forget()
    assert len(quotes.changed(market, [name], {CU01: closed})) == 2
