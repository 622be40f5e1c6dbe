"""The outgoing queue of a typed socket: due times, duplicates, what a backlog may lose (W-10)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.sockets.typed.outbox import (
    CLOSE_OVER,
    DELAYS_S,
    DROP_OVER,
    MERGE_OVER,
    Item,
    Outbox,
    Overflow,
)


def item(priority: int, name: str = "", key: str = "") -> Item:
    return Item(priority, name, key, f"{priority}:{name}:{key}".encode())


@pytest.mark.parametrize("priority", range(4))
def test_each_priority_goes_within_its_time_and_not_before(priority: int) -> None:
    box = Outbox()
    box.put(item(priority, "a"), now=10.0)
    assert box.due_at == 10.0 + DELAYS_S[priority]
    assert box.take(10.0 + DELAYS_S[priority] - 1e-6) == [] or priority == 0
    assert box.take(10.0 + DELAYS_S[priority]) or priority == 0
    assert box.due_at is None


def test_what_is_due_takes_its_whole_priority_along() -> None:
    box = Outbox()
    box.put(item(2, "a"), 0.0)
    box.put(item(2, "b"), 0.09)
    box.put(item(3, "c"), 0.0)
    assert len(box.take(0.1)) == 2
    assert len(box) == 1


def test_higher_priorities_come_first_and_each_in_order() -> None:
    box = Outbox()
    for name, priority in (("a", 1), ("b", 0), ("c", 1), ("d", 0)):
        box.put(item(priority, name), 0.0)
    assert [data.decode()[2] for data in box.take(1.0)] == ["b", "d", "a", "c"]


def test_a_message_of_a_known_name_is_dropped_even_after_it_went() -> None:
    box = Outbox()
    assert box.put(item(1, "a"), 0.0)
    assert not box.put(item(1, "a"), 0.0)
    assert len(box.take(1.0)) == 1
    assert not box.put(item(0, "a"), 2.0)
    assert box.put(item(1, ""), 2.0) and box.put(item(1, ""), 2.0)


def test_a_backlog_loses_figures_first_then_merges_state_then_closes() -> None:
    box = Outbox()
    for number in range(DROP_OVER):
        box.put(item(3, f"f{number}"), 0.0)
    assert len(box) == DROP_OVER and not box.dropped
    assert box.put(item(1, "fill"), 0.0)
    assert (len(box), box.dropped) == (1, DROP_OVER)
    for number in range(MERGE_OVER):
        box.put(item(2, f"s{number}", f"k{number % 3}"), 0.0)
    assert box.merged and len(box) < MERGE_OVER
    newest = [data for data in box.take(1.0) if data.startswith(b"2")]
    assert {data.decode().rpartition(":")[2] for data in newest} == {"k0", "k1", "k2"}
    with pytest.raises(Overflow):
        for number in range(CLOSE_OVER + 1):
            box.put(item(0, f"r{number}"), 0.0)


ACTIONS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 40), st.floats(0, 0.3), st.integers(1, 90)), max_size=60
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.booleans())
def test_refusals_and_fills_are_never_lost_and_nothing_comes_twice(actions: list[Any], reads: bool) -> None:
    box, now, sent, given_names = Outbox(), 0.0, [], set()
    number = 0
    for priority, key, wait, count in actions:
        now += wait
        for _ in range(count):
            number += 1
            name = f"{number}"
            try:
                box.put(item(priority, name, str(key)), now)
            except Overflow:
                assert len(box) > CLOSE_OVER
                return
            if priority < 2:
                given_names.add(name)
            assert len(box) <= CLOSE_OVER
        if reads:
            due = box.due_at
            sent += box.take(now)
            assert due is None or due > now or box.due_at is None or box.due_at > now
    sent += box.take(now + 10)
    names = [data.decode().split(":")[1] for data in sent]
    assert len(names) == len(set(names))
    assert given_names <= set(names)
    assert len(names) + box.dropped + box.merged == number
