"""The worked cases of T-57 and figures worked by hand for T-50 … T-56."""

from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BOB,
    BUY,
    CLOSE,
    CLOSETODAY,
    OPEN,
    SELL,
    add_account,
    add_instrument,
    at,
    limit,
    market,
    must,
    of,
    only,
    run,
    settle,
    trade,
    yuan,
)  # fmt: skip
from trading.engine.figures import account_figures
from trading.engine.messages import (
    Deposit,
    FundsRow,
    PlaceOrder,
    PositionRow,
    SetAccount,
    SetRates,
    SetSettings,
    Tick,
    Withdraw,
)
from trading.engine.state import State

SYMBOL = "DCE.m2605"


def figures(state: State, account_id: str) -> Any:
    """Balance, available and the rest at the marks of this moment (T-58a)."""
    account = state.accounts[account_id]
    rows = [PositionRow(*position.row()) for position in account.positions.values()]
    marks = {s: (item.mark, item.volume_multiple) for s, item in state.instruments.items()}
    return account_figures(FundsRow(*account.funds()), rows, marks)


def position(state: State, account_id: str, symbol: str = SYMBOL) -> PositionRow:
    return PositionRow(*state.accounts[account_id].positions[symbol].row())


def funds(state: State, account_id: str) -> FundsRow:
    return FundsRow(*state.accounts[account_id].funds())


def test_a_submitted_order_freezes_margin_and_fee() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 10, 100), user=ALICE)
    found = figures(state, "A")
    assert (found.balance, found.available) == (yuan(1_000_000), yuan("979999.5"))
    assert funds(state, "A").frozen_margin == yuan(20_000)
    assert funds(state, "A").frozen_commission == yuan("0.5")
    assert found.margin == 0


def test_a_filled_order_holds_margin_and_has_paid_its_fee() -> None:
    state = market()
    trade(state, "A", "B", 10, 100)
    found = figures(state, "A")
    assert found.balance == yuan("999999.5")
    assert found.available == yuan("979999.5")
    assert found.margin == yuan(20_000)
    assert found.frozen == 0
    assert found.risk_ratio_ppm == 20_000 * 10**6 // 999_999


def test_a_long_closed_half_a_yuan_higher_ends_at_1_000_999() -> None:
    state = market()
    trade(state, "A", "B", 10, 100)
    trade(state, "C", "A", 10, "100.5", sell_offset=CLOSE)
    found = figures(state, "A")
    assert found.balance == found.available == yuan("1000999.0")
    assert found.margin == 0


def test_a_short_closed_half_a_yuan_lower_ends_at_1_000_999() -> None:
    state = market()
    trade(state, "B", "A", 10, 100)
    trade(state, "A", "C", 10, "99.5", buy_offset=CLOSE)
    found = figures(state, "A")
    assert found.balance == found.available == yuan("1000999.0")
    assert found.margin == 0


def test_both_sides_of_a_lock_take_margin() -> None:
    state = market()
    trade(state, "A", "B", 10, 100)
    trade(state, "B", "A", 5, 100)
    assert figures(state, "A").margin == yuan(30_000)


def test_the_larger_side_alone_takes_margin_where_the_product_says_so() -> None:
    state = market(product={"larger_side": True})
    trade(state, "A", "B", 10, 100)
    trade(state, "B", "A", 5, 100)
    assert figures(state, "A").margin == yuan(20_000)
    assert position(state, "A").short_margin == yuan(10_000)
    must(state, limit("A", SELL, OPEN, 5, 100))
    assert funds(state, "A").frozen_margin == yuan(10_000), "freezes are never saved"


def test_selling_to_close_without_a_long_is_2005() -> None:
    state = market()
    code, events = run(state, limit("A", SELL, CLOSE, 10, 100), user=ALICE)
    assert code == 2005
    assert only(events, "OrderRejected").params == {"held": 0, "free": 0, "lots": 10}


def test_a_partial_close_takes_average_cost_and_the_last_lot_the_rest() -> None:
    """3 lots cost 100, 100.5, 100.5: a third is 20 066.6667 yuan a lot."""
    state = market()
    trade(state, "A", "B", 1, 100)
    trade(state, "A", "B", 2, "100.5")
    cost = yuan("60200")
    assert position(state, "A").long_position_cost_today == cost
    trade(state, "C", "A", 1, 101, sell_offset=CLOSE)
    taken = round(cost / 3)
    assert funds(state, "A").close_profit == yuan(20_200) - taken
    assert position(state, "A").long_open_cost_today == cost - taken
    trade(state, "C", "A", 2, 101, sell_offset=CLOSE)
    assert funds(state, "A").close_profit == yuan(60_600) - cost
    assert position(state, "A").long_open_cost_today == 0


def test_open_partial_close_flip_overnight_and_settle_by_hand() -> None:
    state = market()
    trade(state, "A", "B", 10, 100)  # long 10, cost 200 000
    trade(state, "C", "A", 4, 102, sell_offset=CLOSE)  # +800
    trade(state, "C", "A", 6, 99, sell_offset=CLOSE)  # −1 200, together +400
    assert funds(state, "A").close_profit == yuan(4 * 2 * 200 - 6 * 200)
    trade(state, "B", "A", 3, 99)  # short 3, cost 59 400
    row = position(state, "A")
    assert (row.long_today, row.short_today) == (0, 3)
    fees = yuan("0.05") * (10 + 4 + 6 + 3)
    settle(state, {SYMBOL: yuan(98)})
    # close profit 400, position profit (99 − 98) × 3 × 200 = 600
    assert funds(state, "A").pre_balance == yuan(1_001_000) - fees
    row = position(state, "A")
    assert (row.short_today, row.short_his) == (0, 3)
    assert row.short_open_cost_his == yuan(59_400)
    assert row.short_position_cost_his == yuan(58_800)
    assert row.short_margin == yuan(5_880)


def test_profit_follows_open_price_and_settlement_price_apart() -> None:
    """T-51: float profit from the open price, position profit from the settlement price."""
    state = market()
    trade(state, "A", "B", 2, 100)
    settle(state, {SYMBOL: yuan(103)})
    state.instruments[SYMBOL].mark = yuan(101)
    found = figures(state, "A")
    assert found.float_profit == yuan(2 * 200 * 1)
    assert found.position_profit == yuan(2 * 200 * -2)


def test_profits_sum_to_zero_over_all_accounts() -> None:
    state = market()
    for lots, price in ((3, "100.5"), (5, 99), (7, 101)):
        trade(state, "A", "B", lots, price)
        trade(state, "B", "C", lots, price)
    total = sum(figures(state, name).balance + funds(state, name).commission for name in "ABC")
    assert total == 3 * yuan(1_000_000)


def test_a_fill_may_drive_available_below_zero_and_stays() -> None:
    """T-54: the price moved against lots already held while the order waited."""
    state = market(product={"margin_ppm": 450_000})
    must(state, SetSettings({"product_share_ppm": 0}))
    add_account(state, "D", "d" * 32, 18_400)
    trade(state, "D", "B", 1, 100)
    must(state, limit("D", BUY, OPEN, 1, 93))
    assert figures(state, "D").available >= 0
    must(state, limit("B", SELL, OPEN, 1, "93.5"))
    found = of(must(state, limit("C", SELL, OPEN, 1, 93)), "Traded")
    assert len(found) == 1
    assert figures(state, "D").available < 0
    assert position(state, "D").long_today == 2


@pytest.mark.parametrize(
    ("direction", "price_type", "bid", "expected"),
    [
        (BUY, 0, None, "100"),  # its limit
        (SELL, 0, None, "100"),  # its limit, without bids
        (SELL, 0, "99", "100"),  # max(limit, best bid)
    ],
)
def test_resting_orders_freeze_at_their_freeze_price(
    direction: int, price_type: int, bid: str | None, expected: str
) -> None:
    state = market()
    if bid:
        must(state, limit("B", BUY, OPEN, 1, bid))
    order = limit("A", direction, OPEN, 1, 100, price_type=price_type)
    accepted = only(must(state, order), "OrderAccepted")
    assert accepted.funds[8] == yuan(expected) * 200 // 10


@pytest.mark.parametrize(
    ("direction", "limit_price", "bid", "expected"),
    [
        (BUY, 0, None, "108"),  # ANY freezes at the upper limit
        (SELL, 0, "99", "99"),  # without limit at the best bid
        (SELL, 0, None, "101"),  # else at the last price
        (SELL, "98", "99", "99"),  # a crossing limit at the bid that is better
    ],
)
def test_orders_that_take_freeze_at_the_price_of_the_table(
    direction: int, limit_price: str, bid: str | None, expected: str
) -> None:
    state = market()
    trade(state, "B", "C", 1, 101)
    if bid:
        must(state, limit("B", BUY, OPEN, 1, bid))
    price_type = 0 if limit_price else 1
    order = PlaceOrder("A", "", SYMBOL, direction, OPEN, 1, price_type, yuan(limit_price or 0), 0)
    accepted = only(must(state, order), "OrderAccepted")
    assert accepted.funds[8] == yuan(expected) * 200 // 10


def test_a_sell_in_an_auction_freezes_at_the_previous_settlement_at_least() -> None:
    state = market(clock="08:56")
    accepted = only(must(state, limit("A", SELL, OPEN, 1, 95)), "OrderAccepted")
    assert accepted.funds[8] == yuan(100) * 200 // 10


def test_the_freeze_follows_the_lots_left() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 10, 100))
    events = must(state, limit("B", SELL, OPEN, 4, 100))
    maker = only(events, "Traded").maker
    assert maker[5][8:10] == [yuan(12_000), yuan("0.3")]
    assert maker[0][9:11] == [yuan(12_000), yuan("0.3")]


def test_a_close_freezes_the_dearer_of_the_fees_that_can_apply() -> None:
    state = market(product={"fees": (0, 500, 0, 300, 0, 900)})
    trade(state, "A", "B", 5, 100)
    accepted = only(must(state, limit("A", SELL, CLOSE, 2, 101)), "OrderAccepted")
    assert accepted.funds[9] == 2 * 900
    assert accepted.funds[8] == 0, "closing freezes no margin"
    assert accepted.position[9] == 2, "but lots"


def test_todays_lots_pay_the_close_today_fee_and_history_lots_the_other() -> None:
    """T-56, one close over both buckets: 20 000 × 12.345 ppm = 0.2469 and 20 000 × 33 ppm = 0.66."""
    state = market(product={"fees": (0, 0, 33_000, 0, 12_345, 0)})
    trade(state, "A", "B", 1, 100)
    settle(state, {SYMBOL: yuan(100)})
    run(state, Tick(), at=at(20260106, "09:30"))
    trade(state, "A", "B", 1, 100)
    found = trade(state, "C", "A", 2, 100, sell_offset=CLOSE)
    assert found[0].taker[3] == 2_469 + 6_600


RATE_LEVELS = [
    ("", "DCE.m"), ("", SYMBOL), ("group:vip", "DCE.m"), ("group:vip", SYMBOL),
    ("account:A", "DCE.m"), ("account:A", SYMBOL),
]  # fmt: skip


@pytest.mark.parametrize("level", range(len(RATE_LEVELS)))
def test_the_most_specific_rate_wins(level: int) -> None:
    """T-56: (account, instrument), (account, product), (group, …), instrument, product."""
    state = market()
    must(state, SetAccount("A", {"group": "vip"}))
    for number, (holder, target) in enumerate(RATE_LEVELS[: level + 1]):
        fee = 1_000 * (number + 1)
        must(state, SetRates(holder, target, [100_000, 100_000, 0, fee, 0, fee, 0, fee]))
    found = trade(state, "A", "B", 1, 100)
    assert found[0].maker[3] == 1_000 * (level + 1)
    general = [n for n, (holder, _) in enumerate(RATE_LEVELS[: level + 1]) if not holder][-1]
    assert found[0].taker[3] == 1_000 * (general + 1), "Bob has no rates of his own"


def test_a_level_that_leaves_a_rate_open_inherits_it() -> None:
    state = market()
    must(state, SetRates("account:A", SYMBOL, [None, None, None, 7_000, *[None] * 4]))
    found = trade(state, "A", "B", 1, 100)
    assert found[0].maker[3] == 7_000
    assert figures(state, "A").margin == yuan(2_000)
    must(state, SetRates("account:A", SYMBOL, [None] * 8))
    assert trade(state, "A", "B", 1, 100)[0].maker[3] == 500, "removed again"


def test_a_new_fee_holds_from_the_next_fill_even_for_a_resting_order() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 2, 100))
    must(state, SetRates("", "DCE.m", [100_000, 100_000, 0, 4_000, 0, 500, 0, 500]))
    events = must(state, limit("B", SELL, OPEN, 1, 100))
    assert only(events, "Traded").maker[3] == 4_000
    assert only(events, "Traded").maker[5][9] == 500, "the freeze keeps its rate"


def test_a_new_margin_rate_waits_for_the_settlement() -> None:
    state = market()
    trade(state, "A", "B", 1, 100)
    must(state, SetRates("", "DCE.m", [200_000, 200_000, 0, 500, 0, 500, 0, 500]))
    assert figures(state, "A").margin == yuan(2_000)
    accepted = only(must(state, limit("C", BUY, OPEN, 1, 100)), "OrderAccepted")
    assert accepted.funds[8] == yuan(4_000), "new orders come under it at once"
    settle(state, {SYMBOL: yuan(100)})
    assert figures(state, "A").margin == yuan(4_000)


def test_a_new_margin_rate_applied_now_reaches_every_holder() -> None:
    state = market()
    trade(state, "A", "B", 1, 100)
    command = SetRates("", "DCE.m", [200_000, 300_000, *[0] * 6], apply_now=True)
    events = must(state, command)
    found = of(events, "PositionRemargined")
    assert sorted((row.funds[0], row.funds[7]) for row in found) == [
        ("A", yuan(4_000)), ("B", yuan(6_000)),
    ]  # fmt: skip


def test_an_order_amount_limit_of_the_account_overrides_the_venue() -> None:
    state = market()
    must(state, SetAccount("A", {"max_order_amount": yuan(30_000)}))
    code, events = run(state, limit("A", BUY, OPEN, 2, 100))
    assert code == 1003
    assert only(events, "OrderRejected").params == {
        "amount": yuan(40_000), "limit_amount": yuan(30_000),
    }  # fmt: skip


def test_closing_is_never_refused_for_money_or_ratio() -> None:
    """T-60: an account under water closes; its orders' amount is not looked at either."""
    state = market(product={"margin_ppm": 400_000})
    must(state, SetSettings({"product_share_ppm": 0}))
    add_account(state, "D", "d" * 32, 17_000)
    trade(state, "D", "B", 2, 100)
    trade(state, "B", "C", 1, 92)
    must(state, SetAccount("D", {"max_order_amount": 1}))
    assert figures(state, "D").available < 0
    must(state, limit("B", BUY, OPEN, 2, 92))
    events = must(state, limit("D", SELL, CLOSE, 2, 92))
    assert only(events, "Traded").volume == 2
    assert run(state, limit("D", BUY, OPEN, 1, 92))[0] == 1003


def test_money_moves_are_told_with_balances_before_and_after() -> None:
    state = market()
    moved = only(must(state, Deposit("A", yuan(5), "r1", "bank"), user=ALICE), "FundsMoved")
    assert moved.flow_id.startswith("TXN20260105") and len(moved.flow_id) == 3 + 8 + 8
    assert moved.balance_after - moved.balance_before == moved.amount == yuan(5)
    assert moved.operator_id == ALICE
    moved = only(must(state, Withdraw("A", yuan(5), "r2"), user=ALICE), "FundsMoved")
    assert moved.amount == -yuan(5)


def test_closing_yesterdays_lots_costs_the_plain_fee() -> None:
    state = market("SHFE.cu2605", product={"fees": (0, 0, 0, 300, 0, 900)})
    symbol = "SHFE.cu2605"
    trade(state, "A", "B", 2, 100, symbol)
    settle(state, {symbol: yuan(100)})
    run(state, limit("A", BUY, OPEN, 1, 95, symbol), at=at(20260106, "09:30"))
    trade(state, "A", "B", 1, 100, symbol)
    old = trade(state, "C", "A", 2, 100, symbol, sell_offset=CLOSE)
    assert old[0].taker[3] == 2 * 300
    new = trade(state, "C", "A", 1, 100, symbol, sell_offset=CLOSETODAY)
    assert new[0].taker[3] == 900


def test_two_contracts_are_kept_apart() -> None:
    state = market()
    add_instrument(state, "DCE.m2607")
    run(state, limit("A", BUY, OPEN, 1, 100), user=BOB)
    trade(state, "A", "B", 1, 100)
    trade(state, "A", "B", 2, 100, "DCE.m2607")
    assert figures(state, "A").margin == yuan(6_000)
    assert position(state, "A", "DCE.m2607").long_today == 2
