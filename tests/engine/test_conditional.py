"""Conditional orders in the core (T-70)."""

import json
from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BOB,
    BUY,
    CHARLIE,
    CLOSE,
    MONDAY,
    OPEN,
    SELL,
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
from trading.engine import codes
from trading.engine.conditions import ConditionalStatus, ConditionKind, Relation
from trading.engine.hashing import full_hash, trading_hash, validate
from trading.engine.messages import ChangeConditional, ConditionalRow, PlaceConditional, SetSettings, Tick
from trading.engine.snapshot import dump, load
from trading.engine.state import State

SYMBOL = "DCE.m2605"
PRICE, TRAILING = int(ConditionKind.PRICE), int(ConditionKind.TRAILING)
GE, LE, G, TOUCH = int(Relation.GE), int(Relation.LE), int(Relation.G), int(Relation.TOUCH)


def when(
    kind: int = PRICE, relation: int = LE, price: str | int = 99, *, source: int = 0, price2: str | int = 0,
    time_ns: int = 0, leg: int = -1,
) -> list[Any]:  # fmt: skip
    return [kind, SYMBOL, source, relation, yuan(price), yuan(price2), time_ns, leg]


def then(
    direction: int = SELL, offset: int = CLOSE, volume: int = 1, *, leg: int = -1, **more: Any
) -> list[Any]:
    return [
        SYMBOL, direction, offset, volume, more.get("close_all", False), more.get("price_kind", 1), 0,
        True, leg, 2,
    ]  # fmt: skip


def stop(
    order_id: str = "stop", *conditions: list[Any], orders: list[Any] | None = None, **changes: Any
) -> Any:
    command = PlaceConditional("A", order_id, "STOP_LOSS", list(conditions) or [when()], orders or [then()])
    return command._replace(**changes)


def rows(events: list[Any]) -> list[ConditionalRow]:
    return [ConditionalRow(*entry.row) for entry in of(events, "ConditionalChanged")]


def statuses(events: list[Any]) -> list[str]:
    return [ConditionalStatus(row.status).name for row in rows(events)]


@pytest.fixture
def held() -> State:
    """A is long 10 @ 100, B short; last price 100, bids of C from 98.5 down."""
    state = market()
    trade(state, "A", "B", 10, 100)
    must(state, limit("C", BUY, OPEN, 50, "98.5"))
    return state


def move_to(state: State, price: str | int) -> list[list[Any]]:
    """Let B and C trade one lot at a price above the resting bid."""
    must(state, limit("B", SELL, OPEN, 1, price))
    return must(state, limit("C", BUY, OPEN, 1, price))


def test_a_stop_triggers_in_the_command_that_moved_the_price(held: State) -> None:
    must(held, stop(), user=ALICE)
    events = move_to(held, 99)
    assert statuses(events) == ["TRIGGERED"]
    accepted = [entry.order[2] for entry in of(events, "OrderAccepted") if entry.order[1] == "A"]
    assert accepted == ["stop_close_0"]
    assert held.accounts["A"].positions[SYMBOL].sides[0].lots() == 9
    answered = [event for event in events if event[1] == "ConditionalChanged"]
    assert answered[0][4] == "", "a trigger answers nobody's command"
    assert not held.conditions.living and not validate(held)


def test_a_stop_on_the_wrong_side_is_1008(held: State) -> None:
    code, events = run(held, stop("wrong", when(price=100)), user=ALICE)
    assert code == codes.ILLEGAL_ORDER_PARAMETER
    assert only(events, "CommandRejected").params["check"] == 504


@pytest.mark.parametrize(
    ("command", "code", "check"),
    [
        (stop("x", [PRICE, "DCE.none", 0, LE, yuan(99), 0, 0, -1]), codes.INSTRUMENT_NOT_FOUND, 501),
        (stop("x", when(2, time_ns=1)), codes.ILLEGAL_ORDER_PARAMETER, 502),
        (stop("x", when(price=0)), codes.ILLEGAL_ORDER_PARAMETER, 503),
        (stop("x", when(4, price=99, price2=98)), codes.ILLEGAL_ORDER_PARAMETER, 505),
        (stop("x", when(5, price=0)), codes.ILLEGAL_ORDER_PARAMETER, 506),
        (stop("x", orders=[["DCE.none", *then()[1:]]]), codes.INSTRUMENT_NOT_FOUND, 507),
        (stop("x", orders=[then(volume=0)]), codes.ILLEGAL_ORDER_PARAMETER, 508),
        (stop("x", orders=[then(price_kind=0)]), codes.ILLEGAL_ORDER_PARAMETER, 509),
        (stop("x", time_condition=3, gtd_date=20200101), codes.ILLEGAL_ORDER_PARAMETER, 510),
        (stop("x", when(price=101), needs_all=True), codes.ILLEGAL_ORDER_PARAMETER, 540),
        (stop("x", ["nonsense"]), codes.ILLEGAL_ORDER_PARAMETER, 503),
    ],
)
def test_bad_input_is_refused_with_its_code(held: State, command: Any, code: int, check: int) -> None:
    before = trading_hash(held)
    found, events = run(held, command, user=ALICE)
    assert (found, only(events, "CommandRejected").params["check"]) == (code, check)
    assert trading_hash(held) == before


def test_a_strangers_account_is_1006(held: State) -> None:
    assert run(held, stop(), user=CHARLIE)[0] == codes.ACCOUNT_NOT_FOUND
    must(held, stop(), user=ALICE)
    assert run(held, ChangeConditional("A", "stop", 0), user=CHARLIE)[0] == codes.ACCOUNT_NOT_FOUND


def test_limits_and_duplicates_and_the_quota_a_cancel_gives_back(held: State) -> None:
    must(held, SetSettings({"conditionals_per_day": 3, "conditionals_valid": 2}))
    must(held, stop("1"), user=ALICE)
    assert run(held, stop("1"), user=ALICE)[0] == codes.ORDER_ID_USED
    must(held, stop("2"), user=ALICE)
    code, events = run(held, stop("3"), user=ALICE)
    assert (code, only(events, "CommandRejected").params["check"]) == (codes.TOO_MANY_REQUESTS, 512)
    must(held, ChangeConditional("A", "2", 0), user=ALICE)
    must(held, stop("3"), user=ALICE)
    assert run(held, ChangeConditional("A", "2", 0), user=ALICE)[0] == codes.ORDER_NOT_CANCELLABLE
    assert run(held, ChangeConditional("A", "never", 0), user=ALICE)[0] == codes.ORDER_NOT_FOUND


def test_a_suspended_one_sleeps_and_a_resumed_one_looks_at_once(held: State) -> None:
    must(held, stop(), user=ALICE)
    must(held, ChangeConditional("A", "stop", 1), user=ALICE)
    assert statuses(move_to(held, 99)) == []
    events = must(held, ChangeConditional("A", "stop", 2), user=ALICE)
    assert statuses(events) == ["WAITING", "TRIGGERED"]


def test_a_trailing_stop_follows_the_high_and_fires_on_the_way_back(held: State) -> None:
    must(held, stop("trail", when(TRAILING, LE, 2)), user=ALICE)
    for price in (101, 103, 102):
        assert statuses(move_to(held, price)) == []
    held = load(json.loads(json.dumps(dump(held))))
    assert statuses(move_to(held, 101)) == ["TRIGGERED"]


def test_one_leg_of_an_oco_ends_the_other(held: State) -> None:
    legs = [when(price=99, leg=0), when(relation=GE, price=102, leg=1)]
    orders = [then(volume=3, leg=0), then(volume=4, leg=1)]
    must(held, stop("oco", *legs, orders=orders), user=ALICE)
    assert statuses(move_to(held, 102)) == ["TRIGGERED"]
    assert held.accounts["A"].positions[SYMBOL].sides[0].lots() == 6
    assert statuses(move_to(held, 99)) == []


def test_touch_waits_from_the_side_of_the_market_and_bid_and_ask_count_too(held: State) -> None:
    must(held, stop("touch", when(relation=TOUCH, price=101)), user=ALICE)
    must(held, stop("bid", when(relation=GE, price="99.5", source=1)), user=ALICE)
    assert [row.order_id for row in rows(move_to(held, 101))] == ["touch"]
    events = must(held, limit("C", BUY, OPEN, 1, "99.5"))
    assert [row.order_id for row in rows(events)] == ["bid"]
    must(held, stop("ask", when(relation=LE, price=104, source=2)), user=ALICE)
    events = must(held, limit("B", SELL, OPEN, 1, 104))
    assert [row.order_id for row in rows(events)] == ["ask"]


def test_break_even_needs_two_steps_and_a_range_is_inclusive(held: State) -> None:
    must(held, stop("even", when(5, G, 101)), user=ALICE)
    must(held, stop("range", when(4, 0, 104, price2=105)), user=ALICE)
    assert rows(move_to(held, 101)) == []
    assert rows(move_to(held, 102)) == []
    held = load(json.loads(json.dumps(dump(held))))
    assert [row.order_id for row in rows(move_to(held, 101))] == ["even"]
    assert rows(move_to(held, 106)) == []
    assert [row.order_id for row in rows(move_to(held, 105))] == ["range"]


def test_all_conditions_have_to_come_true_and_stay_so(held: State) -> None:
    must(held, stop("and", when(price=99), when(relation=GE, price=103), needs_all=True), user=ALICE)
    assert rows(move_to(held, 99))[0].touched == [1, 0]
    assert statuses(move_to(held, 103)) == ["TRIGGERED"]


def test_a_time_fires_within_its_window_and_a_missed_one_never(held: State) -> None:
    noon = at(MONDAY, "09:40")
    must(held, stop("time", when(2, time_ns=noon)), user=ALICE)
    assert statuses(run(held, Tick(), at=noon)[1]) == ["TRIGGERED"]
    must(held, stop("late", when(2, time_ns=noon + 10**9)), user=ALICE)
    assert statuses(run(held, Tick(), at=noon + 102 * 10**9)[1]) == []


def test_market_open_waits_for_the_next_section(held: State) -> None:
    must(held, stop("open", when(3)), user=ALICE)
    assert statuses(run(held, Tick(), at=at(MONDAY, "10:20"))[1]) == []
    assert statuses(run(held, Tick(), at=at(MONDAY, "10:30"))[1]) == ["TRIGGERED"]


def test_a_refused_order_makes_it_failed(held: State) -> None:
    must(held, stop("much", orders=[then(volume=11)]), user=ALICE)
    events = move_to(held, 99)
    assert statuses(events) == ["TRIGGERED", "FAILED"]
    assert rows(events)[-1].code == codes.INSUFFICIENT_POSITION


def test_close_all_and_reverse_take_back_resting_closes(held: State) -> None:
    must(held, limit("A", SELL, CLOSE, 4, 107), user=ALICE)
    must(held, stop("flip", orders=[then(offset=4, volume=0)]), user=ALICE)
    move_to(held, 99)
    sides = held.accounts["A"].positions[SYMBOL].sides
    assert (sides[0].lots(), sides[1].lots()) == (0, 10)


def test_own_resting_orders_in_the_way_end(held: State) -> None:
    must(held, limit("A", BUY, OPEN, 2, "98.5"), user=ALICE)
    must(held, stop("own", orders=[then(close_all=True, volume=0)]), user=ALICE)
    events = move_to(held, 99)
    assert [entry.reason for entry in of(events, "OrderCancelled") if entry.order[1] == "A"] == [9]


def test_sixty_four_orders_a_command_and_the_rest_by_ticks(held: State) -> None:
    must(held, SetSettings({"conditionals_per_day": 500, "conditionals_valid": 500}))
    opens = [then(BUY, OPEN, 1) for _ in range(10)]
    for n in range(10):
        must(held, stop(f"many{n}", orders=opens), user=ALICE)
    events = move_to(held, 99)
    assert len(statuses(events)) == 10
    placed = [entry for entry in of(events, "OrderAccepted") if entry.order[1] == "A"]
    assert len(placed) == 64
    held = load(json.loads(json.dumps(dump(held))))
    more = of(run(held, Tick())[1], "OrderAccepted")
    assert len(more) == 36
    assert len({entry.order[2] for entry in [*placed, *more]}) == 100
    assert not held.conditions.queue and not held.conditions.living


def test_the_day_roll_expires_what_was_good_for_the_day(held: State) -> None:
    must(held, stop("day"), user=ALICE)
    must(held, stop("cancel", time_condition=4), user=ALICE)
    must(held, stop("date", time_condition=3, gtd_date=MONDAY), user=ALICE)
    events = settle(held)
    assert [row.order_id for row in rows(events)] == ["day", "date"]
    assert statuses(events) == ["EXPIRED", "EXPIRED"]
    assert list(held.conditions.ids["A"]) == ["cancel"]
    must(held, stop("day"), user=ALICE)


def test_nothing_of_it_is_in_the_state_of_a_venue_that_does_not_use_it(held: State) -> None:
    trading, rest = dump(held)
    assert (len(trading), len(rest)) == (13, 6)
    assert "risk_watch" not in dict(trading[2])


def test_conditions_are_only_looked_at_in_continuous_trading(held: State) -> None:
    must(held, stop("bid", when(relation=GE, price=99, source=1)), user=ALICE)
    run(held, Tick(), at=at(MONDAY, "10:16"))
    assert full_hash(load(json.loads(json.dumps(dump(held))))) == full_hash(held)
    assert BOB and held.conditions.living
