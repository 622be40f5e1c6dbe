"""Instruments from listing to delisting, accounts from opening to closing, money, the kill switch
(T-12a … T-14, T-62, T-63, T-100)."""

from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BOB,
    BUY,
    MONDAY,
    OPEN,
    SELL,
    add_account,
    add_instrument,
    at,
    instrument_row,
    limit,
    market,
    must,
    new_venue,
    of,
    only,
    product_row,
    run,
    settle,
    trade,
    yuan,
)  # fmt: skip
from trading.engine import messages as m
from trading.engine.messages import AccountRow, EndReason, InstrumentRow, InstrumentStatus
from trading.engine.state import State

SYMBOL = "DCE.m2605"


def status(state: State, symbol: str = SYMBOL) -> int:
    return state.instruments[symbol].status


# Instruments


def test_an_instrument_without_a_list_date_trades_at_once() -> None:
    state = new_venue()
    add_instrument(state)
    row = state.instruments[SYMBOL]
    assert row.status == InstrumentStatus.TRADING
    assert row.pre_settlement == row.pre_close == yuan(100)


def test_an_instrument_is_listed_on_its_date() -> None:
    state = market()
    add_instrument(state, "DCE.m2607", list_date=20260107)
    assert status(state, "DCE.m2607") == InstrumentStatus.CREATED
    assert run(state, limit("A", BUY, OPEN, 1, 100, "DCE.m2607"))[0] == 1009
    settle(state)
    assert status(state, "DCE.m2607") == InstrumentStatus.CREATED
    events = settle(state)
    assert status(state, "DCE.m2607") == InstrumentStatus.TRADING
    assert "listed" in [item.reason for item in of(events, "InstrumentChanged")]
    assert run(state, limit("A", BUY, OPEN, 1, 100, "DCE.m2607"), at=at(20260107, "09:30"))[0] == 0


def test_without_a_listing_price_an_instrument_stays_created() -> None:
    state = market()
    add_instrument(state, "DCE.m2607", listing_price=0)
    assert status(state, "DCE.m2607") == InstrumentStatus.CREATED
    must(state, m.UpdateInstrument("DCE.m2607", {"listing_price": yuan(90)}))
    assert status(state, "DCE.m2607") == InstrumentStatus.TRADING
    assert state.instruments["DCE.m2607"].pre_settlement == yuan(90)
    must(state, limit("A", BUY, OPEN, 1, 90, "DCE.m2607"))


def test_expiry_comes_with_the_settlement_of_its_date_and_pays_out() -> None:
    state = market(expire_date=MONDAY)
    trade(state, "A", "B", 2, 100)
    settle(state, {SYMBOL: yuan(103)})
    assert status(state) == InstrumentStatus.EXPIRED
    account = state.accounts["A"]
    assert account.pre_balance == yuan(1_000_000) + yuan(2 * 200 * 3) - 2 * 500
    assert account.margin == 0 and not account.positions
    assert state.instruments[SYMBOL].open_interest == 0
    assert run(state, limit("A", BUY, OPEN, 1, 103), at=at(20260106, "09:30"))[0] == 1009
    assert run(state, m.UpdateInstrument(SYMBOL, {"position_limit": 1}))[0] == 9008


def test_suspend_and_resume_go_back_and_forth() -> None:
    state = market()
    must(state, m.SuspendInstrument(SYMBOL, "news"))
    assert run(state, m.SuspendInstrument(SYMBOL))[0] == 9008
    must(state, m.ResumeInstrument(SYMBOL))
    code, events = run(state, m.ResumeInstrument(SYMBOL))
    assert code == 9008
    assert only(events, "CommandRejected").params == {"field": "status", "status": "TRADING"}
    for command in (m.SuspendInstrument("DCE.x"), m.ResumeInstrument("DCE.x"),
                    m.DelistInstrument("DCE.x"), m.UpdateInstrument("DCE.x", {})):  # fmt: skip
        assert run(state, command)[0] == 1007


def test_delisting_is_refused_with_the_number_and_names_of_the_holders() -> None:
    state = market()
    for number in range(23):
        add_account(state, f"H{number:02d}", f"{number:032x}")
        trade(state, f"H{number:02d}", "B", 1, 100)
    code, events = run(state, m.DelistInstrument(SYMBOL))
    params = only(events, "CommandRejected").params
    assert code == 9008
    assert params["holders"] == 24 and params["symbol"] == SYMBOL
    names = ["B", *[f"H{number:02d}" for number in range(23)]]
    assert params["accounts"] == ", ".join(names[:20])
    assert status(state) == InstrumentStatus.TRADING


def test_delisting_ends_the_orders_and_is_final() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 100))
    events = must(state, m.DelistInstrument(SYMBOL, "over"))
    assert only(events, "OrderCancelled").reason == EndReason.BY_OPERATOR
    assert status(state) == InstrumentStatus.DELISTED
    for command in (m.ResumeInstrument(SYMBOL), m.DelistInstrument(SYMBOL),
                    m.SuspendInstrument(SYMBOL)):  # fmt: skip
        assert run(state, command)[0] == 9008
    settle(state)
    assert status(state) == InstrumentStatus.DELISTED


def test_a_duplicate_instrument_is_2001() -> None:
    state = market()
    assert run(state, m.CreateInstrument(instrument_row()))[0] == 2001


BAD_ROWS: list[dict[str, Any]] = [
    {"exchange_id": "NYSE"}, {"instrument_id": ""}, {"instrument_id": "m.1"}, {"product_id": "x"},
    {"instrument_class": "BOND"}, {"volume_multiple": 0}, {"price_tick": 0}, {"limit_up_ppm": 0},
    {"limit_down_ppm": 0}, {"limit_down_ppm": 1_000_001}, {"session_template": "none"},
    {"list_date": 20260230}, {"expire_date": 20251231}, {"listing_price": yuan("100.1")},
    {"self_trade_mode": 3}, {"rates": [0] * 8}, {"name_zh": 5}, {"position_limit": -1},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD_ROWS, ids=lambda changes: next(iter(changes)))
def test_an_unsound_instrument_is_refused_by_its_field(changes: dict[str, Any]) -> None:
    state = market()
    row = InstrumentRow(*instrument_row("DCE.m2609"))._replace(**changes)
    code, events = run(state, m.CreateInstrument(list(row)))
    assert code == 9008
    assert only(events, "CommandRejected").params == {"field": next(iter(changes))}


@pytest.mark.parametrize("used_by", ["position", "order"])
@pytest.mark.parametrize("field", ["volume_multiple", "price_tick"])
def test_multiple_and_tick_stay_while_somebody_holds_or_waits(field: str, used_by: str) -> None:
    state = market()
    command = m.UpdateInstrument(SYMBOL, {field: 10_000})
    must(state, command)
    if used_by == "position":
        trade(state, "A", "B", 1, 100)
    else:
        must(state, limit("A", BUY, OPEN, 1, 100))
    code, events = run(state, command)
    assert code == 9008
    assert only(events, "CommandRejected").params == {"field": field}


@pytest.mark.parametrize(
    "changes",
    [{"status": 1}, {"exchange_id": "SHFE"}, {"pre_settlement": 1}, {"limit_up_ppm": 0},
     {"listing_price": yuan("100.1")}, {"rates": [1] * 8}, {"session_template": "none"}],
)  # fmt: skip
def test_what_is_not_a_term_cannot_be_updated(changes: dict[str, Any]) -> None:
    assert run(market(), m.UpdateInstrument(SYMBOL, changes))[0] == 9008


def test_an_update_reaches_the_running_market_at_once() -> None:
    state = market()
    must(state, m.UpdateInstrument(SYMBOL, {"limit_up_ppm": 20_000, "name_en": "Meal"}, "risk"))
    assert run(state, limit("A", BUY, OPEN, 1, 103))[0] == 1010
    must(state, m.UpdateInstrument(SYMBOL, {"session_template": "index"}))
    must(state, limit("A", BUY, OPEN, 1, 100))
    assert run(state, m.UpdateInstrument(SYMBOL, {"session_template": "day"}))[0] == 9008


def test_products_are_checked_and_changed_in_place() -> None:
    state = market()
    row = product_row("DCE", "m", larger_side=True)
    must(state, m.SetProduct(row))
    assert state.products["DCE.m"].larger_side_margin
    assert trade(state, "A", "B", 1, 100)
    for bad in (product_row("NYSE", "x"), product_row("DCE", ""),
                product_row("DCE", "y", margin_ppm=0)):  # fmt: skip
        assert run(state, m.SetProduct(bad))[0] == 9008
    bad = product_row("DCE", "y")
    bad[4] = [*bad[4][:7], None]
    assert run(state, m.SetProduct(bad))[0] == 9008, "a product's rates are complete"


def test_held_margin_follows_the_larger_side_setting_from_the_next_settlement() -> None:
    state = market()
    trade(state, "A", "B", 3, 100)
    trade(state, "B", "A", 1, 100)
    must(state, m.SetProduct(product_row("DCE", "m", larger_side=True)))
    settle(state, {SYMBOL: yuan(100)})
    assert state.accounts["A"].margin == yuan(6_000)


# Accounts


def test_an_account_waits_for_approval_where_asked() -> None:
    state = market()
    command = m.OpenAccount("P", BOB, "P", "individual", needs_approval=True, init_cash=yuan(9))
    events = must(state, command)
    assert AccountRow(*only(events, "AccountChanged").row).status == 0
    assert only(events, "FundsMoved").amount == yuan(9)
    assert run(state, m.Deposit("P", 1, "x"))[0] == 2003
    assert run(state, m.Withdraw("P", 1, "x"))[0] == 2004
    must(state, m.ApproveAccount("P"))
    assert run(state, m.ApproveAccount("P"))[0] == 9008
    must(state, limit("A", BUY, OPEN, 1, 100))
    assert run(state, m.OpenAccount("P", BOB, "P", "individual"))[0] == 2001
    for bad in (m.OpenAccount("", BOB, "P", "i"), m.OpenAccount("Q", "", "P", "i"),
                m.OpenAccount("Q", BOB, "P", "i", init_cash=-1)):  # fmt: skip
        assert run(state, bad)[0] == 9008


@pytest.mark.parametrize("command", [m.ApproveAccount, m.UnfreezeAccount, m.CloseAccount])
def test_an_unknown_account_is_1006(command: Any) -> None:
    assert run(market(), command("nobody"))[0] == 1006


def test_freezing_cancels_the_orders_and_unfreezing_brings_trading_back() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 100))
    must(state, limit("B", BUY, OPEN, 1, 100))
    events = must(state, m.FreezeAccount("A", 3, False, "check"))
    assert only(events, "OrderCancelled").reason == EndReason.ACCOUNT_FROZEN
    row = AccountRow(*only(events, "AccountChanged").row)
    assert (row.status, row.freeze_mode, row.freeze_reason) == (2, 3, "check")
    assert len(state.orders) == 1
    must(state, m.UnfreezeAccount("A"))
    assert run(state, m.UnfreezeAccount("A"))[0] == 9008
    must(state, limit("A", BUY, OPEN, 1, 100))
    assert run(state, m.FreezeAccount("A", 0, False, ""))[0] == 9008


def test_freezing_withdrawals_keeps_the_orders() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 100))
    must(state, m.FreezeAccount("A", 2, False, "check"))
    assert len(state.orders) == 1
    assert run(state, m.Withdraw("A", 1, "x"))[0] == 2002
    must(state, m.Deposit("A", 1, "y"))
    must(state, m.FreezeAccount("A", 1, False, "check"))
    must(state, m.Withdraw("A", 1, "z"))


def test_closing_needs_no_position_no_order_and_no_money_and_is_final() -> None:
    state = market()
    add_account(state, "D", "d" * 32, 0)
    code, events = run(state, m.CloseAccount("A"))
    assert code == 9008
    assert only(events, "CommandRejected").params["balance"] == yuan(1_000_000)
    must(state, m.CloseAccount("D"))
    for command in (m.CloseAccount("D"), m.FreezeAccount("D", 1, False, ""),
                    m.SetAccount("D", {"group": "x"})):  # fmt: skip
        assert run(state, command)[0] == 9008
    assert run(state, m.Deposit("D", 1, "x"))[0] == 2003
    assert run(state, m.ReverseFlow("f", "D", 1, ""))[0] == 1006


def test_an_accounts_terms_are_checked() -> None:
    state = market()
    must(state, m.SetAccount("A", {"account_name": "Alice", "is_market_maker": 1}))
    row = AccountRow(*state.accounts["A"].row())
    assert (row.account_name, row.is_market_maker) == ("Alice", True)
    faults: list[dict[str, Any]] = [{"status": 3}, {"group": 5}, {"max_order_amount": -1}]
    for changes in faults:
        assert run(state, m.SetAccount("A", changes))[0] == 9008
    assert run(state, m.SetAccount("nobody", {}))[0] == 1006


# Money


def test_a_withdrawal_takes_at_most_what_is_available() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 10, 100))
    code, events = run(state, m.Withdraw("A", yuan("979999.5001"), "x"))
    assert code == 2004
    assert only(events, "CommandRejected").params == {
        "required": yuan("979999.5001"), "available": yuan("979999.5"),
    }  # fmt: skip
    must(state, m.Withdraw("A", yuan("979999.5"), "x"))


def test_unrealised_profit_stays_in_where_the_venue_says_so() -> None:
    state = market()
    trade(state, "A", "B", 10, 100)
    trade(state, "B", "C", 1, 105)
    must(state, m.SetSettings({"withdraw_excludes_profit": 1}))
    most = yuan("979999.5")
    assert run(state, m.Withdraw("A", most + 1, "x"))[0] == 2004
    must(state, m.SetSettings({"withdraw_excludes_profit": 0}))
    must(state, m.Withdraw("A", most + yuan(10_000), "x"))


@pytest.mark.parametrize("amount", [0, -1, 10**11 * 10_000 + 1])
def test_an_impossible_amount_is_refused(amount: int) -> None:
    state = market()
    assert run(state, m.Deposit("A", amount, "x"))[0] == 2003
    assert run(state, m.Withdraw("A", amount, "y"))[0] == 2004


def test_a_balance_never_passes_the_bound() -> None:
    state = market()
    assert run(state, m.Deposit("A", 10**11 * 10_000, "x"))[0] == 2003


def test_a_flow_is_reversed_once_by_a_contrary_one() -> None:
    state = market()
    flow = only(must(state, m.Deposit("A", yuan(7), "x")), "FundsMoved")
    reverse = m.ReverseFlow(flow.flow_id, "A", flow.amount, "", "mistake")
    found = only(must(state, reverse), "FundsMoved")
    assert (found.kind, found.amount, found.reverses) == ("reversal", -yuan(7), flow.flow_id)
    assert run(state, reverse)[0] == 9008
    assert run(state, m.ReverseFlow("other", "A", 0, ""))[0] == 9008
    assert run(state, m.ReverseFlow("other", "nobody", 1, ""))[0] == 1006


# Kill switch


def test_the_kill_switch_cancels_everything_and_takes_no_more() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 99))
    must(state, limit("B", SELL, OPEN, 1, 101))
    events = must(state, m.HaltVenue("drill"))
    assert [item.reason for item in of(events, "OrderCancelled")] == [EndReason.VENUE_HALTED] * 2
    assert run(state, m.HaltVenue("again"))[0] == 9008
    run(state, m.Tick(), at=at(MONDAY, "10:15"))
    assert run(state, limit("A", BUY, OPEN, 1, 99), at=at(MONDAY, "10:30"))[0] == 1009
    events = must(state, m.ResumeVenue("over"))
    assert of(events, "PhaseChanged")[0].phase == 3
    must(state, limit("A", BUY, OPEN, 1, 99))
    assert run(state, m.ResumeVenue("again"))[0] == 9008


def test_a_halted_venue_settles_and_stays_halted() -> None:
    state = market()
    must(state, m.HaltVenue("drill"))
    settle(state)
    run(state, m.Tick(), at=at(20260106, "09:30"))
    assert state.instruments[SYMBOL].phase == 0
    must(state, m.ResumeVenue("over"))
    assert state.instruments[SYMBOL].phase == 3


def test_settings_are_checked_whole() -> None:
    state = market()
    before = dict(state.settings)
    for values in ({"max_risk_ppm": 0}, {"unknown": 1}, {"orders_burst": 5, "max_risk_ppm": -1}):
        assert run(state, m.SetSettings(values))[0] == 9008
    assert state.settings == before
    assert run(state, limit("A", BUY, OPEN, 1, 100), user=ALICE)[0] == 0
