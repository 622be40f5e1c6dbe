"""Call auctions and the circuit breaker (T-42, T-45)."""

import random

import pytest

from tests.engine.builders import (
    ALICE,
    BUY,
    MONDAY,
    OPEN,
    SELL,
    add_account,
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
from tests.engine.reference import book
from tests.engine.reference.model import Account, Instrument, Order
from trading.engine.auction import indication
from trading.engine.messages import (
    DelistInstrument,
    EndReason,
    InstrumentRow,
    Phase,
    PlaceOrder,
    ResumeInstrument,
    SuspendInstrument,
    Tick,
    UpdateInstrument,
)
from trading.engine.state import State
from trading.engine.views import quote_view

SYMBOL = "DCE.m2605"
SECOND = 10**9


def auction_with(*orders: tuple[str, int, int, str | int]) -> State:
    """(account, direction, lots, price) entered at 08:56; STP off by using separate owners."""
    state = market(clock="08:56")
    for account, direction, lots, price in orders:
        if account not in state.accounts:
            add_account(state, account, (account.lower() * 32)[:32])
        must(state, limit(account, direction, OPEN, lots, price))
    return state


CASES = [
    # name, orders, price, volume, imbalance
    ("most volume", [("A", BUY, 5, 102), ("B", SELL, 3, 99), ("C", SELL, 2, 101)], 101, 5, 0),
    ("least imbalance", [("A", BUY, 5, 102), ("A", BUY, 3, 100), ("B", SELL, 5, 98)], "100.5", 5, 0),
    ("nearest to the settlement", [("A", BUY, 5, 104), ("B", SELL, 5, 96)], 100, 5, 0),
    ("nearest, from above", [("A", BUY, 5, 104), ("B", SELL, 5, 102)], 102, 5, 0),
    ("nearest, from below", [("A", BUY, 5, 98), ("B", SELL, 5, 96)], 98, 5, 0),
    ("more buys than sells", [("A", BUY, 9, 104), ("B", SELL, 5, 96)], 100, 5, 4),
    ("more sells than buys", [("A", BUY, 2, 104), ("B", SELL, 5, 96)], 100, 2, -3),
    ("nothing crosses", [("A", BUY, 5, 99), ("B", SELL, 5, 100)], 0, 0, 0),
    ("one side only", [("A", BUY, 5, 99)], 0, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "orders", "price", "volume", "imbalance"), CASES)
def test_the_auction_price_follows_its_four_rules(
    name: str, orders: list[tuple[str, int, int, str | int]], price: str | int, volume: int,
    imbalance: int,
) -> None:  # fmt: skip
    state = auction_with(*orders)
    assert quote_view(state, SYMBOL)["auction"] == {
        "price": yuan(price), "volume": volume, "imbalance": imbalance,
    }, name  # fmt: skip
    assert quote_view(state, SYMBOL)["last_price"] == 0, "untouched while orders are taken"
    events = run(state, Tick(), at=at(MONDAY, "08:59"))[1]
    trades = of(events, "Traded")
    assert sum(item.volume for item in trades) == volume
    assert {item.price for item in trades} <= {yuan(price)}
    assert quote_view(state, SYMBOL)["auction"] is None


def test_between_two_prices_equally_near_the_higher_wins() -> None:
    """pre_settlement 100 lies between the ticks 99.9 and 100.2 of a tick of 0.3."""
    state = market(clock="08:56", price_tick=yuan("0.3"), listing_price=yuan("99.9"))
    settle(state, {SYMBOL: yuan("100.05")})
    run(state, Tick(), at=at(20260106, "08:56"))
    must(state, limit("A", BUY, OPEN, 1, "100.2"))
    must(state, limit("B", SELL, OPEN, 1, "99.9"))
    assert indication(state.instruments[SYMBOL]).price == yuan("100.2")


def test_price_then_time_fill_and_the_rest_stays_in_its_order() -> None:
    state = auction_with(
        ("A", BUY, 2, 101), ("B", BUY, 2, 100), ("C", BUY, 2, 100), ("D", SELL, 5, 100),
        ("E", BUY, 1, 99),
    )  # fmt: skip
    events = run(state, Tick(), at=at(MONDAY, "08:59"))[1]
    found = [(item.taker[0][1], item.maker[0][1], item.volume, item.taker_direction)
             for item in of(events, "Traded")]  # fmt: skip
    assert found == [("A", "D", 2, -1), ("B", "D", 2, -1), ("C", "D", 1, -1)]
    run(state, Tick(), at=at(MONDAY, "09:00"))
    events = must(state, limit("D", SELL, OPEN, 2, 99))
    assert [item.maker[0][1] for item in of(events, "Traded")] == ["C", "E"]


def test_the_indication_agrees_with_brute_force_on_random_books() -> None:
    dice = random.Random(42)
    for _ in range(60):
        state = market(clock="08:56")
        reference: list[Order] = []
        item = state.instruments[SYMBOL]
        instrument = Instrument(InstrumentRow(*item.row()), "DCE.m", False, [])
        for number in range(dice.randrange(2, 14)):
            direction, lots = dice.randrange(2), dice.randrange(1, 9)
            price = yuan(100) + yuan("0.5") * dice.randint(-9, 9)
            account = "AB"[direction]
            command = PlaceOrder(account, "", SYMBOL, direction, OPEN, lots, 0, price)
            must(state, command)
            order = Order(Account(account, account, []), instrument, list(command[3:]), 0, "", 0, 0)
            order.resting, order.priority = True, number
            reference.append(order)
        assert tuple(indication(item)) == tuple(book.auction(reference, instrument))


def test_a_suspended_instrument_does_not_trade_at_the_auctions_end() -> None:
    state = auction_with(("A", BUY, 5, 101), ("B", SELL, 5, 99))
    must(state, SuspendInstrument(SYMBOL))
    events = run(state, Tick(), at=at(MONDAY, "09:30"))[1]
    assert not of(events, "Traded")
    events = must(state, ResumeInstrument(SYMBOL))
    assert only(events, "Traded").price == yuan(100), "resumed, it is uncrossed first"


@pytest.mark.parametrize("clock", ["08:59:30", "10:20"])
def test_what_a_suspension_left_crossed_is_uncrossed_before_continuous_trading(clock: str) -> None:
    state = auction_with(("A", BUY, 5, 101), ("B", SELL, 3, 99))
    must(state, SuspendInstrument(SYMBOL))
    run(state, Tick(), at=at(MONDAY, clock))
    assert not of(must(state, ResumeInstrument(SYMBOL)), "Traded")
    events = run(state, Tick(), at=at(MONDAY, "10:30"))[1]
    assert only(events, "Traded").volume == 3
    assert not state.instruments[SYMBOL].book.is_crossed()


def test_several_phases_in_one_jump_uncross_once() -> None:
    state = auction_with(("A", BUY, 5, 101), ("B", SELL, 3, 99))
    events = run(state, limit("C", SELL, OPEN, 1, 101), at=at(MONDAY, "09:30"))[1]
    assert [item.volume for item in of(events, "Traded")] == [3, 1]
    assert [item.price for item in of(events, "Traded")] == [yuan(100), yuan(101)]


# Circuit breaker (T-45)


def guarded(move_ppm: int = 20_000) -> State:
    """2 % from the reference within 60 s puts the instrument into 30 s of auction."""
    state = market(breaker_move_ppm=move_ppm, breaker_window_ns=60 * SECOND, breaker_auction_ns=30 * SECOND)
    trade(state, "A", "B", 1, 100)
    return state


def test_a_move_beyond_the_band_calls_an_auction_for_its_time() -> None:
    state = guarded()
    for price in (101, 102, 103):
        must(state, limit("B", SELL, OPEN, 1, price))
    events = must(state, limit("A", BUY, OPEN, 3, 104))
    assert [item.price for item in of(events, "Traded")] == [yuan(101), yuan(102)]
    changed = only(events, "PhaseChanged")
    assert (changed.symbol, changed.phase) == (SYMBOL, Phase.AUCTION_ORDER)
    assert state.phases["day"] == Phase.CONTINUOUS, "the others go on"
    assert run(state, limit("C", BUY, OPEN, 1, 100, time_condition=1))[0] == 1012
    must(state, limit("C", SELL, OPEN, 2, 103, time_condition=5))
    until = state.time_ns + 30 * SECOND
    assert state.next_boundary_ns() == until
    assert not run(state, Tick(), at=until - 10**6)[1]
    events = run(state, Tick(), at=until)[1]
    assert [event[1] for event in events] == ["PhaseChanged", "Traded", "OrderCancelled"]
    assert of(events, "PhaseChanged")[0].phase == Phase.CONTINUOUS
    assert only(events, "Traded").price == yuan(103)
    assert only(events, "OrderCancelled").reason == EndReason.AUCTION_END


def test_a_falling_price_is_caught_likewise() -> None:
    state = guarded()
    for price in (99, 98, 97):
        must(state, limit("B", BUY, OPEN, 1, price))
    events = must(state, limit("A", SELL, OPEN, 3, 96))
    assert [item.price for item in of(events, "Traded")] == [yuan(99), yuan(98)]
    assert only(events, "PhaseChanged").symbol == SYMBOL


def test_fok_does_not_count_what_lies_beyond_the_band() -> None:
    state = guarded()
    for price in (101, 103):
        must(state, limit("B", SELL, OPEN, 1, price))
    order = limit("A", BUY, OPEN, 2, 104, time_condition=0, volume_condition=2)
    assert not of(must(state, order), "Traded")


def test_an_immediate_order_that_calls_an_auction_ends() -> None:
    state = guarded()
    must(state, limit("B", SELL, OPEN, 1, 103))
    events = must(state, limit("A", BUY, OPEN, 1, 104, time_condition=0))
    assert [event[1] for event in events] == ["OrderAccepted", "PhaseChanged", "OrderCancelled"]


def test_the_reference_moves_on_when_its_window_is_over() -> None:
    state = guarded()
    must(state, limit("B", SELL, OPEN, 1, 102))
    must(state, limit("A", BUY, OPEN, 1, 102))
    must(state, limit("B", SELL, OPEN, 1, 104), at=state.time_ns + 61 * SECOND)
    events = must(state, limit("A", BUY, OPEN, 1, 104))
    assert only(events, "Traded").price == yuan(104)


def test_off_is_the_default() -> None:
    state = market()
    trade(state, "A", "B", 1, 93)
    assert trade(state, "A", "B", 1, 107)


@pytest.mark.parametrize("how", ["section", "delisted", "settled"])
def test_a_breaker_auction_is_cut_when_the_instrument_stops_otherwise(how: str) -> None:
    state = market(clock="10:14:50", breaker_move_ppm=20_000, breaker_window_ns=60 * SECOND,
                   breaker_auction_ns=30 * SECOND)  # fmt: skip
    if how == "delisted":
        state.instruments[SYMBOL].mark = state.instruments[SYMBOL].last_price = yuan(100)
    else:
        trade(state, "A", "B", 1, 100)
    must(state, limit("B", SELL, OPEN, 1, 103))
    must(state, limit("A", BUY, OPEN, 2, 103))
    must(state, limit("A", BUY, OPEN, 1, 95, time_condition=5))
    assert state.breakers
    if how == "section":
        events = run(state, Tick(), at=at(MONDAY, "10:15"))[1]
        assert only(events, "Traded").price == yuan(103), "the auction ends there"
    elif how == "delisted":
        events = must(state, DelistInstrument(SYMBOL))
        assert len(of(events, "OrderCancelled")) == 3
    else:
        settle(state)
    assert not state.breakers
    assert not any(order.time_condition == 5 for order in state.orders.values())


def test_the_breaker_is_set_by_an_operator() -> None:
    state = market()
    changes = {"breaker_move_ppm": 10_000, "breaker_window_ns": SECOND, "breaker_auction_ns": SECOND}
    must(state, UpdateInstrument(SYMBOL, dict(changes)))
    trade(state, "A", "B", 1, 100)
    must(state, limit("B", SELL, OPEN, 1, "101.5"))
    events = must(state, limit("A", BUY, OPEN, 1, "101.5"), user=ALICE)
    assert of(events, "PhaseChanged")


def test_a_suspended_instrument_does_not_trade_at_its_breakers_end() -> None:
    state = guarded()
    must(state, limit("B", SELL, OPEN, 1, 103))
    must(state, limit("A", BUY, OPEN, 1, 103))
    must(state, SuspendInstrument(SYMBOL))
    events = run(state, Tick(), at=state.time_ns + 30 * SECOND)[1]
    assert [event[1] for event in events] == ["PhaseChanged"]
    assert only(must(state, ResumeInstrument(SYMBOL)), "Traded").price == yuan(103)


def test_gfs_orders_outlive_the_breaker_but_not_the_section() -> None:
    state = guarded()
    must(state, limit("C", BUY, OPEN, 1, 95, time_condition=1, order_id="section"))
    must(state, limit("B", SELL, OPEN, 1, 103), at=at(MONDAY, "10:14:30"))
    must(state, limit("A", BUY, OPEN, 1, 104), at=at(MONDAY, "10:14:50"))
    assert state.breakers, "the auction would last beyond the section"
    events = run(state, Tick(), at=at(MONDAY, "10:15"))[1]
    assert only(events, "Traded").volume == 1
    ended = only(events, "OrderCancelled")
    assert (ended.order[2], ended.reason) == ("section", EndReason.SECTION_END)
