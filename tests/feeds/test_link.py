"""The life of a connection and its quality, with the clock passed in (G-2, G-12)."""

import random

from marketdata.feeds.link import AUTHENTICATION_ERRORS, Action, Link, LinkConfig, State
from marketdata.feeds.quality import Quality, median


def link(**given: object) -> Link:
    return Link(LinkConfig("one", "tcp://127.0.0.1:1", **given), random.Random(1))  # type: ignore[arg-type]


def logged_in(now: float = 0.0) -> Link:
    made = link()
    assert made.step(now) == [Action.CONNECT]
    assert made.on_connected(now) == [Action.LOGIN]
    assert made.on_login(now) == []
    return made


def test_a_connection_goes_from_disconnected_to_logged_in_and_counts_its_steps() -> None:
    made = logged_in()
    assert made.state is State.LOGGED_IN
    assert list(made.transitions) == [
        "DISCONNECTED->CONNECTING", "CONNECTING->CONNECTED", "CONNECTED->LOGGED_IN",
    ]  # fmt: skip


def test_a_front_that_never_answers_is_given_up_in_time_and_tried_again_later_and_later() -> None:
    made, now, tries = link(), 0.0, []
    while now < 600:
        if Action.CONNECT in made.step(now):
            tries.append(now)
        now += 0.25
    pauses = [b - a for a, b in zip(tries, tries[1:], strict=False)]
    assert pauses[0] < 18 and max(pauses) > 60 and max(pauses) < 95
    assert "no answer in" in made.error


def test_two_connections_do_not_try_at_the_same_moment() -> None:
    first, second = link(), Link(LinkConfig("two", "tcp://127.0.0.1:2"), random.Random(2))
    for made in (first, second):
        made.step(0)
        made.on_disconnected(0, 0x1001)
    assert first.retry_at != second.retry_at


def test_a_refused_login_waits_a_minute_and_longer() -> None:
    made, now, tries = link(), 0.0, []
    while now < 3_600:
        if Action.CONNECT in made.step(now):
            tries.append(now)
            made.on_connected(now)
            made.on_login(now, 7, "not initialised")
        now += 1
    assert 4 <= len(tries) <= 6
    assert tries[1] - tries[0] >= 60


def test_after_an_authentication_error_it_stops_and_says_so_until_told_to_try() -> None:
    for code in AUTHENTICATION_ERRORS:
        made = link()
        made.step(0)
        made.on_connected(0)
        assert made.on_login(0, code, "wrong") == [Action.RELEASE]
        assert made.step(1e9) == []
        assert made.stopped and made.error == f"login refused: {code} wrong"
        assert made.reconnect(1e9) == [Action.RELEASE]
        assert made.step(1e9) == [Action.CONNECT]


def test_silence_counts_in_a_liquid_session_alone() -> None:
    made = logged_in()
    assert made.step(1_000, is_fresh=False) == []
    assert made.state is State.LOGGED_IN
    made.fresh_since(1_000)
    assert made.step(1_029, is_fresh=True) == []
    assert made.step(1_031, is_fresh=True) == [Action.RELEASE]
    assert "silent" in made.error


def test_outside_the_connect_window_it_closes_and_does_not_try() -> None:
    made = logged_in()
    assert made.step(10, is_open=False) == [Action.RELEASE]
    assert made.step(1_000, is_open=False) == []
    assert made.step(1_001, is_open=True) == [Action.CONNECT]


def test_late_answers_of_a_wire_that_was_given_up_change_nothing() -> None:
    made = link()
    made.step(0)
    made.step(16)
    assert (made.on_connected(16), made.on_login(16), made.on_disconnected(16, 1)) == ([], [], [])
    assert made.state is State.ERROR


def test_a_disabled_connection_stays_closed() -> None:
    made = link(enabled=False)
    assert made.step(100) == [] and made.reconnect(100) == []
    made.enable(100)
    assert made.step(100) == [Action.CONNECT]
    assert made.disable(101) == [Action.RELEASE]
    assert made.step(10_000) == []


def test_one_bad_hour_does_not_stain_a_connection_for_ever() -> None:
    quality = Quality()
    for second in range(0, 3_600, 60):
        quality.disconnects.add(float(second))
        quality.errors.add(float(second))
    assert quality.score(3_600.0) < 65
    assert quality.score(3_600.0 + 7_200) > 99


def test_the_parts_of_quality_are_shown_and_add_up() -> None:
    quality = Quality()
    quality.tick_latency(600.0)
    quality.logged_in(0.0, 3.0)
    costs = quality.costs(0.0, 100.0, 0.5)
    assert set(costs) == {"latency", "gaps", "errors", "disconnects", "login", "load"}
    assert costs["latency"] == 25 and costs["load"] == 5 and costs["login"] == 5
    assert quality.score(0.0, 100.0, 0.5) == 65
    assert median([3.0, 1.0, 2.0]) == 2.0 and median([1.0, 2.0]) == 1.5 and median([]) is None
