"""Every check before the book, alone and in its place among the others (section 7)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BOB,
    BUY,
    CHARLIE,
    CLOSE,
    OPEN,
    SELL,
    add_account,
    limit,
    market,
    must,
    only,
    run,
    trade,
    yuan,
)  # fmt: skip
from trading.engine.hashing import trading_hash
from trading.engine.messages import (
    CancelOrder,
    CheckOrder,
    FreezeAccount,
    HaltVenue,
    OpenAccount,
    PlaceOrder,
    SetAccount,
    SetRates,
    SetSettings,
    SuspendInstrument,
    UpdateInstrument,
    Withdraw,
)
from trading.engine.state import State

SYMBOL = "DCE.m2605"
GOOD = limit("A", BUY, OPEN, 2, 100, order_id="good")


def nothing(state: State) -> None:
    """The fault lies in the order alone."""


def spend_the_rate(state: State) -> None:
    must(state, SetSettings({"orders_per_second": 1, "orders_burst": 1}))
    run(state, limit("A", BUY, OPEN, 1, 99), user=ALICE)
    assert run(state, limit("A", BUY, OPEN, 1, 99), user=ALICE)[0] == 9004


def use_the_id(state: State) -> None:
    must(state, GOOD._replace(volume=1, limit_price=yuan(99)), user=ALICE)


def freeze(state: State) -> None:
    must(state, FreezeAccount("A", 1, False, "test"))


def suspend(state: State) -> None:
    must(state, SuspendInstrument(SYMBOL))


def low_amount(state: State) -> None:
    must(state, SetAccount("A", {"max_order_amount": yuan(100)}))


def low_limit(state: State) -> None:
    must(state, UpdateInstrument(SYMBOL, {"position_limit": 1}))


def low_cash(state: State) -> None:
    account = state.accounts["A"]
    free = account.balance() - account.held() - yuan(1_000)
    must(state, Withdraw("A", free, "out", by_operator=True))


def low_ratio(state: State) -> None:
    must(state, SetSettings({"max_risk_ppm": 1}))


def own_resting(state: State) -> None:
    add_account(state, "A2", ALICE)
    must(state, limit("A2", SELL, OPEN, 1, 100), user=ALICE)


Fault = tuple[int, Callable[[State], None], dict[str, Any]]
COMMON: list[Fault] = [
    (1006, nothing, {"user": CHARLIE}),
    (1013, use_the_id, {}),
    (2002, freeze, {}),
    (9004, spend_the_rate, {}),
    (1007, nothing, {"symbol": "DCE.m9999"}),
    (1009, suspend, {}),
    (1012, nothing, {"time_condition": 5}),
    (1008, nothing, {"volume": 0}),
    (1008, nothing, {"limit_price": 0}),
    (1011, nothing, {"limit_price": yuan("120.25")}),
    (1010, nothing, {"limit_price": yuan(120)}),
]
OPENING: list[Fault] = [
    *COMMON,
    (1003, low_amount, {}),
    (1002, low_limit, {}),
    (1001, low_cash, {}),
    (1004, low_ratio, {}),
    (1005, own_resting, {}),
]
CLOSING: list[Fault] = [*COMMON, (2005, nothing, {}), (1005, own_resting, {})]
SETUP_ORDER = [own_resting, use_the_id, low_limit, spend_the_rate, low_cash, low_amount,
               low_ratio, suspend, freeze]  # fmt: skip


def order_with(faults: list[Fault], offset: int) -> tuple[PlaceOrder, str]:
    """The good order with all faults' fields, the first fault's winning."""
    changes: dict[str, Any] = {}
    for _, _, fields in reversed(faults):
        changes |= fields
    user = changes.pop("user", ALICE)
    return GOOD._replace(**{"offset": offset, **changes}), user


def state_with(faults: list[Fault]) -> State:
    state = market()
    must(state, SetSettings({"product_share_ppm": 0}))
    wanted = [setup for _, setup, _ in faults]
    for setup in SETUP_ORDER:
        if setup in wanted:
            setup(state)
    return state


@pytest.mark.parametrize("first", range(len(OPENING)), ids=lambda n: f"{n}-{OPENING[n][0]}")
def test_the_first_failing_check_of_an_opening_order_answers(first: int) -> None:
    """All faults from one check on are there at once; the one of that check is told."""
    state = state_with(OPENING[first:])
    order, user = order_with(OPENING[first:], OPEN)
    before = trading_hash(state)
    code, events = run(state, order, user=user)
    assert code == OPENING[first][0], events
    assert trading_hash(state) == before


@pytest.mark.parametrize("first", range(len(CLOSING)), ids=lambda n: f"{n}-{CLOSING[n][0]}")
def test_the_first_failing_check_of_a_closing_order_answers(first: int) -> None:
    state = state_with(CLOSING[first:])
    if first == len(CLOSING) - 1:
        state = market()
        trade(state, "C", "A", 2, 100)
        own_resting(state)
    order, user = order_with(CLOSING[first:], CLOSE)
    before = trading_hash(state)
    code, events = run(state, order, user=user)
    assert code == CLOSING[first][0], events
    assert trading_hash(state) == before


@pytest.mark.parametrize("place", range(len(OPENING)), ids=lambda n: f"{n}-{OPENING[n][0]}")
def test_each_check_answers_alone(place: int) -> None:
    fault = [OPENING[place]]
    order, user = order_with(fault, OPEN)
    assert run(state_with(fault), order, user=user)[0] == OPENING[place][0]


def test_the_good_order_is_taken() -> None:
    assert run(market(), GOOD, user=ALICE)[0] == 0


def rejected(state: State, order: PlaceOrder) -> tuple[int, dict[str, Any]]:
    code, events = run(state, order)
    found = only(events, "OrderRejected")
    assert found.code == code
    assert found.order[18] == 5 and found.order[17] == 0, "REJECTED, before the book"
    assert found.order[0] == events[0][0], "uid is the sequence of the deciding event"
    return code, found.params


PARAMS = [
    (nothing, {"volume": 501}, 1008, {"field": "volume", "minimum": 1, "maximum": 500}),
    (nothing, {"volume": -1}, 1008, {"field": "volume", "minimum": 1, "maximum": 500}),
    (nothing, {"limit_price": -5_000}, 1008, {"field": "limit_price"}),
    (nothing, {"limit_price": yuan("100.1")}, 1011, {"tick": yuan("0.5")}),
    (nothing, {"limit_price": yuan("91.5")}, 1010, {"lower": yuan(92), "upper": yuan(108)}),
    (nothing, {"time_condition": 5}, 1012, {"phase": "CONTINUOUS"}),
    (suspend, {}, 1009, {"phase": "CONTINUOUS"}),
    (freeze, {}, 2002, {"status": "FROZEN"}),
    (low_amount, {}, 1003, {"amount": yuan(40_000), "limit_amount": yuan(100)}),
    (low_limit, {}, 1002, {"limit": 1, "lots": 2}),
    (low_cash, {}, 1001, {"required": yuan("4000.1"), "available": yuan(1_000)}),
    (low_ratio, {}, 1004, {"ratio_ppm": 4_000, "limit_ppm": 1}),
    (own_resting, {}, 1005, {}),
    (nothing, {"price_type": 1, "time_condition": 0, "volume": 101}, 1008,
     {"field": "volume", "minimum": 1, "maximum": 100}),
    (nothing, {"time_condition": 0, "volume_condition": 1, "min_volume": 3}, 1008,
     {"field": "min_volume"}),
    (nothing, {"time_condition": 3, "gtd_date": 20251231}, 1008, {"field": "gtd_date"}),
    (nothing, {"time_condition": 3, "gtd_date": 20261301}, 1008, {"field": "gtd_date"}),
]  # fmt: skip


@pytest.mark.parametrize(("setup", "changes", "code", "params"), PARAMS)
def test_a_refusal_names_its_figures(
    setup: Callable[[State], None], changes: dict[str, Any], code: int, params: dict[str, Any]
) -> None:
    state = market()
    if setup in (low_cash, low_ratio):
        must(state, SetSettings({"product_share_ppm": 0}))
    setup(state)
    assert rejected(state, GOOD._replace(**changes)) == (code, params)


@pytest.mark.parametrize(
    "changes",
    [{"direction": 2}, {"offset": 4}, {"price_type": 9}, {"time_condition": 6},
     {"volume_condition": 3}, {"order_id": "not an id"}, {"order_id": "x" * 129}],
)  # fmt: skip
def test_a_field_outside_its_kinds_is_1008(changes: dict[str, Any]) -> None:
    state = market()
    code, events = run(state, GOOD._replace(**changes))
    assert code == 1008
    assert only(events, "CommandRejected").params == {"field": next(iter(changes))}


def test_the_products_share_of_the_balance_counts_positions_and_orders() -> None:
    """1002's second half: 50 % of the balance a product (setting, 0 = off)."""
    state = market()
    add_account(state, "D", "d" * 32, 50_000)
    trade(state, "D", "B", 6, 100)
    must(state, limit("D", BUY, OPEN, 6, 100))
    code, params = rejected(state, limit("D", BUY, OPEN, 1, 100))
    assert code == 1002
    assert params == {"ratio_ppm": 26_000 * 10**6 * 10_000 // (50_000 * 10_000 - 3_000),
                      "limit_ppm": 500_000}  # fmt: skip
    must(state, SetSettings({"product_share_ppm": 0}))
    must(state, limit("D", BUY, OPEN, 1, 100))


def test_the_position_limit_counts_lots_held_and_working_of_the_side() -> None:
    state = market(position_limit=5)
    trade(state, "A", "B", 2, 100)
    must(state, limit("A", BUY, OPEN, 2, 99))
    assert rejected(state, limit("A", BUY, OPEN, 2, 99)) == (1002, {"limit": 5, "lots": 6})
    must(state, limit("A", BUY, OPEN, 1, 99))
    must(state, limit("A", SELL, OPEN, 5, 101))


def test_orders_without_a_limit_count_at_the_price_limit() -> None:
    state = market()
    must(state, SetAccount("A", {"max_order_amount": yuan(21_000)}))
    must(state, limit("B", SELL, OPEN, 5, 100))
    order = PlaceOrder("A", "", SYMBOL, BUY, OPEN, 1, 1, 0, 0)
    assert rejected(state, order)[1]["amount"] == yuan(108 * 200)
    assert run(state, limit("A", BUY, OPEN, 1, 100))[0] == 0


def test_an_order_that_just_fits_its_money_is_taken() -> None:
    state = market()
    must(state, SetSettings({"product_share_ppm": 0, "max_risk_ppm": 10_000_000}))
    must(state, SetSettings({"liquidation_ppm": 10_000_000}))
    add_account(state, "D", "d" * 32, "2000.05")
    assert run(state, limit("D", BUY, OPEN, 1, 100))[0] == 0
    add_account(state, "E", "e" * 32, "2000.0499")
    assert run(state, limit("E", BUY, OPEN, 1, 100))[0] == 1001


def test_a_ratio_of_exactly_the_limit_is_taken() -> None:
    """1004: at most 95 %."""
    state = market(product={"margin_ppm": 95_000, "fees": (0, 0, 0, 0, 0, 0)})
    must(state, SetSettings({"product_share_ppm": 0}))
    add_account(state, "D", "d" * 32, 2_000)
    assert run(state, limit("D", BUY, OPEN, 1, 100))[0] == 0
    add_account(state, "E", "e" * 32, "1999.9999")
    assert run(state, limit("E", BUY, OPEN, 1, 100))[0] == 1004


def test_the_ratio_counts_held_frozen_and_this_orders_margin() -> None:
    state = market()
    must(state, SetSettings({"product_share_ppm": 0, "max_risk_ppm": 60_000}))
    trade(state, "A", "B", 10, 100)
    must(state, limit("A", BUY, OPEN, 10, 99))
    code, params = rejected(state, limit("A", BUY, OPEN, 11, 100))
    assert code == 1004 and 61_000 < params["ratio_ppm"] < 62_000


def test_nothing_opens_at_the_liquidation_level_whatever_the_limit_says() -> None:
    state = market()
    must(state, SetSettings({"max_risk_ppm": 10_000_000, "product_share_ppm": 0,
                             "liquidation_ppm": 3_000}))  # fmt: skip
    assert rejected(state, GOOD)[0] == 1004


def test_a_halted_venue_takes_no_orders() -> None:
    state = market()
    must(state, HaltVenue("drill"))
    assert rejected(state, GOOD) == (1009, {"phase": "CLOSED"})


@pytest.mark.parametrize(
    ("mode", "can_close", "opens", "closes"),
    [(1, False, 2002, 2002), (1, True, 2002, 0), (2, False, 0, 0), (3, True, 2002, 0),
     (3, False, 2002, 2002)],
)  # fmt: skip
def test_a_freeze_says_what_the_account_may_still_do(
    mode: int, can_close: bool, opens: int, closes: int
) -> None:
    state = market()
    trade(state, "A", "B", 2, 100)
    must(state, FreezeAccount("A", mode, can_close, "test"))
    assert run(state, limit("A", BUY, OPEN, 1, 99))[0] == opens
    assert run(state, limit("A", SELL, CLOSE, 1, 101))[0] == closes


def test_a_pending_account_may_not_trade() -> None:
    state = market()
    must(state, OpenAccount("P", BOB, "P", "individual", needs_approval=True))
    assert rejected(state, limit("P", BUY, OPEN, 1, 100)) == (2002, {"status": "PENDING"})


def test_a_check_answers_like_the_order_and_changes_nothing() -> None:
    state = market()
    before = trading_hash(state)
    code, events = run(state, CheckOrder(*GOOD), user=ALICE)
    found = only(events, "OrderChecked")
    assert code == found.code == 0
    assert (found.margin, found.commission) == (yuan(4_000), yuan("0.1"))
    assert found.available_after == yuan("995999.9")
    assert found.risk_ratio_after_ppm == 4_000
    assert trading_hash(state) == before


@pytest.mark.parametrize("place", [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
def test_a_check_is_refused_with_the_code_of_the_order(place: int) -> None:
    fault = [OPENING[place]]
    order, user = order_with(fault, OPEN)
    code, events = run(state_with(fault), CheckOrder(*order), user=user)
    assert code == only(events, "OrderChecked").code == OPENING[place][0]


def test_charlie_learns_nothing_of_alices_account() -> None:
    """A stranger is told 1006 whatever is behind the id (T section 7, 1006)."""
    state = market()
    must(state, GOOD, user=ALICE)
    for command in (GOOD, GOOD._replace(volume=9), CheckOrder(*GOOD), CancelOrder("A", "good"),
                    limit("nobody", BUY, OPEN, 1, 100)):  # fmt: skip
        code, events = run(state, command, user=CHARLIE)
        assert code == 1006
        assert only(events, "CommandRejected").params == {}


def test_a_rate_that_makes_no_sense_is_refused() -> None:
    state = market()
    for rates in ([0] * 8, [10**6 + 1] * 8, [100_000] * 7, [100_000, 100_000, -1, *[0] * 5]):
        assert run(state, SetRates("", SYMBOL, list(rates)))[0] == 9008
    assert run(state, SetRates("", "DCE.none", [100_000] * 8))[0] == 1007
    assert run(state, SetRates("account:none", SYMBOL, [100_000] * 8))[0] == 1006
    assert run(state, SetRates("nobody", SYMBOL, [100_000] * 8))[0] == 9008
    assert run(state, SetRates("", "DCE.m", [None] * 8))[0] == 9008, "a product's are complete"
