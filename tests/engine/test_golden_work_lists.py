"""What touches many objects is done 500 a Tick, and what it concerns is closed meanwhile (A-45)."""

from typing import Any

import pytest

from tests.engine.builders import (
    BUY,
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
    of,
    only,
    run,
    trade,
    yuan,
)  # fmt: skip
from trading.engine import messages as m
from trading.engine.hashing import full_hash, trading_hash, validate
from trading.engine.snapshot import dump, load
from trading.engine.state import State
from trading.engine.work import OBJECTS_PER_TICK

SYMBOL = "DCE.m2605"
ORDERS = 1_150


def crowded(account: str = "A", **changes: Any) -> State:
    """One account with more resting orders than a command may touch."""
    state = market(**changes)
    must(state, m.SetSettings({"orders_burst": 100_000, "product_share_ppm": 0}))
    must(state, m.Deposit(account, yuan(10**8), "rich"))
    for number in range(ORDERS):
        must(state, limit(account, BUY, OPEN, 1, 95, order_id=f"o{number}"))
    return state


MASS = {
    "cancel all of an account": m.CancelAll("A"),
    "cancel all of the venue": m.CancelAll("", by_operator=True),
    "cancel all of an instrument": m.CancelAll("", SYMBOL, by_operator=True),
    "freeze": m.FreezeAccount("A", 1, False, "x"),
    "halt": m.HaltVenue("x"),
    "delist": m.DelistInstrument(SYMBOL),
}


@pytest.mark.parametrize("name", MASS)
def test_a_mass_end_touches_at_most_500_orders_a_command(name: str) -> None:
    state = crowded()
    events = must(state, MASS[name])
    counts = [len(of(events, "OrderCancelled"))]
    while state.has_work():
        assert validate(state) == []
        events = run(state, m.Tick(), at=state.time_ns + 5 * 10**6)[1]
        counts.append(len(of(events, "OrderCancelled")))
    assert sum(counts) == ORDERS and max(counts) <= OBJECTS_PER_TICK == 500
    assert not state.orders


def test_the_account_of_a_mass_cancel_is_closed_meanwhile_and_others_are_not() -> None:
    state = crowded()
    must(state, m.CancelAll("A"))
    assert run(state, limit("A", BUY, OPEN, 1, 95))[0] == 2002
    must(state, limit("B", BUY, OPEN, 1, 95))
    drain(state)
    must(state, limit("A", BUY, OPEN, 1, 95))


def test_the_instrument_of_a_mass_cancel_is_closed_meanwhile_and_others_are_not() -> None:
    state = crowded()
    add_instrument(state, "DCE.m2607")
    must(state, limit("A", BUY, OPEN, 1, 95, "DCE.m2607", order_id="else"))
    must(state, m.CancelAll("", SYMBOL, by_operator=True))
    assert run(state, limit("B", BUY, OPEN, 1, 95))[0] == 1009
    assert run(state, m.CancelOrder("A", f"o{ORDERS - 1}"))[0] == 1009
    must(state, limit("B", BUY, OPEN, 1, 95, "DCE.m2607"))
    must(state, m.CancelOrder("A", f"o{ORDERS - 2}", by_operator=True))
    drain(state)
    must(state, limit("B", BUY, OPEN, 1, 95))
    assert list(state.accounts["A"].orders) == ["else"]


def test_only_ticks_advance_an_open_list() -> None:
    state = crowded()
    must(state, m.CancelAll("A"))
    left = len(state.orders)
    for _ in range(5):
        assert not of(must(state, m.Deposit("B", 1, f"d{state.event_seq}")), "OrderCancelled")
    assert len(state.orders) == left


def test_the_oldest_list_goes_first() -> None:
    state = crowded()
    must(state, m.Deposit("B", yuan(10**8), "rich-b"))
    for number in range(20):
        must(state, limit("B", BUY, OPEN, 1, 95, order_id=f"o{number}"))
    must(state, m.CancelAll("A"))
    must(state, m.CancelAll("B"))
    events = drain(state)
    owners = [item.order[1] for item in of(events, "OrderCancelled")]
    assert owners == ["A"] * (ORDERS - 500) + ["B"] * 20


def test_a_list_survives_a_restore() -> None:
    state = crowded()
    must(state, m.CancelAll("A"))
    loaded = load(dump(state))
    assert full_hash(loaded) == full_hash(state)
    assert drain(loaded) != []
    drain(state)
    assert not loaded.orders and not loaded.has_work()
    assert loaded.accounts["A"].funds() == state.accounts["A"].funds()


def lists_of_every_kind(state: State) -> None:
    """600 holders and 600 living orders, a new margin rate, then a settlement on top."""
    must(state, m.SetSettings({"orders_burst": 100_000, "product_share_ppm": 0}))
    must(state, m.Deposit("B", yuan(10**8), "rich"))
    for number in range(600):
        add_account(state, f"H{number}", f"{number:032x}", 10_000)
        trade(state, f"H{number}", "B", 1, 100)
        order = limit(f"H{number}", BUY, OPEN, 1, 95, time_condition=4 if number % 3 else 2)
        must(state, order)
    must(state, m.SetRates("", "DCE.m", [120_000, 120_000, *[0] * 6], apply_now=True))


def test_a_settlement_restored_before_every_tick_ends_the_same() -> None:
    state = market()
    lists_of_every_kind(state)
    drain(state)
    must(state, m.BeginSettlement("r", [[SYMBOL, yuan(101)]]))
    restored, ticks = load(dump(state)), 0
    while state.has_work():
        restored = load(dump(restored))
        when = state.time_ns + 5 * 10**6
        events = run(state, m.Tick(), at=when)[1]
        assert [event[:4] + event[5:] for event in events] == [
            event[:4] + event[5:] for event in run(restored, m.Tick(), at=when)[1]
        ]
        ticks += 1
    assert ticks >= 3
    assert trading_hash(restored) == trading_hash(state)
    assert state.settled_day == MONDAY and validate(state) == []


def test_a_margin_list_survives_a_restore() -> None:
    state = market()
    lists_of_every_kind(state)
    assert state.has_work()
    restored = load(dump(state))
    drain(state)
    drain(restored)
    assert trading_hash(restored) == trading_hash(state)


def test_a_day_end_settles_its_orders_500_a_tick() -> None:
    state = crowded()
    must(state, m.BeginSettlement("r", []))
    most = 0
    while state.has_work():
        events = run(state, m.Tick(), at=state.time_ns + 5 * 10**6)[1]
        most = max(most, len(of(events, "OrderCancelled")))
    assert 0 < most <= 500
    assert not state.orders and validate(state) == []


def test_gfs_orders_end_500_a_tick_and_the_instrument_waits() -> None:
    state = market()
    must(state, m.SetSettings({"orders_burst": 100_000, "product_share_ppm": 0}))
    must(state, m.Deposit("A", yuan(10**8), "rich"))
    for _ in range(ORDERS):
        must(state, limit("A", BUY, OPEN, 1, 95, time_condition=1))
    events = run(state, m.Tick(), at=at(MONDAY, "10:15"))[1]
    assert len(of(events, "OrderCancelled")) <= 500
    assert run(state, limit("B", BUY, OPEN, 1, 95), at=at(MONDAY, "10:30"))[0] == 1009
    drain(state)
    must(state, limit("B", BUY, OPEN, 1, 95))


def test_a_large_auction_uncrosses_500_fills_a_tick() -> None:
    state = market(clock="08:56")
    must(state, m.SetSettings({"orders_burst": 100_000, "product_share_ppm": 0}))
    for account in "AB":
        must(state, m.Deposit(account, yuan(10**8), f"rich-{account}"))
    for _ in range(700):
        must(state, limit("A", BUY, OPEN, 1, 100))
        must(state, limit("B", SELL, OPEN, 1, 100))
    counts = [len(of(run(state, m.Tick(), at=at(MONDAY, "08:59"))[1], "Traded"))]
    assert run(state, m.CancelOrder("A", "x"), at=at(MONDAY, "08:59"))[0] == 3001
    while state.has_work():
        counts.append(len(of(run(state, m.Tick(), at=state.time_ns + 5 * 10**6)[1], "Traded")))
    assert sum(counts) == 700 and max(counts) <= 500
    assert state.instruments[SYMBOL].last_price == yuan(100)


def test_new_margins_reach_500_holders_a_tick_and_the_instrument_waits() -> None:
    state = market()
    must(state, m.SetSettings({"orders_burst": 100_000, "product_share_ppm": 0}))
    must(state, m.Deposit("B", yuan(10**8), "rich"))
    for number in range(600):
        add_account(state, f"H{number}", f"{number:032x}", 10_000)
        trade(state, f"H{number}", "B", 1, 100)
    command = m.SetRates("", "DCE.m", [200_000, 200_000, *[0] * 6], apply_now=True)
    events = must(state, command)
    assert len(of(events, "PositionRemargined")) == 500
    assert run(state, limit("A", BUY, OPEN, 1, 100))[0] == 1009
    events = drain(state)
    assert len(of(events, "PositionRemargined")) == 101
    assert state.accounts["H599"].margin == yuan(4_000)
    assert validate(state) == []


def test_an_order_that_ended_meanwhile_is_passed_over() -> None:
    state = crowded()
    must(state, m.CancelAll("", by_operator=True))
    gone = next(reversed(state.orders.values()))
    must(state, m.CancelOrder("A", gone.order_id, by_operator=True))
    events = drain(state)
    assert gone.uid not in [item.order[0] for item in of(events, "OrderCancelled")]


def test_a_halted_venue_resumes_only_when_its_list_is_done() -> None:
    state = crowded()
    must(state, m.HaltVenue("x"))
    assert run(state, m.ResumeVenue("y"))[0] == 9008
    drain(state)
    must(state, m.ResumeVenue("y"))


def test_a_mass_cancel_of_nothing_says_so() -> None:
    state = market()
    assert only(must(state, m.CancelAll("A")), "CommandDone").objects == 0
    assert run(state, m.CancelAll("A", "DCE.x"))[0] == 1007
    assert run(state, m.CancelAll("nobody"))[0] == 1006
    assert run(state, m.CancelAll(""))[0] == 1006


SWEPT = 1_150


def deep(**changes: Any) -> State:
    """A book of one-lot offers by A, more than one command may meet."""
    state = market(**changes)
    must(state, m.SetSettings({"orders_burst": 100_000, "product_share_ppm": 0, "max_order_amount": 10**16}))
    for name in "AB":
        must(state, m.Deposit(name, yuan(10**9), f"rich-{name}"))
    for number in range(SWEPT):
        must(state, limit("A", SELL, OPEN, 1, 95 + number // 500, order_id=f"o{number}"))
    return state


def sweep(state: State, **terms: Any) -> list[int]:
    """B takes the whole book; the number of fills of each command it needs."""
    events = must(state, limit("B", BUY, OPEN, SWEPT + 50, 105, order_id="sweep", **terms))
    fills = [len(of(events, "Traded"))]
    while state.has_work():
        assert validate(state) == []
        fills.append(len(of(run(state, m.Tick(), at=state.time_ns + 5 * 10**6)[1], "Traded")))
    return fills


def test_an_order_meets_at_most_500_makers_a_command_and_all_of_them_in_the_end() -> None:
    state = deep(max_limit_volume=0)
    fills = sweep(state)
    assert sum(fills) == SWEPT and max(fills) <= OBJECTS_PER_TICK
    assert list(state.orders.values())[0].left == 50 and len(state.orders) == 1
    assert state.instruments[SYMBOL].book.best_bid() == yuan(105)
    assert validate(state) == []


def test_an_immediate_order_that_met_many_makers_ends_with_its_remainder() -> None:
    state = deep(max_limit_volume=0)
    assert sum(sweep(state, time_condition=0)) == SWEPT
    assert not state.orders and validate(state) == []


def test_the_instrument_is_closed_while_an_order_goes_through_its_book() -> None:
    state = deep(max_limit_volume=0)
    must(state, limit("B", BUY, OPEN, SWEPT, 105, order_id="sweep"))
    assert run(state, limit("C", SELL, OPEN, 1, 95))[0] == 1009
    assert run(state, m.CancelOrder("B", "sweep"))[0] == 1009
    drain(state)
    must(state, limit("C", SELL, OPEN, 1, 106))


def test_an_operator_ends_an_order_that_goes_through_the_book() -> None:
    state = deep(max_limit_volume=0)
    must(state, limit("B", BUY, OPEN, SWEPT, 105, order_id="sweep"))
    must(state, m.CancelOrder("B", "sweep", by_operator=True))
    assert not of(drain(state), "Traded")
    must(state, limit("C", SELL, OPEN, 1, 106))
    assert validate(state) == []


def test_the_kill_switch_stops_an_order_that_goes_through_the_book() -> None:
    state = deep(max_limit_volume=0)
    must(state, limit("B", BUY, OPEN, SWEPT, 105, order_id="sweep"))
    must(state, m.HaltVenue("stop"))
    assert not of(drain(state), "Traded")
    assert not state.orders and validate(state) == []


def test_a_restore_in_the_middle_of_a_sweep_goes_on_the_same() -> None:
    state = deep(max_limit_volume=0)
    must(state, limit("B", BUY, OPEN, SWEPT + 50, 105, order_id="sweep"))
    loaded = load(dump(state))
    assert drain(loaded) == drain(state)
    assert trading_hash(loaded) == trading_hash(state)
