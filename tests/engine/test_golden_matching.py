"""Conditions of orders, priority, modifications and self trades against the book (T-31 … T-43)."""

from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BOB,
    BUY,
    CLOSE,
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
    trade,
    yuan,
)  # fmt: skip
from trading.engine.book import Book
from trading.engine.hashing import trading_hash
from trading.engine.messages import (
    EndReason,
    ModifyOrder,
    PlaceOrder,
    SetSettings,
    Tick,
    TimeCondition,
    UpdateInstrument,
)
from trading.engine.state import State
from trading.engine.views import quote_view

SYMBOL = "DCE.m2605"
IOC, GFD = 0, 2
LIMIT, ANY, BEST, FIVELEVEL = 0, 1, 2, 3


def asks(state: State, *levels: tuple[int, str | int]) -> None:
    """Bob's sells: (lots, price)."""
    for lots, price in levels:
        must(state, limit("B", SELL, OPEN, lots, price), user=BOB)


def buy(
    volume: int, price: str | int = 0, *, price_type: int = LIMIT, time: int = IOC,
    volume_condition: int = 0, min_volume: int = 0, **changes: Any,
) -> PlaceOrder:  # fmt: skip
    order = PlaceOrder("A", "", SYMBOL, BUY, OPEN, volume, price_type, yuan(price), time,
                       volume_condition, min_volume)  # fmt: skip
    return order._replace(**changes)


def outcome(events: list[list[Any]]) -> tuple[list[tuple[int, int]], int]:
    """Fills as (lots, price in yuan × 10), and the lots that were cancelled."""
    fills = [(trade.volume, trade.price // 1_000) for trade in of(events, "Traded")]
    ended = of(events, "OrderCancelled")
    return fills, sum(item.order[7] for item in ended)


LADDER: list[tuple[int, str | int]] = [
    (2, 100), (3, "100.5"), (1, 101), (4, "101.5"), (2, 102), (5, "102.5"), (1, 103),
]  # fmt: skip

CASES = [
    # order, fills, lots cancelled
    ("FAK takes what is there", buy(10, "100.5"), [(2, 1000), (3, 1005)], 5),
    ("FAK that meets nothing", buy(10, 99), [], 10),
    ("FOK that is met", buy(6, 101, volume_condition=2), [(2, 1000), (3, 1005), (1, 1010)], 0),
    ("FOK one lot short", buy(7, 101, volume_condition=2), [], 7),
    ("MIN that is met", buy(9, "100.5", volume_condition=1, min_volume=5),
     [(2, 1000), (3, 1005)], 4),
    ("MIN one lot short", buy(9, "100.5", volume_condition=1, min_volume=6), [], 9),
    ("ANY up to the price limit", buy(20, price_type=ANY),
     [(2, 1000), (3, 1005), (1, 1010), (4, 1015), (2, 1020), (5, 1025), (1, 1030)], 2),
    ("ANY whole or not at all", buy(20, price_type=ANY, volume_condition=2), [], 20),
    ("BEST takes one price", buy(4, price_type=BEST), [(2, 1000)], 2),
    ("BEST whole or not at all", buy(3, price_type=BEST, volume_condition=2), [], 3),
    ("BEST whole, and it is", buy(2, price_type=BEST, volume_condition=2), [(2, 1000)], 0),
    ("FIVELEVEL takes five prices", buy(20, price_type=FIVELEVEL),
     [(2, 1000), (3, 1005), (1, 1010), (4, 1015), (2, 1020)], 8),
    ("FIVELEVEL whole or not at all", buy(13, price_type=FIVELEVEL, volume_condition=2), [], 13),
    ("FIVELEVEL at least", buy(13, price_type=FIVELEVEL, volume_condition=1, min_volume=12),
     [(2, 1000), (3, 1005), (1, 1010), (4, 1015), (2, 1020)], 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "order", "fills", "left"), CASES, ids=[c[0] for c in CASES])
def test_immediate_orders_take_what_their_conditions_allow(
    name: str, order: PlaceOrder, fills: list[tuple[int, int]], left: int
) -> None:
    state = market()
    asks(state, *LADDER)
    events = must(state, order)
    assert outcome(events) == (fills, left), name
    assert state.accounts["A"].frozen_margin == 0


@pytest.mark.parametrize("price_type", [ANY, BEST, FIVELEVEL])
@pytest.mark.parametrize("direction", [BUY, SELL])
def test_orders_without_a_limit_end_where_nothing_rests(price_type: int, direction: int) -> None:
    state = market()
    times = [IOC] if price_type == ANY else [IOC, GFD]
    for time in times:
        order = buy(3, price_type=price_type, time=time, direction=direction)
        ended = only(must(state, order), "OrderCancelled")
        assert (ended.reason, ended.order[7]) == (EndReason.REMAINDER, 3)


@pytest.mark.parametrize(
    ("price_type", "volume", "rest_price", "rest_lots"),
    [(BEST, 5, 100, 3), (FIVELEVEL, 15, 102, 3)],
)
def test_the_rest_of_best_and_fivelevel_becomes_a_limit_order_at_the_last_level(
    price_type: int, volume: int, rest_price: int, rest_lots: int
) -> None:
    state = market()
    asks(state, *LADDER)
    events = must(state, buy(volume, price_type=price_type, time=GFD))
    row = only(events, "OrderModified")
    assert row.order[7:9] == [LIMIT, yuan(rest_price)]
    assert row.order[19] == rest_lots
    assert row.order[21] == yuan(rest_price) * rest_lots * 200 // 10, "it freezes there"
    assert quote_view(state, SYMBOL)["bids"] == [[yuan(rest_price), rest_lots, 1]]


UNSUPPORTED = [
    (ANY, GFD, 0), (ANY, 4, 0), (BEST, 1, 0), (BEST, 4, 0), (FIVELEVEL, 3, 0), (LIMIT, GFD, 1),
    (LIMIT, GFD, 2), (LIMIT, 4, 2), (BEST, GFD, 2), (LIMIT, 5, 0),
]  # fmt: skip


@pytest.mark.parametrize(("price_type", "time", "volume_condition"), UNSUPPORTED)
def test_unsupported_combinations_are_1012(price_type: int, time: int, volume_condition: int) -> None:
    order = buy(2, 100, price_type=price_type, time=time, volume_condition=volume_condition)
    order = order._replace(min_volume=1, gtd_date=20260109)
    assert run(market(), order)[0] == 1012


def test_the_best_price_goes_first_and_at_a_price_the_oldest() -> None:
    state = market()
    for account, price in (("A", 101), ("B", 100), ("C", 100), ("B", 101)):
        must(state, limit(account, SELL, OPEN, 1, price))
    add_account(state, "D", "d" * 32)
    events = must(state, limit("D", BUY, OPEN, 4, 105))
    makers = [(item.maker[0][1], item.price) for item in of(events, "Traded")]
    assert makers == [("B", yuan(100)), ("C", yuan(100)), ("A", yuan(101)), ("B", yuan(101))]


def test_a_trade_takes_the_resting_orders_price() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 102))
    assert only(must(state, limit("B", SELL, OPEN, 1, 95)), "Traded").price == yuan(102)


def test_a_partly_filled_maker_keeps_its_place() -> None:
    state = market()
    must(state, limit("B", SELL, OPEN, 5, 100, order_id="first"))
    must(state, limit("C", SELL, OPEN, 5, 100))
    must(state, buy(2, 100))
    events = must(state, buy(4, 100))
    assert [(item.maker[0][1], item.volume) for item in of(events, "Traded")] == [
        ("B", 3), ("C", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("price", "volume", "keeps", "new_id"),
    [(None, 3, True, False), (None, 5, True, False), (None, 6, False, True),
     ("99.5", None, False, True), ("99.5", 3, False, True), ("100", 4, True, False)],
)  # fmt: skip
def test_priority_stays_only_when_volume_shrinks_at_the_same_price(
    price: str | None, volume: int | None, keeps: bool, new_id: bool
) -> None:
    state = market()
    first = only(must(state, limit("A", BUY, OPEN, 5, 100, order_id="x")), "OrderAccepted")
    must(state, limit("C", BUY, OPEN, 5, price or 100))
    row = only(must(state, ModifyOrder("A", "x", yuan(price) if price else None, volume)), "OrderModified")
    assert row.order[0] == first.order[0] and row.order[2] == "x", "the ids stay"
    assert (row.order[17] != first.order[17]) == new_id
    maker = of(must(state, limit("B", SELL, OPEN, 1, 99)), "Traded")[0].maker[0][1]
    assert maker == ("A" if keeps else "C")


def test_a_modified_order_that_crosses_trades_at_once_as_one_change() -> None:
    state = market()
    asks(state, (2, 101))
    must(state, limit("A", BUY, OPEN, 3, 100, order_id="x"))
    events = must(state, ModifyOrder("A", "x", yuan(101)))
    assert [event[1] for event in events] == ["OrderModified", "Traded"]
    assert quote_view(state, SYMBOL)["bids"] == [[yuan(101), 1, 1]]


@pytest.mark.parametrize(
    ("price", "volume", "code"),
    [(None, 2, 3004), (None, 1, 3004), (None, -4, 3004), (None, 501, 1008), ("100.1", None, 1011),
     (120, None, 1010), (0, None, 1008), (None, 400, 1001), (102, None, 1005)],
)  # fmt: skip
def test_a_refused_modification_leaves_the_order_as_it_was(
    price: str | int | None, volume: int | None, code: int
) -> None:
    state = market()
    add_account(state, "A2", ALICE)
    must(state, SetSettings({"product_share_ppm": 0, "max_order_amount": yuan(10**9)}))
    add_account(state, "D", ALICE, 110_000)
    must(state, limit("D", BUY, OPEN, 5, 100, order_id="x"))
    must(state, limit("B", SELL, OPEN, 2, 100))
    must(state, limit("A2", SELL, OPEN, 1, 102))
    before = trading_hash(state)
    command = ModifyOrder("D", "x", None if price is None else yuan(price), volume)
    found, events = run(state, command)
    assert found == code
    assert only(events, "CancelRejected").command_type == "ModifyOrder"
    assert trading_hash(state) == before


def test_a_modification_needs_funds_only_for_the_difference() -> None:
    state = market()
    add_account(state, "D", "d" * 32, 21_000)
    must(state, SetSettings({"product_share_ppm": 0, "max_risk_ppm": 1_000_000}))
    must(state, limit("D", BUY, OPEN, 10, 100, order_id="x"))
    must(state, ModifyOrder("D", "x", yuan("104.5")))
    assert run(state, ModifyOrder("D", "x", yuan("105.5")))[0] == 1001


# Self trades (T-43)


def owner_book(mode: int) -> State:
    """Alice's second account rests between Bob's sells."""
    state = market(self_trade_mode=mode)
    add_account(state, "A2", ALICE)
    asks(state, (1, 100))
    must(state, limit("A2", SELL, OPEN, 2, "100.5"))
    asks(state, (3, "100.5"), (4, 101))
    return state


def test_a_self_trade_is_refused_between_all_accounts_of_an_owner() -> None:
    state = owner_book(0)
    assert run(state, buy(1, "100.5", time=GFD))[0] == 1005
    assert run(state, buy(1, price_type=ANY))[0] == 1005
    assert run(state, buy(1, 100))[0] == 0, "what does not reach the own order trades"
    assert run(state, limit("C", BUY, OPEN, 1, "100.5"))[0] == 0


def test_best_is_refused_only_when_the_own_order_stands_at_the_best_price() -> None:
    state = owner_book(0)
    assert run(state, buy(5, price_type=BEST))[0] == 0
    assert run(state, buy(1, price_type=BEST))[0] == 1005


def test_cancel_resting_takes_the_own_order_away_and_goes_on() -> None:
    state = owner_book(1)
    events = must(state, buy(6, 101, time=GFD))
    kinds = [event[1] for event in events]
    assert kinds == ["OrderAccepted", "Traded", "OrderCancelled", "Traded", "Traded"]
    ended = only(events, "OrderCancelled")
    assert (ended.order[1], ended.reason) == ("A2", EndReason.SELF_TRADE)
    assert outcome(events)[0] == [(1, 1000), (3, 1005), (2, 1010)]


def test_cancel_both_ends_the_newcomer_too() -> None:
    state = owner_book(2)
    events = must(state, buy(6, 101, time=GFD))
    assert outcome(events)[0] == [(1, 1000)]
    ended = of(events, "OrderCancelled")
    assert [(item.order[1], item.order[7], item.reason) for item in ended] == [
        ("A2", 2, EndReason.SELF_TRADE), ("A", 5, EndReason.SELF_TRADE),
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "wanted", "met"), [(1, 8, True), (1, 9, False), (2, 2, False)])
def test_fok_does_not_count_own_orders(mode: int, wanted: int, met: bool) -> None:
    state = owner_book(mode)
    events = must(state, buy(wanted, 101, volume_condition=2))
    fills, _ = outcome(events)
    assert sum(lots for lots, _ in fills) == (wanted if met else 0)
    if not met:
        assert len(of(events, "OrderCancelled")) == 1, "nothing else was touched"


def test_an_owner_is_refused_in_an_auction_too() -> None:
    state = market(clock="08:56")
    add_account(state, "A2", ALICE)
    must(state, limit("A2", SELL, OPEN, 1, 100))
    assert run(state, limit("A", BUY, OPEN, 1, 100))[0] == 1005
    assert run(state, limit("A", BUY, OPEN, 1, "99.5"))[0] == 0


@pytest.mark.parametrize("mode", [1, 2])
def test_cancel_modes_hold_in_an_auction_too(mode: int) -> None:
    """Own orders must not meet at the auction's one price."""
    state = market(clock="08:56", self_trade_mode=mode)
    add_account(state, "A2", ALICE)
    for price in (99, 100, 101):
        must(state, limit("A2", SELL, OPEN, 1, price, order_id=f"s{price}"))
    must(state, limit("B", SELL, OPEN, 1, 99))
    events = must(state, limit("A", BUY, OPEN, 2, 100, order_id="b"))
    ended = [item.order[2] for item in of(events, "OrderCancelled")]
    assert ended == (["s99", "s100"] if mode == 1 else ["s99", "b"])
    trades = of(run(state, Tick(), at=at(MONDAY, "08:59"))[1], "Traded")
    assert [item.maker[0][1] for item in trades] == (["B"] if mode == 1 else [])


# The event of a fill


def test_one_fill_is_one_event_with_absolute_values_of_both_sides() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 5, 100, order_id="a"), user=ALICE)
    found = only(must(state, limit("B", SELL, OPEN, 2, 99, order_id="b"), user=BOB), "Traded")
    assert (found.price, found.volume, found.taker_direction) == (yuan(100), 2, SELL)
    assert found.taker[0][2] == "b" and found.maker[0][2] == "a"
    assert found.maker[0][6:9] == [2, 3, 2 * yuan(100)], "PARTIALLY_FILLED, left, filled value"
    assert found.taker[0][6:9] == [3, 0, 2 * yuan(100)]
    assert found.open_interest == 2
    assert found.taker[5] == state.accounts["B"].funds()
    assert found.maker[6] == state.accounts["A"].positions[SYMBOL].row()


def test_open_interest_counts_one_side() -> None:
    state = market()
    assert trade(state, "A", "B", 5, 100)[0].open_interest == 5
    assert trade(state, "C", "A", 2, 100, sell_offset=CLOSE)[0].open_interest == 5
    closing = trade(state, "B", "A", 3, 100, buy_offset=CLOSE, sell_offset=CLOSE)
    assert closing[0].open_interest == 2


def test_levels_are_current_without_a_scan() -> None:
    state = market()
    must(state, UpdateInstrument(SYMBOL, {"max_limit_volume": 0}))
    for lots, price in ((1, 99), (2, 99), (3, "98.5")):
        must(state, limit("A", BUY, OPEN, lots, price, time_condition=int(TimeCondition.GFS)))
    view = quote_view(state, SYMBOL)
    assert view["bids"] == [[yuan(99), 3, 2], [yuan("98.5"), 3, 1]]
    assert view["asks"] == []
    assert quote_view(state, SYMBOL, depth=1)["bids"] == [[yuan(99), 3, 2]]


def test_a_book_tells_its_best_prices() -> None:
    book = Book()
    assert (book.best_bid(), book.best_ask(), book.is_crossed()) == (0, 0, False)
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 99))
    asks(state, (1, 101))
    found = state.instruments[SYMBOL].book
    assert (found.best_bid(), found.best_ask()) == (yuan(99), yuan(101))
    assert not found.is_crossed()
