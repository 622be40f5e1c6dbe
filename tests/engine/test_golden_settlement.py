"""The daily settlement inside the core and what it carries over (T-38, T-90 … T-94)."""

from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BUY,
    CLOSE,
    CLOSETODAY,
    MONDAY,
    OPEN,
    SELL,
    add_account,
    add_instrument,
    at,
    drain,
    limit,
    market,
    must,
    new_venue,
    of,
    only,
    run,
    settle,
    trade,
    yuan,
)  # fmt: skip
from trading.engine import messages as m
from trading.engine import settlement
from trading.engine.hashing import trading_hash, validate
from trading.engine.messages import AccountSettled, EndReason, PositionRow
from trading.engine.state import State
from trading.engine.views import quote_view

SYMBOL = "DCE.m2605"
GTC = 4
UNGUARDED = {"product_share_ppm": 0, "max_risk_ppm": 10_000_000, "liquidation_ppm": 10_000_000}


def settled(events: list[list[Any]]) -> dict[str, AccountSettled]:
    return {item.account_id: item for item in of(events, "AccountSettled")}


def test_a_settlement_marks_books_and_rolls_each_account() -> None:
    state = market()
    trade(state, "A", "B", 10, 100)
    trade(state, "C", "A", 4, 101, sell_offset=CLOSE)
    must(state, m.Deposit("A", yuan(500), "d"))
    must(state, m.Withdraw("A", yuan(200), "w"))
    found = settled(settle(state, {SYMBOL: yuan("102.5")}))["A"]
    fees = 14 * 500
    assert found.pre_balance == 0, "the account was opened today"
    assert found.deposit == yuan(1_000_500) and found.withdraw == yuan(200)
    assert found.close_profit == yuan(4 * 200)
    assert found.position_profit == yuan("2.5") * 6 * 200
    assert found.commission == fees
    assert found.balance == yuan(1_000_300 + 800 + 3_000) - fees
    assert found.margin == yuan("102.5") * 6 * 200 // 10
    assert found.risk_ratio_ppm == found.margin * 10**6 // found.balance
    assert found.funds == ["A", found.balance, 0, 0, 0, 0, 0, found.margin, 0, 0, 0]
    row = PositionRow(*found.positions[0])
    assert (row.long_today, row.long_his) == (0, 6)
    assert row.long_position_cost_his == yuan("102.5") * 6 * 200
    assert row.long_open_cost_his == yuan(100) * 6 * 200


def test_the_run_adds_up() -> None:
    state = market()
    trade(state, "A", "B", 10, 100)
    trade(state, "C", "A", 4, 101, sell_offset=CLOSE)
    finished = only(settle(state, {SYMBOL: yuan(99)}), "SettlementFinished")
    assert (finished.trading_day, finished.next_trading_day) == (MONDAY, 20260106)
    assert finished.settled_accounts == 3
    assert finished.total_commission == (10 + 10 + 4 + 4) * 500
    assert finished.total_profit == 0, "what one wins another loses"
    assert finished.force_closed_accounts == []
    assert validate(state) == []


def test_the_figures_of_the_instrument_roll() -> None:
    state = market()
    trade(state, "A", "B", 10, 101)
    settle(state, {SYMBOL: yuan(102)})
    view = quote_view(state, SYMBOL)
    assert (view["pre_settlement"], view["pre_close"]) == (yuan(102), yuan(101))
    assert view["pre_open_interest"] == view["open_interest"] == 10
    assert (view["last_price"], view["volume"], view["turnover"]) == (0, 0, 0)
    assert view["mark"] == yuan(102)
    assert (view["lower_limit"], view["upper_limit"]) == (yuan(94), yuan(110))


def test_a_missing_price_of_a_held_instrument_stops_the_run() -> None:
    state = market()
    add_instrument(state, "DCE.m2607")
    trade(state, "A", "B", 1, 100)
    before = trading_hash(state)
    code, events = run(state, m.BeginSettlement("r", [["DCE.m2607", yuan(100)]]))
    assert code == 6001
    assert only(events, "SettlementRefused").params == {"symbol": SYMBOL}
    assert trading_hash(state) == before
    assert state.instruments[SYMBOL].phase == 3, "the venue stays open"


@pytest.mark.parametrize("prices", [[["DCE.x", 1]], [[SYMBOL]], [[SYMBOL, 0]], [[SYMBOL, "100"]]])
def test_an_unsound_price_is_refused(prices: list[Any]) -> None:
    assert run(market(), m.BeginSettlement("r", prices))[0] == 9008


def test_without_a_price_an_unheld_instrument_keeps_its_mark() -> None:
    state = market()
    trade(state, "A", "B", 1, 102)
    trade(state, "B", "A", 1, 102, buy_offset=CLOSE, sell_offset=CLOSE)
    must(state, m.BeginSettlement("r", []))
    assert state.instruments[SYMBOL].pre_settlement == yuan(102)


def test_a_fault_in_the_ledger_stops_the_run_before_anything_changed() -> None:
    state = market()
    trade(state, "A", "B", 1, 100)
    state.accounts["A"].margin += 1
    state.accounts["C"].frozen_margin += 1
    events = run(state, m.BeginSettlement("r", [[SYMBOL, yuan(100)]]))[1]
    found = only(events, "SettlementRefused")
    assert found.code == 6002
    assert [fault.split(":")[0] for fault in found.params["failed_accounts"]] == ["A", "C"]
    assert state.trading_day == MONDAY
    assert state.instruments[SYMBOL].phase == 3
    state.accounts["A"].margin -= 1
    state.accounts["C"].frozen_margin -= 1
    assert of(settle(state), "SettlementFinished")


def test_an_account_at_the_liquidation_level_is_listed() -> None:
    state = market()
    must(state, m.SetSettings({"product_share_ppm": 0}))
    add_account(state, "D", "d" * 32, 22_000)
    trade(state, "D", "B", 10, 100)
    events = settle(state, {SYMBOL: yuan(99)})
    found = settled(events)["D"]
    assert found.balance == yuan(20_000) - 5_000 and found.margin == yuan(19_800)
    assert not found.must_liquidate
    events = settle(state, {SYMBOL: yuan("98.5")})
    assert settled(events)["D"].must_liquidate
    assert only(events, "SettlementFinished").force_closed_accounts == ["D"]


def test_a_balance_at_or_below_zero_is_above_every_threshold() -> None:
    state = market()
    must(state, m.SetSettings({"product_share_ppm": 0}))
    add_account(state, "D", "d" * 32, 22_000)
    trade(state, "D", "B", 10, 100)
    found = settled(settle(state, {SYMBOL: yuan(85)}))["D"]
    assert found.balance < 0
    assert found.risk_ratio_ppm == -1 and found.must_liquidate


# What rests over night (T-38)


def carried_state(**changes: Any) -> State:
    state = market(**changes)
    must(state, limit("A", BUY, OPEN, 2, 95, order_id="gtc", time_condition=GTC))
    return state


def test_a_gtc_order_is_frozen_anew_at_the_new_rates() -> None:
    state = carried_state()
    rates: list[int | None] = [200_000, 200_000, 0, 1_000, 0, 500, 0, 500]
    must(state, m.SetRates("", "DCE.m", rates))
    found = only(settle(state), "OrderCarried")
    assert found.order[9:11] == [yuan(95) * 2 * 200 // 5, 2_000]
    assert found.funds == state.accounts["A"].funds()
    assert validate(state) == []


def test_a_carried_sell_freezes_at_the_new_settlement_price() -> None:
    state = market()
    must(state, limit("A", SELL, OPEN, 1, 95, time_condition=GTC))
    found = only(settle(state, {SYMBOL: yuan(102)}), "OrderCarried")
    assert found.order[9] == yuan(102) * 200 // 10


@pytest.mark.parametrize(("price", "code"), [(103, 1010), (102, 0)])
def test_an_order_outside_the_new_limits_ends_with_that_code(price: int, code: int) -> None:
    """After 103.5 the lower limit is 95.5, after 103 it is 95."""
    state = carried_state()
    events = settle(state, {SYMBOL: yuan(price) + yuan("0.5")})
    if not code:
        assert only(events, "OrderCarried")
        return
    ended = only(events, "OrderCancelled")
    assert (ended.reason, ended.code) == (EndReason.NOT_CARRIED, code)
    assert ended.order[9:11] == [0, 0] and not state.orders


def test_an_order_without_funds_for_the_new_day_ends_with_1001() -> None:
    state = market()
    must(state, m.SetSettings(UNGUARDED))
    add_account(state, "D", "d" * 32, 4_100)
    trade(state, "D", "B", 1, 100)
    must(state, limit("D", BUY, OPEN, 1, 95, time_condition=GTC))
    events = settle(state, {SYMBOL: yuan(98)})
    ended = [item for item in of(events, "OrderCancelled") if item.order[1] == "D"]
    assert [(item.reason, item.code) for item in ended] == [(EndReason.NOT_CARRIED, 1001)]
    assert validate(state) == []


def test_the_older_of_two_orders_keeps_the_funds() -> None:
    """T-38: in order; what is left after the first decides about the second."""
    state = market()
    must(state, m.SetSettings(UNGUARDED))
    add_account(state, "D", "d" * 32, 6_100)
    trade(state, "D", "B", 1, 100)
    must(state, limit("D", BUY, OPEN, 1, 95, order_id="old", time_condition=GTC))
    must(state, limit("D", BUY, OPEN, 1, 95, order_id="new", time_condition=GTC))
    settle(state, {SYMBOL: yuan(97)})
    assert list(state.accounts["D"].orders) == ["old"]


def test_carried_closes_keep_their_lots_as_history_and_their_fee() -> None:
    state = market()
    trade(state, "A", "B", 3, 100)
    must(state, limit("A", SELL, CLOSE, 2, 105, time_condition=GTC))
    must(state, limit("A", SELL, CLOSETODAY, 1, 105, time_condition=GTC, order_id="ct"))
    events = settle(state, {SYMBOL: yuan(100)})
    ended = only(events, "OrderCancelled")
    assert (ended.order[2], ended.reason, ended.code) == ("ct", EndReason.NOT_CARRIED, 2005)
    carried = only(events, "OrderCarried")
    assert carried.position[9:11] == [0, 2]
    assert carried.order[10] == 2 * 500 and carried.funds[9] == 2 * 500
    assert validate(state) == []
    events = must(state, limit("C", BUY, OPEN, 2, 105), at=at(20260106, "09:30"))
    assert only(events, "Traded").maker[4] == yuan(2 * 5 * 200)


def test_carried_orders_stay_in_order_and_ahead_of_new_ones() -> None:
    state = market()
    for name, account in (("one", "A"), ("two", "B")):
        must(state, limit(account, BUY, OPEN, 1, 95, order_id=name, time_condition=GTC))
    settle(state)
    run(state, m.Tick(), at=at(20260106, "09:30"))
    must(state, limit("A", BUY, OPEN, 1, 95, order_id="three"))
    events = must(state, limit("C", SELL, OPEN, 3, 95))
    assert [item.maker[0][2] for item in of(events, "Traded")] == ["one", "two", "three"]


def test_carried_orders_meet_the_next_auction() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 99, time_condition=GTC))
    settle(state)
    run(state, m.Tick(), at=at(20260106, "08:56"))
    must(state, limit("B", SELL, OPEN, 1, 98))
    events = run(state, m.Tick(), at=at(20260106, "08:59"))[1]
    assert only(events, "Traded").volume == 1


# The venue meanwhile


def test_a_second_run_of_the_same_day_is_refused_while_the_first_is_open() -> None:
    state = many_accounts(1_200)
    must(state, m.BeginSettlement("one", []))
    assert state.has_work()
    code, events = run(state, m.BeginSettlement("two", []))
    assert code == 6004
    assert only(events, "SettlementRefused").run_id == "two"
    drain(state)
    assert state.settled_day == MONDAY


def test_running_a_settled_day_again_changes_nothing_and_says_so() -> None:
    """T-91: a repeat names its day and cannot settle the next one."""
    state = market()
    must(state, m.BeginSettlement("one", [], MONDAY))
    before = trading_hash(state)
    code, events = run(state, m.BeginSettlement("one", [], MONDAY))
    assert code == 6004
    assert only(events, "SettlementRefused").params == {"trading_day": 20260106}
    assert trading_hash(state) == before


def many_accounts(number: int) -> State:
    state = new_venue()
    add_instrument(state)
    for index in range(number):
        must(state, m.OpenAccount(f"N{index:05d}", ALICE, "n", "individual", init_cash=yuan(10)))
    return state


def test_money_and_orders_wait_while_a_run_is_under_way() -> None:
    state = many_accounts(1_200)
    run(state, m.Tick(), at=at(MONDAY, "09:30"))
    must(state, m.BeginSettlement("one", []))
    assert run(state, m.Deposit("N00001", 1, "a"))[0] == 6004
    assert run(state, m.Withdraw("N00001", 1, "b"))[0] == 6004
    assert run(state, m.ReverseFlow("f", "N00001", 1, "c"))[0] == 6004
    assert run(state, limit("N00001", BUY, OPEN, 1, 100))[0] == 1009
    events = drain(state)
    assert len(of(events, "AccountSettled")) == 1_200
    assert run(state, m.Deposit("N00001", 1, "a"))[0] == 0


def test_accounts_settle_in_account_order_500_a_tick() -> None:
    state = many_accounts(1_300)
    must(state, m.BeginSettlement("one", []))
    found: list[str] = []
    ticks = 0
    while state.has_work():
        events = run(state, m.Tick(), at=state.time_ns + 5 * 10**6)[1]
        names = [item.account_id for item in of(events, "AccountSettled")]
        assert len(names) <= 500
        found += names
        ticks += 1
    assert found == [f"N{index:05d}" for index in range(1_300)]
    assert ticks >= 2 * 1_300 // 500, "the check of the ledgers and the settlement itself"


def test_accounts_with_many_positions_take_more_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A-45: a Tick's work is bounded by what the accounts hold, not by their number alone."""
    monkeypatch.setattr(settlement, "POSITIONS_PER_TICK", 2)
    state = market()
    trade(state, "A", "B", 1, 100)
    trade(state, "C", "B", 1, 100)
    must(state, limit("A", BUY, OPEN, 1, 95, time_condition=GTC))
    first = must(state, m.BeginSettlement("one", [[SYMBOL, yuan(100)]]))
    assert not of(first, "AccountSettled"), "the check of A alone was a share"
    shares = []
    while state.has_work():
        events = run(state, m.Tick(), at=state.time_ns + 5 * 10**6)[1]
        shares.append([item.account_id for item in of(events, "AccountSettled")])
    assert [share for share in shares if share] == [["A"], ["B", "C"]]
    assert validate(state) == []


def test_a_venue_without_accounts_settles_too() -> None:
    state = new_venue()
    events = settle(state)
    assert only(events, "SettlementFinished").settled_accounts == 0


def test_day_figures_start_at_zero_and_flow_ids_anew() -> None:
    state = market()
    must(state, m.Deposit("A", 1, "x"))
    settle(state)
    moved = only(must(state, m.Deposit("A", 1, "y")), "FundsMoved")
    assert moved.flow_id == "TXN2026010600000001"
    assert moved.funds[1:4] == [yuan(1_000_000) + 1, 1, 0]


def test_two_weeks_of_settlements_keep_the_books_balanced() -> None:
    """R-5 in small: trades each day, prices up and down, every sum zero but the fees."""
    state = market(session_template="night0230")
    paid_in = 3 * yuan(1_000_000)
    fees = 0
    for day in range(10):
        run(state, m.Tick(), at=max(at(state.trading_day, "09:30"), state.time_ns))
        mark = state.instruments[SYMBOL].mark // 10_000
        for lots, (buyer, seller) in enumerate((("A", "B"), ("B", "C"), ("C", "A")), start=1):
            trade(state, buyer, seller, lots, mark + day % 3)
        fees += 12 * 500
        settle(state, {SYMBOL: yuan(mark + day % 5 - 2)})
        assert sum(item.pre_balance for item in state.accounts.values()) == paid_in - fees
        assert validate(state) == []
    assert state.trading_day == 20260120
