"""Risk watch and forced liquidation in the core (T-80 … T-82)."""

import json
from typing import Any

import pytest

from tests.engine.builders import (
    BUY,
    OPEN,
    add_account,
    at,
    drain,
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
from trading.engine import codes
from trading.engine.hashing import full_hash, validate
from trading.engine.messages import Deposit, ForceLiquidate, HoldLiquidation, PlaceOrder, SetSettings, Tick
from trading.engine.snapshot import dump, load
from trading.engine.state import State
from trading.engine.watchstate import LiquidationStatus, RiskLevel

SECOND = 10**9


def watched(symbol: str = "DCE.m2605", **changes: Any) -> State:
    """R is long 10 @ 100 with margin 20 000 on 25 000; limits wide enough to lose it all."""
    state = market(symbol, **{"limit_up_ppm": 300_000, "limit_down_ppm": 300_000, **changes})
    must(state, SetSettings({"risk_watch": 1, "product_share_ppm": 0}))
    add_account(state, "R", "r" * 32, 25_000)
    trade(state, "R", "B", 10, 100, symbol)
    return state


def second(state: State, count: int = 3) -> list[list[Any]]:
    """Ticks over some seconds of log time, five a second."""
    events: list[list[Any]] = []
    for _ in range(count * 5):
        events += run(state, Tick(), at=state.time_ns + SECOND // 5)[1]
    return events


def price(state: State, yuan_price: str | int, symbol: str = "DCE.m2605") -> list[list[Any]]:
    """A trade of others at a price."""
    trade(state, "C", "B", 1, yuan_price, symbol)
    return second(state, 2)


def bids(state: State, lots: int, yuan_price: str | int, symbol: str = "DCE.m2605") -> None:
    must(state, limit("C", BUY, OPEN, lots, yuan_price, symbol))


def levels(events: list[Any]) -> list[str]:
    return [RiskLevel(entry.level).name for entry in of(events, "RiskAlert") if entry.account_id == "R"]


def records(events: list[Any]) -> list[str]:
    return [LiquidationStatus(entry.status).name for entry in of(events, "LiquidationChanged")]


def test_only_crossings_of_a_level_are_events() -> None:
    state = watched()
    assert levels(second(state)) == ["HIGH"]
    assert levels(price(state, "99.5")) == []
    assert levels(price(state, 98)) == ["CRITICAL"]
    assert levels(price(state, 100)) == ["HIGH"]
    assert levels(price(state, 105)) == ["NORMAL"]


def test_critical_calls_for_the_sum_that_cures() -> None:
    state = watched()
    events = second(state) + price(state, "97.5")
    call = only(events, "MarginCall")
    balance = state.accounts["R"].balance()
    assert call.account_id == "R" and call.cause == "price"
    assert 950_000 * (balance + call.amount) > 20_000 * 10_000 * 10**6


def test_an_account_at_the_level_is_closed_until_below_the_target() -> None:
    state = watched()
    second(state)
    must(state, PlaceOrder("R", "mine", "DCE.m2605", BUY, OPEN, 1, 0, yuan(71)), user="r" * 32)
    price(state, 98)
    bids(state, 50, 97)
    events = price(state, "97.5")
    events += second(state)
    assert records(events) == ["WAITING", "RUNNING", "DONE"]
    account = state.accounts["R"]
    assert not account.orders
    assert account.margin * 10 < 8 * account.balance()
    assert 0 < account.positions["DCE.m2605"].sides[0].lots() < 10
    done = of(events, "LiquidationChanged")[-1]
    assert done.lots == sum(step.closed for step in of(events, "LiquidationStepped"))
    assert done.record_id.startswith("LIQ") and done.post_balance <= done.pre_balance
    assert not validate(state)


def test_all_closes_everything_where_the_venue_says_so() -> None:
    state = watched()
    must(state, SetSettings({"liquidate_all": 1}))
    bids(state, 50, 97)
    events = price(state, "97.5") + second(state)
    assert records(events)[-1] == "DONE"
    assert state.accounts["R"].positions["DCE.m2605"].is_flat()


def test_pieces_are_no_larger_than_a_market_order_may_be() -> None:
    state = watched(max_market_volume=3)
    must(state, SetSettings({"liquidate_all": 1}))
    bids(state, 50, 97)
    events = price(state, "97.5") + second(state)
    assert [step.volume for step in of(events, "LiquidationStepped")] == [3, 3, 3, 1]


def test_shfe_closes_history_and_today_apart() -> None:
    symbol = "SHFE.cu2605"
    state = watched(symbol)
    settle(state, {symbol: yuan(100)})
    run(state, Tick(), at=at(state.trading_day, "09:30"))
    second(state)
    must(state, SetSettings({"max_risk_ppm": 2_000_000}))
    trade(state, "R", "B", 2, 100, symbol)
    events = must(state, ForceLiquidate("R", "closing the desk"))
    bids(state, 50, 97, symbol)
    events += second(state)
    assert [(s.offset, s.closed) for s in of(events, "LiquidationStepped")] == [(1, 10), (2, 2)]


def test_without_liquidity_it_tries_again_later_and_says_6003() -> None:
    state = watched()
    events = price(state, "97.5") + second(state, 8)
    told = of(events, "LiquidationChanged")
    assert [entry.code for entry in told] == [0, 0, codes.NO_LIQUIDITY]
    delays = state.risk.tasks["R"].attempts
    assert delays >= 3
    bids(state, 50, 97)
    assert records(second(state, 20)) == ["DONE"]


def test_it_may_not_open_meanwhile() -> None:
    state = watched()
    price(state, "97.5")
    second(state)
    code, _ = run(state, PlaceOrder("R", "", "DCE.m2605", BUY, OPEN, 1, 0, yuan(80)), user="r" * 32)
    assert code == codes.RISK_RATIO_TOO_HIGH


def test_an_operator_holds_it_back_with_a_reason_and_lets_it_go() -> None:
    state = watched()
    code, _ = run(state, HoldLiquidation("R", True, " "))
    assert code == codes.INVALID_FIELD
    must(state, HoldLiquidation("R", True, "money is on its way"))
    bids(state, 50, 97)
    assert records(price(state, "97.5") + second(state)) == []
    state = load(json.loads(json.dumps(dump(state))))
    must(state, HoldLiquidation("R", False, "it never came"))
    assert records(second(state)) == ["RUNNING", "DONE"]


def test_a_force_liquidation_needs_a_reason_and_a_position() -> None:
    state = watched()
    assert run(state, ForceLiquidate("R", ""))[0] == codes.INVALID_FIELD
    assert run(state, ForceLiquidate("C", "why"))[0] == codes.INVALID_FIELD
    assert run(state, ForceLiquidate("nobody", "why"))[0] == codes.ACCOUNT_NOT_FOUND


def test_after_settlement_it_is_called_and_liquidated_at_the_next_open() -> None:
    state = watched()
    events = settle(state, {"DCE.m2605": yuan(97)})
    assert only(events, "SettlementFinished").force_closed_accounts == ["R"]
    assert only(events, "MarginCall").cause == "settlement"
    assert records(events) == ["WAITING"]
    events = run(state, Tick(), at=at(state.trading_day, "09:30"))[1]
    bids(state, 50, 97)
    events += second(state)
    assert records(events)[-1] == "DONE"


def test_one_cured_before_the_open_is_left_alone() -> None:
    state = watched()
    settle(state, {"DCE.m2605": yuan(97)})
    must(state, Deposit("R", yuan(50_000), "rescue", by_operator=True))
    events = run(state, Tick(), at=at(state.trading_day, "09:30"))[1] + second(state)
    assert records(events) == ["CURED"]
    assert state.accounts["R"].positions["DCE.m2605"].sides[0].lots() == 10


def test_a_restore_at_any_point_of_it_goes_on_the_same() -> None:
    state = watched()
    bids(state, 4, 97)
    price(state, "97.5")
    for step in range(60):
        if step == 20:
            bids(state, 50, 96)
        copy = load(json.loads(json.dumps(dump(state))))
        assert full_hash(copy) == full_hash(state), step
        moment, name = state.time_ns + SECOND // 4, f"{step:032x}"
        ours = run(state, Tick(), at=moment, command_id=name)[1]
        assert [e[1:] for e in run(copy, Tick(), at=moment, command_id=name)[1]] == [e[1:] for e in ours]
    assert "R" not in state.risk.tasks
    assert not drain(state) and not validate(state)


@pytest.mark.parametrize("holders", [1_200])
def test_a_tick_revalues_at_most_five_hundred_holders_and_each_once_a_second(holders: int) -> None:
    state = watched()
    add_account(state, "RICH", "d" * 32, 100_000_000, is_market_maker=True)
    for n in range(holders):
        add_account(state, f"H{n}", f"{n:032x}", 100_000)
        trade(state, f"H{n}", "RICH", 1, 100)
    second(state, 3)
    trade(state, "C", "B", 1, 101)
    visits = []
    for _ in range(6):
        run(state, Tick(), at=state.time_ns + SECOND // 2)
        visits.append(len(state.risk.seen))
    assert max(visits) <= 1_000
