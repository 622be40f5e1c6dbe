"""The whole feed over simulated fronts: failures, silence, delay, repeats, nights (G-13, G-14)."""

import pytest

from marketdata.feeds.simulated import NONE, Habits
from marketdata.feeds.ticks import Sanitiser, copy_struct
from tests.feeds.fronts import connections, symbols
from tests.feeds.market import MONDAY_TEN, Feed

NIGHT = MONDAY_TEN + 11.2 * 3_600  # 21:12 on Monday evening


def test_ticks_of_every_wanted_symbol_arrive_in_order() -> None:
    feed = Feed()
    feed.engine.want("all", symbols(30))
    feed.run(3, updates=15)
    assert {tick.instrument_id for tick in feed.ticks} == set(symbols(30))
    assert set(feed.states().values()) == {"LOGGED_IN"}
    feed.check_order()


def test_what_a_front_has_no_value_for_is_none() -> None:
    feed = Feed(1, 1)
    feed.engine.want("all", symbols(1))
    feed.run(1, updates=1)
    struct = feed.market.instruments["x00000"].struct
    assert struct.BidPrice5 == NONE and feed.ticks[-1].bid_price5 is None
    assert feed.ticks[-1].upper_limit_price == 5_400.0


@pytest.mark.parametrize(("exchange", "said"), [("DCE", "20261124"), ("SHFE", "20261123")])
def test_night_dates_are_put_right_whatever_the_exchange_says(exchange: str, said: str) -> None:
    feed = Feed(1, 1, start=NIGHT, exchange=exchange)
    feed.engine.want("all", symbols(1))
    feed.run(1, updates=1)
    assert feed.market.instruments["x00000"].struct.ActionDay == said
    tick = feed.ticks[-1]
    assert (tick.trading_day, tick.action_day) == ("20261124", "20261123")
    assert abs(tick.timestamp - feed.now * 1_000) < 100


def test_snapshots_without_milliseconds_all_pass() -> None:
    feed = Feed(1, 1, exchange="CZCE")
    feed.engine.want("all", symbols(1))
    feed.run(2, updates=1)
    assert {tick.update_millisec for tick in feed.ticks} == {0}
    assert len(feed.ticks) >= 35
    feed.check_order()


@pytest.mark.parametrize("strategy", ["round_robin", "least_connections", "connection_quality", "hash_based"])
def test_a_broken_connection_costs_no_tick_twice_and_none_backwards(strategy: str) -> None:
    feed = Feed(4, 300, strategy)
    feed.engine.want("all", symbols(300))
    feed.run(3, updates=60)
    feed.front(1).habits.unreachable = True
    feed.front(1).drop()
    feed.run(1, updates=60)
    assert len(feed.engine.pool.assigned) == 300
    assert "c001" not in feed.engine.pool.assigned.values()
    feed.front(1).habits.unreachable = False
    feed.run(60, updates=10)
    assert "c001" in feed.engine.pool.assigned.values()
    seen = len(feed.ticks)
    feed.run(2, updates=300)
    assert {tick.instrument_id for tick in feed.ticks[seen:]} == set(symbols(300))
    feed.check_order()
    assert feed.engine.pool.members["c001"].failures == 1


def test_repeated_and_delayed_ticks_are_kept_back() -> None:
    feed = Feed(2, 20)
    feed.front(0).habits.repeat = True
    feed.engine.want("all", symbols(20))
    feed.run(2, updates=20)
    assert feed.engine.pool.gate.duplicates > 100
    feed.front(1).habits.delay_s = 0.4
    feed.run(2, updates=20)
    feed.check_order()


def test_a_slow_connection_loses_quality_and_a_sound_one_keeps_it() -> None:
    feed = Feed(3, 60)
    feed.front(2).habits.delay_s = 0.8
    feed.engine.want("all", symbols(60))
    feed.run(20, updates=60)
    quality = {row["connection_id"]: row["quality"] for row in feed.engine.status()["connections"]}
    assert quality["c002"] < 80 < quality["c000"]


def test_silence_in_a_session_is_a_failure_and_at_lunch_it_is_health() -> None:
    feed = Feed(2, 20)
    feed.engine.want("all", symbols(20))
    feed.run(2, updates=20)
    feed.front(0).habits.silent = True
    feed.run(60, updates=5)
    assert set(feed.states().values()) == {"LOGGED_IN"}
    feed.engine.is_fresh = lambda: True
    feed.run(31, updates=5)
    assert "silent" in feed.engine.pool.members["c000"].link.error
    assert set(feed.engine.pool.assigned.values()) == {"c001"}


def test_a_refused_name_stops_the_connection_and_says_so_in_the_front_s_words() -> None:
    feed = Feed(2, 20)
    feed.front(0).habits.login_error = 3
    feed.engine.want("all", symbols(20))
    feed.run(300)
    link = feed.engine.pool.members["c000"].link
    assert link.stopped and link.error == "login refused: 3 CTP:不合法的登录"
    assert link.transitions["DISCONNECTED->CONNECTING"] == 1
    assert set(feed.engine.pool.assigned.values()) == {"c001"}
    feed.front(0).habits.login_error = 0
    assert feed.engine.order("reconnect", "c000")
    feed.run(5)
    assert feed.states()["c000"] == "LOGGED_IN"


def test_a_front_that_is_mute_or_away_is_given_up_in_time() -> None:
    feed = Feed(2, 20)
    feed.front(0).habits.mute_login = True
    feed.front(1).habits.unreachable = True
    feed.run(20)
    errors = {row["connection_id"]: row["error"] for row in feed.engine.status()["connections"]}
    assert "no answer to the login" in errors["c000"]
    assert "no answer in 15 s" in errors["c001"]


def test_an_unknown_instrument_is_refused_in_the_front_s_words() -> None:
    feed = Feed(1, 1)
    feed.engine.want("all", ["SHFE.nothing"])
    feed.run(2)
    assert feed.engine.pool.refused == {"nothing": "16 CTP:找不到合约"}


def test_lost_ticks_at_a_failover_are_counted() -> None:
    feed = Feed(1, 10, configs=connections(2))
    feed.front(1).habits.unreachable = True
    feed.engine.want("all", symbols(10))
    feed.run(2, updates=10)
    feed.front(0).habits.unreachable = True
    feed.front(0).drop()
    for instrument in feed.market.instruments.values():
        instrument.struct.Volume += 5
    feed.front(1).habits.unreachable = False
    feed.run(80, updates=10)
    assert feed.engine.status()["gaps"] == 10


def test_ninety_connections_carry_eighteen_thousand_symbols_through_a_failover() -> None:
    feed = Feed(90, 18_000, "connection_quality")
    feed.engine.want("all", symbols(18_000))
    feed.run(3, step_s=0.1)
    status = feed.engine.status()
    assert (status["assigned"], status["waiting"], status["states"]["LOGGED_IN"]) == (18_000, 0, 90)
    for number in range(18):
        feed.front(number).habits.unreachable = True
        feed.front(number).drop()
    feed.run(5, step_s=0.1)
    live = sum(len(member.confirmed) for member in feed.engine.pool.members.values())
    assert live == 18_000


def test_raw_structs_are_copied_before_the_front_changes_them() -> None:
    feed = Feed(1, 1)
    feed.front(
        0,
    ).habits = Habits()
    instrument = feed.market.instruments["x00000"]
    feed.market.stamp(instrument)
    copied = copy_struct(instrument.struct)
    instrument.struct.LastPrice = 1.0
    assert Sanitiser().tick(copied).last_price == 5_000.0
