"""A recorded day played into a venue: its book, its trades, each quantity once (M-21)."""

import threading
import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from marketdata.recorded import SAMPLE, make_tick
from marketdata.replaying import Replayer, Target
from tests.log.conftest import ALICE, CONTRACTS, RunningWorker, await_until, open_venue, order
from trading.commands import send_many
from trading.engine.codes import ORDER_NOT_CANCELLABLE, ORDER_NOT_FOUND
from trading.engine.messages import CancelOrder
from trading.engine.units import SCALE
from trading.quotes_writer import quotes_client, read_quotes

SYMBOL = CONTRACTS[0].symbol
TICK = CONTRACTS[0].price_tick


def tick(second: int, bid: int, ask: int, volume: int = 0, last: float = 5_000.0) -> Any:
    """Bid 4 990 and ask 5 010 with these lots."""
    return make_tick(
        "rec", 1_795_138_200_000 + 1_000 * second, "replay", last_price=last, volume=volume,
        bid_price1=4_990.0, bid_volume1=bid, ask_price1=5_010.0, ask_volume1=ask,
    )  # fmt: skip


@pytest.fixture
def venue() -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:12]}"
    worker = RunningWorker(name)
    open_venue(name)
    yield name
    worker.stop()


@pytest.fixture
def replay(venue: str) -> Iterator[Replayer]:
    replayer = Replayer(venue, {"rec": Target(SYMBOL, TICK)}, 0)
    replayer._open()
    yield replayer
    replayer._tail.close()


def book(replay: Replayer) -> Any:
    """Best bid and ask of the venue's own quote: (price, lots) each."""
    with quotes_client() as client:
        view = read_quotes(client, replay.venue, [SYMBOL]).get(SYMBOL)
    return [tuple(side[0][:2]) for side in (view["bids"], view["asks"]) if side] if view else []


def take(replay: Replayer, lots: int) -> None:
    """Alice buys at the recorded ask."""
    bought = order(direction=0, volume=lots, limit_price=5_010 * SCALE, time_condition=0)
    assert send_many(replay.venue, [bought], user_id=ALICE.user_id, wait_s=20)[0].ok


def asked(replay: Replayer) -> int:
    replay.learn()
    return sum(lots for (_s, direction, _p), lots in replay._orders.values() if direction == 1)


def test_the_venues_quotes_are_the_recorded_ones_and_each_quantity_is_taken_once(replay: Replayer) -> None:
    target = replay.targets["rec"]
    replay.show(tick(0, 7, 10), target)
    await_until(lambda: book(replay) == [(4_990 * SCALE, 7), (5_010 * SCALE, 10)], 60)
    take(replay, 4)
    replay.show(tick(1, 7, 10), target)
    assert asked(replay) == 6 and replay.taken == 4
    replay.show(tick(2, 7, 12), target)
    assert asked(replay) == 8
    replay.show(tick(3, 7, 3), target)
    assert asked(replay) == 0
    replay.show(tick(4, 7, 5), target)
    assert asked(replay) == 2
    assert not replay.refused


def test_what_was_traded_trades_with_a_clients_resting_order(replay: Replayer) -> None:
    target = replay.targets["rec"]
    replay.show(tick(0, 7, 10), target)
    resting = order(direction=0, volume=2, limit_price=5_000 * SCALE)
    assert send_many(replay.venue, [resting], user_id=ALICE.user_id, wait_s=20)[0].ok
    replay.show(tick(1, 7, 10, volume=9, last=4_990.0), target)
    assert replay.commands > 0 and not replay.refused
    cancel = CancelOrder(ALICE.account_id, resting.order_id)
    (outcome,) = send_many(replay.venue, [cancel], user_id=ALICE.user_id, wait_s=20)
    assert outcome.decided and outcome.code in (ORDER_NOT_FOUND, ORDER_NOT_CANCELLABLE)  # it was filled
    assert asked(replay) == 10 and replay.taken == 0


def test_playing_ends_with_no_order_in_the_book(venue: str) -> None:
    replayer = Replayer(venue, {"rec": Target(SYMBOL, TICK)}, 1_000)
    played = replayer.play([tick(0, 7, 10), tick(1, 8, 9)], threading.Event().wait)
    assert (played.ticks, played.refused) == (2, {})
    with quotes_client() as client:
        await_until(lambda: not read_quotes(client, venue, [SYMBOL])[SYMBOL]["asks"], 60)


@pytest.mark.django_db
def test_what_cannot_be_played_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "day.csv"
    bad.write_text("a,b\n")
    for arguments, word in (
        ([str(bad)], "lacks"),
        ([str(tmp_path / "none.csv")], "No such file"),
        ([str(SAMPLE), "--speed", "0.5"], "--speed"),
        ([str(SAMPLE), "--as", "zz9=SHFE.cu2701"], "not recorded: zz9"),
        ([str(SAMPLE), "--venue", "nowhere"], "listed by the venue"),
    ):
        with pytest.raises(CommandError, match=word):
            call_command("replay_day", *arguments, stderr=StringIO())
