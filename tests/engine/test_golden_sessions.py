"""Phases by log time, night sessions, holidays and how long orders live (T-20 … T-24, T-31)."""

from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BUY,
    CALENDAR,
    MONDAY,
    OPEN,
    SELL,
    TEMPLATES,
    add_account,
    add_instrument,
    at,
    limit,
    market,
    must,
    new_venue,
    of,
    only,
    run,
    settle,
    yuan,
)  # fmt: skip
from trading.engine.messages import (
    BeginSettlement,
    CancelAll,
    CancelOrder,
    ClockMode,
    CreateVenue,
    EndReason,
    ModifyOrder,
    Phase,
    PlaceOrder,
    SetCalendar,
    SetSessions,
    SuspendInstrument,
    Tick,
)
from trading.engine.state import State

SYMBOL = "DCE.m2605"
CLOSED, AUCTION_ORDER, AUCTION_MATCH, CONTINUOUS, BREAK = range(5)
IOC, GFS, GFD, GTD, GTC, GFA = range(6)

DAY_CLOCK = [
    ("08:54:59", CLOSED), ("08:55", AUCTION_ORDER), ("08:58:59", AUCTION_ORDER),
    ("08:59", AUCTION_MATCH), ("09:00", CONTINUOUS), ("10:14:59", CONTINUOUS), ("10:15", BREAK),
    ("10:30", CONTINUOUS), ("11:30", BREAK), ("13:29:59", BREAK), ("13:30", CONTINUOUS),
    ("14:59:59", CONTINUOUS), ("15:00", CLOSED), ("20:55", CLOSED),
]  # fmt: skip


def tick(state: State, day: int, clock: str) -> list[list[Any]]:
    return run(state, Tick(), at=at(day, clock))[1]


@pytest.mark.parametrize(("clock", "phase"), DAY_CLOCK)
def test_a_day_follows_its_session_table(clock: str, phase: int) -> None:
    state = market(clock=clock)
    assert state.phases.get("day", CLOSED) == state.instruments[SYMBOL].phase == phase


@pytest.mark.parametrize(
    ("day", "clock", "phase"),
    [(20260105, "20:54:59", CLOSED), (20260105, "20:55", AUCTION_ORDER),
     (20260105, "20:59", AUCTION_MATCH), (20260105, "21:00", CONTINUOUS),
     (20260105, "26:29:59", CONTINUOUS), (20260105, "26:30", CLOSED),
     (20260106, "08:56", CLOSED), (20260106, "09:00", CONTINUOUS), (20260106, "10:15", BREAK)],
)  # fmt: skip
def test_a_night_belongs_to_the_next_trading_day(day: int, clock: str, phase: int) -> None:
    state = market(session_template="night0230")
    settle(state)
    tick(state, day, clock)
    assert state.trading_day == 20260106
    assert state.phases.get("night0230", CLOSED) == phase


def through(last_day: int, template: str = "night0230") -> State:
    """A venue settled up to and including a day."""
    state = market(session_template=template)
    while state.trading_day <= last_day:
        settle(state)
    return state


@pytest.mark.parametrize(
    ("day", "clock", "phase"),
    [(20260109, "21:00", CONTINUOUS), (20260110, "02:29", CONTINUOUS), (20260110, "02:30", CLOSED),
     (20260110, "21:00", CLOSED), (20260111, "21:00", CLOSED), (20260112, "09:00", CONTINUOUS)],
)  # fmt: skip
def test_friday_night_belongs_to_monday(day: int, clock: str, phase: int) -> None:
    state = through(20260109)
    tick(state, day, clock)
    assert state.trading_day == 20260112
    assert state.phases.get("night0230", CLOSED) == phase


@pytest.mark.parametrize(
    ("day", "clock", "phase"),
    [(20260113, "21:00", CLOSED), (20260114, "09:00", CLOSED), (20260114, "21:00", CLOSED),
     (20260115, "08:55", AUCTION_ORDER), (20260115, "08:59", AUCTION_MATCH),
     (20260115, "09:00", CONTINUOUS)],
)  # fmt: skip
def test_before_a_holiday_there_is_no_night_and_the_morning_opens_with_an_auction(
    day: int, clock: str, phase: int
) -> None:
    state = through(20260113)
    tick(state, day, clock)
    assert state.trading_day == 20260115
    assert state.phases.get("night0230", CLOSED) == phase


def test_late_boundaries_are_told_in_order_with_their_own_time() -> None:
    state = new_venue()
    add_instrument(state)
    events = tick(state, MONDAY, "11:00")
    found = [(event[3], event[6]) for event in events if event[5] == "day"]
    assert found == [
        (at(MONDAY, clock), phase)
        for clock, phase in DAY_CLOCK
        if clock in ("08:55", "08:59", "09:00", "10:15", "10:30")
    ]


def test_a_phase_change_is_one_event_for_all_instruments_of_the_template() -> None:
    state = new_venue()
    for number in range(5, 9):
        add_instrument(state, f"DCE.m260{number}")
    events = tick(state, MONDAY, "08:55")
    assert [item.template for item in of(events, "PhaseChanged")] == ["day"]
    assert all(item.phase == AUCTION_ORDER for item in state.instruments.values())


def test_a_clock_behind_the_log_stands_still_and_trading_goes_on() -> None:
    state = market()
    before = state.time_ns
    events = must(state, limit("A", BUY, OPEN, 1, 100), at=before - 10**12)
    assert state.time_ns == before == events[0][3]


# What each phase takes (T-21)

ORDERS: dict[str, dict[str, Any]] = {
    "limit GFD": {"time_condition": GFD},
    "limit GTD": {"time_condition": GTD, "gtd_date": 20260109},
    "limit GTC": {"time_condition": GTC},
    "limit GFA": {"time_condition": GFA},
    "limit GFS": {"time_condition": GFS},
    "limit IOC": {"time_condition": IOC},
    "limit MIN": {"time_condition": IOC, "volume_condition": 1, "min_volume": 1},
    "limit FOK": {"time_condition": IOC, "volume_condition": 2},
    "any": {"price_type": 1, "time_condition": IOC},
    "best": {"price_type": 2, "time_condition": GFD},
    "five": {"price_type": 3, "time_condition": IOC},
}
IN_AUCTION = {"limit GFD", "limit GTD", "limit GTC", "limit GFA"}
PHASE_CLOCK = {
    AUCTION_ORDER: "08:56", AUCTION_MATCH: "08:59:30", CONTINUOUS: "09:30", BREAK: "10:20",
    CLOSED: "15:10",
}  # fmt: skip


@pytest.mark.parametrize("phase", PHASE_CLOCK)
@pytest.mark.parametrize("name", ORDERS)
def test_a_phase_takes_the_orders_it_should(phase: int, name: str) -> None:
    state = market(clock=PHASE_CLOCK[phase])
    order = limit("A", BUY, OPEN, 1, 100)._replace(**ORDERS[name])
    code, events = run(state, order, user=ALICE)
    if phase == CONTINUOUS:
        assert code == (1012 if name == "limit GFA" else 0)
    elif phase == AUCTION_ORDER:
        assert code == (0 if name in IN_AUCTION else 1012)
    else:
        assert code == 1009
        assert only(events, "OrderRejected").params == {"phase": Phase(phase).name}


@pytest.mark.parametrize("phase", PHASE_CLOCK)
@pytest.mark.parametrize("who", ["user", "operator", "all of the user", "all by an operator"])
def test_cancels_pass_where_the_phase_allows_or_an_operator_wants(phase: int, who: str) -> None:
    state = market(clock="08:56")
    must(state, limit("A", BUY, OPEN, 1, 95, order_id="x"), user=ALICE)
    tick(state, MONDAY, PHASE_CLOCK[phase])
    command: Any = CancelOrder("A", "x", by_operator=who == "operator")
    if who.startswith("all"):
        command = CancelAll("A", by_operator="operator" in who)
    code, _ = run(state, command, user=ALICE)
    passes = "operator" in who or phase not in (AUCTION_MATCH, CLOSED)
    assert (not state.orders) == passes
    assert code == (0 if passes or who.startswith("all") else 1009)


def test_a_modification_counts_as_an_order() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 2, 95, order_id="x"))
    tick(state, MONDAY, "10:20")
    assert run(state, ModifyOrder("A", "x", volume=1))[0] == 1009


def test_suspension_keeps_resting_orders_and_allows_cancels() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 2, 95, order_id="x"))
    must(state, SuspendInstrument(SYMBOL))
    assert run(state, limit("A", BUY, OPEN, 2, 95))[0] == 1009
    assert len(state.orders) == 1
    must(state, CancelOrder("A", "x"), user=ALICE)


# A boundary comes before a command logged at its time (T-24)


@pytest.mark.parametrize(
    ("clock", "code"), [("10:14:59.999", 0), ("10:15", 1009), ("10:29:59.999", 1009), ("10:30", 0)]
)
def test_no_order_logged_at_a_sections_end_trades_in_it(clock: str, code: int) -> None:
    state = market()
    must(state, limit("B", SELL, OPEN, 5, 100))
    found, events = run(state, limit("A", BUY, OPEN, 1, 100), at=at(MONDAY, clock))
    assert found == code
    assert len(of(events, "Traded")) == (code == 0)


def test_an_order_at_the_auctions_end_comes_too_late_for_it() -> None:
    state = market(clock="08:58")
    must(state, limit("B", SELL, OPEN, 5, 100))
    must(state, limit("C", BUY, OPEN, 1, 100))
    order = limit("A", BUY, OPEN, 1, 100)
    code, events = run(state, order, at=at(MONDAY, "08:59"))
    assert code == 1009
    kinds = [event[1] for event in events]
    assert kinds == ["PhaseChanged", "Traded", "OrderRejected"]
    assert events[0][4] == "" and events[-1][4] != "", "a boundary has no command"


# How long orders live (T-31, T-38)


def placed(state: State, time_condition: int, date: int = 0) -> str:
    name = f"t{time_condition}"
    order = limit("A", BUY, OPEN, 1, 95, order_id=name)
    must(state, order._replace(time_condition=time_condition, gtd_date=date))
    return name


def ends(events: list[list[Any]]) -> dict[str, int]:
    return {item.order[2]: item.reason for item in of(events, "OrderCancelled")}


@pytest.mark.parametrize("clock", ["10:15", "11:30", "15:00"])
def test_gfs_ends_with_its_section(clock: str) -> None:
    state = market(clock={"10:15": "10:00", "11:30": "11:00", "15:00": "14:00"}[clock])
    names = [placed(state, condition) for condition in (GFS, GFD, GTC)]
    before = at(MONDAY, clock) - 10**6
    assert not of(run(state, Tick(), at=before)[1], "OrderCancelled")
    assert ends(tick(state, MONDAY, clock)) == {names[0]: EndReason.SECTION_END}


def test_gfa_ends_with_the_auction_unless_it_traded() -> None:
    state = market(clock="08:56")
    names = [placed(state, condition) for condition in (GFA, GFD)]
    must(state, limit("B", BUY, OPEN, 1, 100, time_condition=GFA))
    must(state, limit("C", SELL, OPEN, 1, 100, time_condition=GFA))
    events = tick(state, MONDAY, "08:59")
    assert len(of(events, "Traded")) == 1
    assert ends(events) == {names[0]: EndReason.AUCTION_END}


def test_gfd_ends_with_the_trading_day_and_gtd_on_its_date() -> None:
    state = market()
    gfd, gtc = placed(state, GFD), placed(state, GTC)
    must(state, limit("A", BUY, OPEN, 1, 95, order_id="d0", time_condition=GTD, gtd_date=MONDAY))
    must(state, limit("A", BUY, OPEN, 1, 95, order_id="d1", time_condition=GTD, gtd_date=20260106))
    assert ends(tick(state, MONDAY, "15:00")) == {}
    assert ends(settle(state)) == {gfd: EndReason.DAY_END, "d0": EndReason.DATE_REACHED}
    assert ends(settle(state)) == {"d1": EndReason.DATE_REACHED}
    for _ in range(3):
        assert ends(settle(state)) == {}
    assert list(state.accounts["A"].orders) == [gtc]


def test_gtc_ends_with_its_contract() -> None:
    state = market(expire_date=20260106)
    gtc = placed(state, GTC)
    assert ends(settle(state)) == {}
    assert ends(settle(state)) == {gtc: EndReason.CONTRACT_EXPIRED}


# Settlement and the clock


def test_a_day_that_is_not_settled_lets_no_next_day_begin() -> None:
    state = market(session_template="night0230")
    events = tick(state, MONDAY, "21:30")
    assert state.phases["night0230"] == CLOSED
    assert all(item.trading_day == MONDAY for item in of(events, "PhaseChanged"))
    events = must(state, BeginSettlement("late", []))
    assert state.trading_day == 20260106
    assert of(events, "PhaseChanged")[-1].phase == CONTINUOUS, "entered late"


def test_the_always_template_closes_only_to_settle() -> None:
    state = new_venue(mode=ClockMode.ALWAYS, calendar=[])
    add_instrument(state, session_template="always")
    add_account(state, "A", ALICE)
    assert state.instruments[SYMBOL].phase == CONTINUOUS
    must(state, limit("A", BUY, OPEN, 1, 95, time_condition=GFS, order_id="x"))
    events = tick(state, MONDAY, "15:30")
    assert ends(events) == {"x": EndReason.SECTION_END}
    assert run(state, limit("A", BUY, OPEN, 1, 95))[0] == 1009
    settle(state)
    assert state.trading_day == 20260106
    assert state.instruments[SYMBOL].phase == CONTINUOUS
    must(state, limit("A", BUY, OPEN, 1, 95))


def test_an_always_venue_trades_on_saturdays() -> None:
    state = new_venue(20260109, mode=ClockMode.ALWAYS, calendar=[20260109])
    add_instrument(state, session_template="always")
    settle(state)
    assert state.trading_day == 20260110
    assert state.instruments[SYMBOL].phase == CONTINUOUS


def test_the_calendar_may_change_and_is_checked() -> None:
    state = new_venue()
    without = [day for day in CALENDAR if day != 20260106]
    must(state, SetCalendar(without))
    add_instrument(state)
    settle(state)
    assert state.trading_day == 20260107
    for days in ([], [20260107, 20260106], [20260106], [20260107, 20260132], [20260107] * 2):
        assert run(state, SetCalendar(days))[0] == 9008, days


def test_a_new_session_table_is_entered_at_once() -> None:
    state = market(clock="09:30")
    later = [[name, rows] for name, rows in TEMPLATES if name != "day"]
    must(state, SetSessions([*later, ["day", [[0, CONTINUOUS, 600, 900]]]]))
    assert state.instruments[SYMBOL].phase == CLOSED
    tick(state, MONDAY, "10:00")
    assert state.instruments[SYMBOL].phase == CONTINUOUS


BAD_TEMPLATES: list[Any] = [
    [["day"]], [["", [[0, 3, 0, 10]]]], [["day", []]], [["day", [[0, 3, 10, 10]]]],
    [["day", [[0, 3, 0, 20], [0, 3, 10, 30]]]], [["day", [[2, 3, 0, 10]]]],
    [["day", [[0, 4, 0, 10]]]], [["day", [[0, 3, 0]]]], [["day", [[0, 3, 0, "x"]]]],
    [["day", [[0, 3, 0, 10]]], ["day", [[0, 3, 0, 10]]]], [[1, [[0, 3, 0, 10]]]],
    [["other", [[0, 3, 0, 10]]]], [["day", [[0, 3, 0, 4000]]]],
]  # fmt: skip


@pytest.mark.parametrize("templates", BAD_TEMPLATES)
def test_an_unsound_session_table_is_refused_whole(templates: Any) -> None:
    state = market()
    before = dict(state.templates)
    assert run(state, SetSessions(templates))[0] == 9008
    assert state.templates == before


def test_a_venue_is_created_once_and_first() -> None:
    state = State()
    assert run(state, Tick(), at=at(MONDAY, "08:00")) == (5001, [])
    command = CreateVenue("test", 1, int(ClockMode.REAL), MONDAY)
    for bad in (command._replace(number=0), command._replace(trading_day=20260231),
                command._replace(mode=7), command._replace(venue="")):  # fmt: skip
        assert run(state, bad)[0] == 9008
    events = must(state, command)
    assert events[0][1] == "VenueCreated"
    assert run(state, command)[0] == 9008


def test_boundaries_are_known_ahead() -> None:
    state = market(clock="09:30")
    assert state.next_boundary_ns() == at(MONDAY, "10:15")
    tick(state, MONDAY, "15:30")
    assert state.next_boundary_ns() is None


def test_the_price_limits_follow_the_previous_settlement() -> None:
    """T-41: 8 % of 100.5 is 8.04 → 108.5 and 92.5 on a tick of 0.5."""
    state = market()
    settle(state, {SYMBOL: yuan("100.5")})
    row = state.instruments[SYMBOL]
    assert (row.lower_limit, row.upper_limit) == (yuan("92.5"), yuan("108.5"))
    order = PlaceOrder("A", "", SYMBOL, SELL, OPEN, 1, 0, yuan("108.5"))
    assert run(state, order, at=at(20260106, "09:30"))[0] == 0
