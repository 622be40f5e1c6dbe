"""When Ticks are due, and what a jump of the clock is (T-22)."""

import time

import pytest

from trading.engine.state import State, WorkItem
from trading.engine.units import NS_PER_MINUTE, NS_PER_MS, NS_PER_SECOND
from trading.logclock import LogClock, TickSchedule

NOW = 1_790_000_000 * NS_PER_SECOND


def state_with(boundary_ns: int | None = None, work: bool = False) -> State:
    state = State()
    state.venue = "main"
    state.boundaries = [] if boundary_ns is None else [(boundary_ns, "day", 0)]
    state.find_due()
    if work:
        state.work.append(WorkItem("cancel", "", []))
    return state


@pytest.fixture
def ticks() -> TickSchedule:
    schedule = TickSchedule()
    schedule.sent(NOW)
    return schedule


def test_before_the_venue_exists_no_tick_is_due(ticks):
    assert not ticks.is_due(State(), NOW + 10 * NS_PER_MINUTE)


@pytest.mark.parametrize(
    ("state", "wait_ns"),
    [
        (state_with(), NS_PER_MINUTE),
        (state_with(NOW + 10 * NS_PER_MINUTE), NS_PER_MINUTE),
        (state_with(NOW + 30 * NS_PER_SECOND), NS_PER_SECOND),
        (state_with(NOW + 500 * NS_PER_MS), 502 * NS_PER_MS),
        (state_with(NOW - 1), 20 * NS_PER_MS),
        (state_with(work=True), 5 * NS_PER_MS),
        (state_with(NOW + 10 * NS_PER_MINUTE, work=True), 5 * NS_PER_MS),
    ],
)
def test_the_next_tick_is_due_by_what_is_open(ticks, state, wait_ns):
    assert ticks.next_ns(state) == NOW + wait_ns
    assert not ticks.is_due(state, NOW + wait_ns - 1)
    assert ticks.is_due(state, NOW + wait_ns)


def test_a_jump_ahead_of_more_than_five_seconds_is_seen_until_confirmed():
    clock = LogClock()
    server_ms = NOW // NS_PER_MS
    clock.start(server_ms)
    clock.observe(server_ms + 4_000)
    assert not clock.has_jumped
    clock.observe(server_ms + 15_000)
    assert clock.has_jumped and clock.ahead_ms > 5_000
    clock.confirm()
    assert not clock.has_jumped
    assert abs(clock.now_ns() // NS_PER_MS - server_ms - 15_000) < 2_000


def test_a_step_back_is_no_jump_and_tells_how_far_the_clock_is_behind():
    clock = LogClock()
    clock.start(NOW // NS_PER_MS)
    clock.observe(NOW // NS_PER_MS - 60_000)
    state = state_with()
    state.time_ns = NOW
    assert not clock.has_jumped and 50_000 < clock.behind_ms(state) <= 60_000


def test_a_stamp_is_held_against_reckoning_and_the_command_before():
    clock = LogClock()
    clock.start(NOW // NS_PER_MS)
    late = f"{NOW // NS_PER_MS + 30_000}-0"
    assert clock.is_ahead(late.encode(), "0-0")
    clock.start(NOW // NS_PER_MS)
    assert not clock.is_ahead(late.encode(), late)


def test_time_goes_on_between_two_looks_at_the_server():
    clock = LogClock()
    clock.start(NOW // NS_PER_MS)
    before, started = clock.now_ns(), time.monotonic_ns()
    while time.monotonic_ns() == started:
        continue
    assert clock.now_ns() > before
