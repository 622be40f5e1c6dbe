"""Ids of orders and trades, repeats, resolved orders and the rate of messages (T-34 … T-36, A-5)."""

import pytest

from tests.engine.builders import (
    ALICE,
    BUY,
    CHARLIE,
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
from trading.engine.messages import (
    CancelAll,
    CancelOrder,
    Deposit,
    ModifyOrder,
    ResolveOrder,
    SetSettings,
    Tick,
    Withdraw,
)

SYMBOL = "DCE.m2605"
MS = 10**6
ORDER = limit("A", BUY, OPEN, 2, 99, order_id="mine")


def test_the_same_id_again_is_the_same_order() -> None:
    state = market()
    first = only(must(state, ORDER, user=ALICE), "OrderAccepted")
    code, events = run(state, ORDER, user=ALICE)
    found = only(events, "CommandRepeated")
    assert code == 0 and found.first_seq == first.order[0]
    assert (found.account_id, found.order_id) == ("A", "mine")
    assert len(state.orders) == 1


def test_the_same_id_for_another_order_is_1013() -> None:
    state = market()
    must(state, ORDER, user=ALICE)
    code, events = run(state, ORDER._replace(volume=3), user=ALICE)
    assert code == 1013
    assert only(events, "CommandRejected").params == {"order_id": "mine"}


def test_a_refused_order_answers_its_repeat_with_its_code() -> None:
    state = market()
    order = ORDER._replace(limit_price=yuan(150))
    code, events = run(state, order, user=ALICE)
    again, repeated = run(state, order, user=ALICE)
    assert (code, again) == (1010, 1010)
    assert only(repeated, "CommandRepeated").first_seq == events[0][0]


def test_a_finished_order_still_answers_its_repeat_that_day() -> None:
    state = market()
    must(state, ORDER, user=ALICE)
    must(state, limit("B", SELL, OPEN, 2, 99))
    code, events = run(state, ORDER, user=ALICE)
    assert code == 0 and only(events, "CommandRepeated")


def test_after_the_roll_the_id_names_a_new_order() -> None:
    state = market()
    must(state, ORDER, user=ALICE)
    settle(state)
    run(state, Tick(), at=at(20260106, "09:30"))
    assert only(must(state, ORDER, user=ALICE), "OrderAccepted").order[2] == "mine"


def test_a_living_orders_id_outlives_the_roll() -> None:
    state = market()
    order = ORDER._replace(time_condition=4)
    must(state, order, user=ALICE)
    settle(state)
    run(state, Tick(), at=at(20260106, "09:30"))
    assert only(run(state, order, user=ALICE)[1], "CommandRepeated")


def test_two_accounts_may_use_the_same_id() -> None:
    state = market()
    first = only(must(state, ORDER), "OrderAccepted").order
    second = only(must(state, ORDER._replace(account_id="B")), "OrderAccepted").order
    assert first[2] == second[2] and first[0] != second[0]


def test_the_core_names_an_order_without_an_id_after_its_uid() -> None:
    state = market()
    accepted = only(must(state, ORDER._replace(order_id="")), "OrderAccepted")
    assert accepted.order[2] == f"S{accepted.order[0]}"


def test_a_name_of_the_core_never_meets_one_of_the_client() -> None:
    state = market()
    must(state, ORDER._replace(order_id=f"S{state.event_seq + 2}"))
    taken = only(must(state, ORDER._replace(order_id="")), "OrderAccepted").order[2]
    assert taken == f"S{state.event_seq}."
    must(state, CancelOrder("A", taken))


def test_exchange_ids_are_the_day_and_a_number_shared_with_trades() -> None:
    state = market()
    one = only(must(state, limit("A", BUY, OPEN, 1, 100)), "OrderAccepted").order[17]
    events = must(state, limit("B", SELL, OPEN, 1, 100))
    two = only(events, "OrderAccepted").order[17]
    three = only(events, "Traded").exchange_trade_id
    assert [one, two, three] == [260105 * 10**8 + n for n in (1, 2, 3)]


def test_a_carried_order_keeps_its_smaller_number() -> None:
    state = market()
    kept = only(must(state, ORDER._replace(time_condition=4)), "OrderAccepted").order[17]
    carried = only(settle(state), "OrderCarried").order[5]
    run(state, Tick(), at=at(20260106, "09:30"))
    new = only(must(state, limit("B", BUY, OPEN, 1, 99)), "OrderAccepted").order[17]
    assert kept == carried < new == 260106 * 10**8 + 1


# Cancel and resolve


def test_cancelling_says_whether_the_order_ended_or_never_was() -> None:
    state = market()
    must(state, ORDER, user=ALICE)
    must(state, CancelOrder("A", "mine"), user=ALICE)
    assert run(state, CancelOrder("A", "mine"), user=ALICE)[0] == 3002
    assert run(state, CancelOrder("A", "never"), user=ALICE)[0] == 3001
    assert run(state, ModifyOrder("A", "mine", volume=5), user=ALICE)[0] == 3002
    assert run(state, ModifyOrder("A", "never", volume=5), user=ALICE)[0] == 3001


@pytest.mark.parametrize(
    "command",
    [CancelOrder("A", "mine"), ModifyOrder("A", "mine", volume=1), ResolveOrder("A", "mine"),
     CancelAll("A"), CancelAll(""), Deposit("A", 1, "x"), Withdraw("A", 1, "x")],
    ids=lambda command: type(command).__name__,
)  # fmt: skip
def test_charlie_may_not_touch_alices_account(command: object) -> None:
    state = market()
    must(state, ORDER, user=ALICE)
    code, events = run(state, command, user=CHARLIE)
    assert code == 1006
    assert only(events, "CommandRejected").user_id == CHARLIE
    assert len(state.orders) == 1


def test_an_unknown_order_is_resolved_as_never_submitted() -> None:
    state = market()
    code, events = run(state, ResolveOrder("A", "lost"), user=ALICE)
    assert code == 3003
    assert only(events, "OrderRejected").order[18] == 5
    code, events = run(state, ORDER._replace(order_id="lost"), user=ALICE)
    assert code == 3003, "the id stays closed when the order comes late"
    assert only(events, "CommandRepeated")


def test_a_known_order_is_resolved_as_what_it_is() -> None:
    state = market()
    must(state, ORDER, user=ALICE)
    assert only(must(state, ResolveOrder("A", "mine"), user=ALICE), "OrderResolved").order[7] == 2
    must(state, CancelOrder("A", "mine"), user=ALICE)
    assert only(must(state, ResolveOrder("A", "mine"), user=ALICE), "CommandRepeated")
    assert run(state, ResolveOrder("A", "not an id"), user=ALICE)[0] == 1008


# Rate of messages (9004)


def test_a_burst_of_500_passes_and_then_100_a_second() -> None:
    state = market()
    cancel = CancelOrder("A", "never")
    codes = [run(state, cancel, user=ALICE)[0] for _ in range(501)]
    assert codes == [3001] * 500 + [9004]
    assert run(state, cancel, at=state.time_ns + 9 * MS)[0] == 9004
    assert run(state, cancel, at=state.time_ns + 1 * MS)[0] == 3001
    assert run(state, cancel)[0] == 9004
    codes = [run(state, cancel, at=state.time_ns + 10 * MS)[0] for _ in range(5)]
    assert codes == [3001] * 5


def test_inserts_and_cancels_share_the_bucket_and_accounts_do_not() -> None:
    state = market()
    must(state, SetSettings({"orders_burst": 2}))
    must(state, ORDER)
    must(state, ModifyOrder("A", "mine", volume=1))
    assert run(state, CancelOrder("A", "mine"))[0] == 9004
    assert run(state, limit("A", BUY, OPEN, 1, 99))[0] == 9004
    assert run(state, ModifyOrder("A", "mine", volume=1))[0] == 9004
    must(state, limit("B", BUY, OPEN, 1, 99))
    must(state, CancelOrder("A", "mine", by_operator=True))


def test_a_market_maker_has_its_own_higher_rate() -> None:
    state = market()
    add_account(state, "M", "d" * 32, is_market_maker=True)
    must(state, SetSettings({"orders_burst": 1, "market_maker_orders_burst": 3}))
    codes = [run(state, CancelOrder("M", "never"))[0] for _ in range(4)]
    assert codes == [3001] * 3 + [9004]


def test_an_order_over_the_rate_may_be_sent_again_under_its_id() -> None:
    state = market()
    must(state, SetSettings({"orders_burst": 1}))
    must(state, limit("A", BUY, OPEN, 1, 99))
    assert run(state, ORDER)[0] == 9004
    must(state, ORDER, at=state.time_ns + 20 * MS)


def test_too_many_ids_a_day_are_9004() -> None:
    state = market()
    must(state, SetSettings({"client_ids_per_day": 3}))
    for number in range(3):
        run(state, ORDER._replace(order_id=f"o{number}", limit_price=yuan(200)))
    assert run(state, ORDER)[0] == 9004
    assert run(state, ORDER._replace(account_id="B"))[0] == 0


# Command ids and money references


def test_a_command_id_is_remembered_for_ten_minutes() -> None:
    state = market()
    same = "e" * 32
    first = run(state, Deposit("A", yuan(1), "one"), command_id=same)
    again = run(state, Deposit("A", yuan(1), "two"), command_id=same)
    assert first[0] == again[0] == 0
    assert only(again[1], "CommandRepeated").first_seq == first[1][0][0]
    run(state, CancelOrder("A", "x"), at=state.time_ns + 601 * 1000 * MS)
    assert only(run(state, Deposit("A", yuan(1), "two"), command_id=same)[1], "FundsMoved")


def test_a_money_reference_counts_once() -> None:
    state = market()
    must(state, Deposit("A", yuan(1), "ref"))
    assert run(state, Deposit("A", yuan(1), "ref"))[0] == 2003
    assert run(state, Withdraw("A", yuan(1), "ref"))[0] == 2004
    assert run(state, Deposit("A", yuan(1), ""))[0] == 9008
    must(state, Deposit("A", yuan(1), "other"), at=at(MONDAY, "09:30") + 9 * 86_400 * 10**9)
    must(state, Deposit("A", yuan(1), "ref"))


def test_a_robot_is_not_remembered_but_may_not_use_a_living_id_twice() -> None:
    state = market()
    add_account(state, "R", "d" * 32, is_robot=True)
    order = ORDER._replace(account_id="R")
    must(state, order)
    code, events = run(state, order)
    assert code == 1013
    assert not of(events, "OrderAccepted"), "two living orders would share a name"
    must(state, CancelOrder("R", "mine"))
    assert only(must(state, order), "OrderAccepted")
    must(state, order._replace(order_id=""))
    trade(state, "R", "B", 1, 101)
