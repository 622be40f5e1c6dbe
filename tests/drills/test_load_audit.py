"""The audit of load tests and drills sees what it is there to see (T-58, R-1)."""

import copy
import itertools
from typing import Any

import pytest

from benchmarks.market import START_NS, Market
from trading.engine.messages import Deposit
from trading.loadaudit import EventAudit
from trading.loadgen import OrderFlow, make_contracts, make_traders

STEPS = 1_500


@pytest.fixture(scope="module")
def events() -> list[list[Any]]:
    """Everything a small venue told, from its first event on."""
    market = Market(20, 2, keep_told=True)
    told = [list(event) for event in market.told]
    for trader, command in itertools.islice(market.flow, STEPS):
        told += market.do(command, trader.user_id)
    told += market.do(Deposit(market.traders[0].account_id, 5_000, "gift", by_operator=True))
    return told


def audited(events: list[list[Any]]) -> EventAudit:
    audit = EventAudit()
    audit.learn(events)
    return audit


def first(events: list[list[Any]], kind: str) -> int:
    return next(index for index, event in enumerate(events) if event[1] == kind)


def changed(events: list[list[Any]], kind: str, *path: int, by: int) -> list[list[Any]]:
    """The events with one number of the last event of a kind changed."""
    copied = copy.deepcopy(events)
    last = max(index for index, event in enumerate(copied) if event[1] == kind)
    place = copied[last]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] += by
    return copied


def test_a_sound_venue_has_no_faults(events):
    audit = audited(events)
    assert audit.faults() == []
    assert audit.trades > 100


def test_it_sees_a_missing_event(events):
    lost = first(events, "Traded")
    assert any("follows" in fault for fault in audited(events[:lost] + events[lost + 1 :]).faults())


def test_it_sees_an_event_told_twice(events):
    index = first(events, "OrderAccepted")
    faults = audited(events[: index + 1] + [events[index]] + events[index + 1 :]).faults()
    assert any("decided 2 times" in fault for fault in faults)


def test_it_sees_a_fee_that_no_fill_explains(events):
    faults = audited(changed(events, "FundsMoved", -1, 5, by=1)).faults()
    assert any("commission" in fault for fault in faults)


def test_it_sees_money_that_no_flow_explains(events):
    faults = audited(changed(events, "FundsMoved", -1, 2, by=7)).faults()
    assert any("flows" in fault for fault in faults)


def test_it_sees_lots_out_of_nothing(events):
    faults = audited(changed(events, "Traded", 11, 6, 2, by=1)).faults()
    assert any("open interest" in fault for fault in faults)


def test_it_sees_a_fill_that_the_order_does_not_know(events):
    faults = audited(changed(events, "Traded", 9, by=1)).faults()
    assert any("lots filled" in fault for fault in faults)


def test_it_sees_an_acknowledged_order_that_is_nowhere(events):
    audit = audited(events)
    known = next(iter(audit.orders))
    assert audit.order_faults([known]) == []
    assert audit.order_faults([("ACC_nobody", "L0")]) != []


def test_the_flow_is_the_same_for_the_same_seed():
    traders, contracts = make_traders(5), make_contracts(2)
    steps = [list(itertools.islice(OrderFlow(3, traders, contracts), 300)) for _ in range(2)]
    assert steps[0] == steps[1]
    assert steps[0] != list(itertools.islice(OrderFlow(4, traders, contracts), 300))


def test_the_venue_of_the_flow_trades_from_the_start():
    market = Market(4, 1)
    assert market.state.time_ns >= START_NS
    event = market.do(market.flow.step().command)[0]
    assert event[1] == "OrderAccepted"
