"""Spreading, failover and return over the pool, without a wire and in no time (G-10 … G-13)."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.feeds.pool import BATCH, Pool
from marketdata.feeds.spread import STRATEGIES, Room
from tests.feeds.fronts import Drive, connections, symbols

EVERY = sorted(STRATEGIES)


def placed(strategy: str, links: int = 90, count: int = 18_000, room: int = 300) -> Drive:
    drive = Drive(Pool(strategy), connections(links, room))
    drive.pool.want("all", symbols(count))
    drive.run(2.0)
    return drive


@pytest.mark.parametrize("strategy", EVERY)
def test_eighteen_thousand_symbols_are_each_subscribed_once_on_ninety_connections(strategy: str) -> None:
    drive = placed(strategy)
    assert drive.delivered() == symbols(18_000)
    assert all(len(found) <= 300 for found in drive.subscribed.values())
    assert not drive.pool.waiting


@pytest.mark.parametrize("strategy", EVERY)
def test_twenty_five_thousand_symbols_are_placed_within_seconds_of_the_clock(strategy: str) -> None:
    assert placed(strategy, 90, 25_000, 300).delivered() == symbols(25_000)


@pytest.mark.parametrize("strategy", EVERY)
def test_symbols_of_failed_connections_move_while_there_is_room(strategy: str) -> None:
    drive = placed(strategy, count=18_000)
    lost = max(drive.subscribed, key=lambda name: len(drive.subscribed[name]))
    drive.kill(lost)
    drive.run(1.0)
    assert drive.delivered() == symbols(18_000)
    several = [name for name in drive.subscribed if name != lost][:16]
    failed = sum(len(drive.subscribed[name]) for name in several)
    drive.kill(*several)
    drive.run(5.0)
    assert failed > 2_000
    assert drive.delivered() == symbols(18_000)
    assert drive.pool.failovers >= 17


def test_without_room_the_rest_waits_and_is_placed_when_there_is_room() -> None:
    drive = placed("least_connections", 3, 1_000, 300)
    assert len(drive.pool.waiting) == 100
    assert len(drive.delivered()) == 900
    drive.pool.wanted.remove("all", symbols(150), drive.now)
    drive.run(15)
    assert drive.delivered() == symbols(1_000)[150:]


def test_a_symbol_is_subscribed_with_the_first_and_left_after_the_last_and_a_grace_time() -> None:
    drive = Drive(Pool("round_robin"), connections(2))
    for party in ("a", "b"):
        drive.pool.want(party, ["cu2701"])
    drive.run(1)
    calls = drive.calls
    assert drive.delivered() == ["cu2701"]
    drive.pool.wanted.leave("a", drive.now)
    drive.run(30)
    drive.pool.wanted.leave("b", drive.now)
    drive.run(5)
    drive.pool.want("c", ["cu2701"])
    drive.run(30)
    assert (drive.delivered(), drive.calls) == (["cu2701"], calls)
    drive.pool.wanted.leave("c", drive.now)
    drive.run(30)
    assert drive.delivered() == []


def test_calls_carry_batches_and_keep_a_distance() -> None:
    drive = Drive(Pool("round_robin"), connections(1, 5_000))
    drive.pool.want("all", symbols(5_000))
    drive.run(0.5)
    assert drive.calls <= 11
    drive.run(2)
    assert drive.calls == 5_000 // BATCH


@pytest.mark.parametrize("strategy", EVERY)
def test_symbols_flow_back_gently_and_are_never_without_a_connection(strategy: str) -> None:
    drive = placed(strategy, 6, 900, 300)
    before = {name: set(found) for name, found in drive.subscribed.items()}
    lost = max(before, key=lambda name: len(before[name]))
    drive.kill(lost)
    drive.run(30)
    drive.down.clear()
    seen = []
    for _ in range(140):
        drive.run(0.5)
        held = set().union(*drive.subscribed.values())
        assert held == set(symbols(900))
        seen.append(len(drive.subscribed[lost]))
    assert max(b - a for a, b in zip(seen, seen[1:], strict=False)) <= 100
    assert drive.subscribed == before


def test_hashed_symbols_move_only_when_their_connection_goes() -> None:
    drive = placed("hash_based", 30, 4_000)
    before = dict(drive.pool.assigned)
    drive.kill("c007")
    drive.run(2)
    moved = {symbol for symbol, name in drive.pool.assigned.items() if before[symbol] != name}
    assert moved == {symbol for symbol, name in before.items() if name == "c007"}
    other = Drive(Pool("hash_based"), connections(30))
    shuffled = symbols(4_000)
    random.Random(5).shuffle(shuffled)
    other.pool.want("all", shuffled)
    other.run(2)
    assert other.pool.assigned == before


@pytest.mark.parametrize("strategy", EVERY)
def test_the_best_priority_is_filled_first_and_the_poor_come_last(strategy: str) -> None:
    rooms = [Room("b", 2, 10, 0), Room("a", 1, 10, 0), Room("poor", 1, 10, 0, 20.0)]
    pick = STRATEGIES[strategy](rooms)
    taken = [pick(symbol) for symbol in symbols(31)]
    assert taken == ["a"] * 10 + ["b"] * 10 + ["poor"] * 10 + [None]


def test_quality_decides_how_much_a_connection_gets() -> None:
    pick = STRATEGIES["connection_quality"]([Room("good", 1, 900, 0, 100.0), Room("weak", 1, 900, 0, 50.0)])
    taken = [pick(symbol) for symbol in symbols(500)]
    assert taken.count("good") == 400


def test_the_strategy_can_be_changed_while_running() -> None:
    drive = placed("round_robin", 4, 100)
    drive.pool.use("hash_based")
    drive.pool.want("more", [f"y{n}" for n in range(100)])
    drive.run(1)
    assert len(drive.delivered()) == 200
    with pytest.raises(KeyError):
        drive.pool.use("by_moon")


def test_a_symbol_the_front_refuses_is_named_and_not_asked_for_again() -> None:
    pool = Pool("round_robin")
    drive = Drive(pool, connections(1))
    drive.run(1)
    pool.want("a", ["bad"])
    orders = [order for order in pool.step(drive.now) if order.subscribe]
    pool.on_subscribed(orders[0].connection_id, "bad", drive.now, "unknown instrument")
    drive.run(60)
    assert pool.refused == {"bad": "unknown instrument"}
    assert not pool.waiting and not pool.assigned


def test_an_unanswered_subscription_is_asked_for_again() -> None:
    pool = Pool("round_robin")
    drive = Drive(pool, connections(1))
    drive.run(1)
    pool.want("a", ["slow"])
    assert any(order.subscribe for order in pool.step(drive.now))
    assert not any(order.subscribe for order in pool.step(drive.now + 1))
    again = pool.step(drive.now + 11)
    assert [order.subscribe for order in again] == [("slow",)]


def test_on_every_login_the_whole_assigned_set_is_subscribed_again() -> None:
    pool = Pool("round_robin", auto_failover=False)
    drive = Drive(pool, connections(1))
    pool.want("all", symbols(50))
    drive.run(1)
    drive.carry_out(pool.on_disconnected("c000", drive.now, 0x1001))
    assert drive.delivered() == []
    drive.run(5)
    assert drive.delivered() == symbols(50)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("wlkue"), st.integers(0, 5)), max_size=40), st.sampled_from(EVERY))
def test_whatever_happens_every_wanted_symbol_is_at_one_connection_or_waits(
    steps: list[tuple[str, int]], strategy: str
) -> None:
    drive = Drive(Pool(strategy, grace_s=0.1), connections(6, 20))
    pool = drive.pool
    for what, n in steps:
        names = symbols(100)[n * 15 : n * 15 + 30]
        match what:
            case "w":
                pool.want(f"p{n}", names)
            case "l":
                pool.wanted.leave(f"p{n}", drive.now)
            case "k":
                drive.kill(f"c{n:03d}")
            case "u":
                drive.down.discard(f"c{n:03d}")
            case "e":
                drive.carry_out(pool.reconnect(f"c{n:03d}", drive.now))
        drive.run(1)
    drive.down.clear()
    drive.run(200, 0.5)
    wanted = set(pool.wanted.symbols())
    assert set(pool.assigned) | set(pool.waiting) == wanted
    assert len(pool.assigned) == min(len(wanted), 120)
    assert drive.delivered() == sorted(pool.assigned)
    assert all(len(member.symbols) <= 20 for member in pool.members.values())
