"""The market over the typed socket: ticker, tick, orderbook, snapshot, kline (W-12)."""

import asyncio

import pytest

from marketdata.fanout.hub import fanout
from tests.sockets.conftest import CONTRACTS, COPPER, Loop, Person, Site, place
from tests.sockets.typed_client import TypedClient
from trading import commands
from trading.codec import to_number
from trading.engine.messages import CancelAll, Direction

SYMBOL, OTHER = COPPER.symbol, CONTRACTS[1].symbol
MIDDLE = to_number(COPPER.middle)
TICK = to_number(COPPER.price_tick)


@pytest.fixture(autouse=True)
def empty_book(site: Site, alice: Person, bob: Person, charlie: Person) -> None:
    for person in (alice, charlie):
        commands.send(site.venue, CancelAll(person.account_id), user_id=person.user_id, wait_s=10)


def test_the_market_needs_no_log_in_and_shows_no_parties(
    site: Site, alice: Person, charlie: Person, loop: Loop
) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            channels = ["ticker", "tick", "orderbook"]
            answer = await client.ask("subscribe", channels=channels, instruments=[SYMBOL])
            assert answer["channels"] == sorted(channels)
            assert answer["instruments"]["tick"] == [SYMBOL]
            await client.get(type="orderbook", instrument_id=SYMBOL)
            await asyncio.to_thread(place, site, charlie, Direction.SELL, volume=3)
            await asyncio.to_thread(place, site, alice, Direction.BUY, volume=1)
            trade = await client.get(type="ticker", instrument_id=SYMBOL)
            assert (trade["last_price"], trade["volume"], trade["direction"]) == (MIDDLE, 1, "BUY")
            assert not {"account_id", "order_id"} & set(trade)
            tick = await client.until(lambda: client.all(type="tick", last_price=MIDDLE, ask_volume=2))
            assert tick[0]["ask_price"] == MIDDLE
            book = await client.until(
                lambda: [
                    one for one in client.all(type="orderbook")
                    if one["asks"] == [{"price": MIDDLE, "volume": 2, "order_count": 1}]
                ]
            )  # fmt: skip
            assert book[0]["timestamp"] > 1_700_000_000_000

    loop.run(work())


@pytest.mark.parametrize(("depth", "levels"), [(5, 5), (10, 10), (20, 20), ("full", 20)])
def test_the_book_has_the_depth_that_is_asked_for(
    site: Site, alice: Person, loop: Loop, depth: int | str, levels: int
) -> None:
    for n in range(22):
        place(site, alice, Direction.BUY, price=-10 - n)

    async def work() -> None:
        async with TypedClient() as client:
            await client.ask("subscribe", channels=["orderbook"], instruments=[SYMBOL], depth=depth)
            found = await client.until(
                lambda: [one for one in client.all(type="orderbook") if len(one["bids"]) == levels]
            )
            assert found[0]["bids"][0]["price"] == MIDDLE - 10 * TICK

    loop.run(work())


def test_unsubscribing_leaves_one_instrument_or_all(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            await client.ask("subscribe", channels=["tick", "ticker"], instruments=[SYMBOL, OTHER])
            answer = await client.ask("unsubscribe", channels=["tick"], instruments=[OTHER])
            assert answer["instruments"] == {"tick": [SYMBOL], "ticker": sorted([SYMBOL, OTHER])}
            answer = await client.ask("unsubscribe")
            assert answer["channels"] == [] and answer["instruments"] == {}
            before = len(client.frames)
            await asyncio.to_thread(place, site, alice, Direction.BUY, price=-3)
            hub = await fanout()
            await client.until(lambda: hub.quotes.view(SYMBOL)["bids"])  # type: ignore[index]
            await client.ask("get_subscriptions")
            assert [one["type"] for one in client.frames[before:]] == ["subscriptions_response"]

    loop.run(work())


def test_snapshots_come_at_their_interval_with_every_field(site: Site, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            await client.ask("subscribe", channels=["snapshot"], instruments=[SYMBOL], interval_ms=100)
            found = await client.until(lambda: len(client.all(type="snapshot")) >= 3 and client.frames)
            one = next(frame for frame in found if frame["type"] == "snapshot")
            levels = {f"{side}_{what}{n}" for side in ("bid", "ask") for what in ("price", "volume")
                      for n in range(1, 6)}  # fmt: skip
            assert levels | {
                "instrument_id", "timestamp", "trading_day", "last_price", "change_percent",
                "change_amount", "change_base", "pre_close", "open", "high", "low", "volume",
                "turnover", "open_interest", "upper_limit", "lower_limit",
            } <= set(one)  # fmt: skip

    loop.run(work())


def test_the_whole_market_comes_each_second_until_it_is_left(site: Site, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            refused = await client.ask("subscribe", channels=["snapshot", "tick"], instruments=["*"])
            assert (refused["type"], refused["code"]) == ("error", 9008)
            answer = await client.ask("subscribe", channels=["snapshot"], instruments=["*"])
            assert answer["instruments"] == {"snapshot": ["*"]}
            found = await client.until(lambda: (f := client.all(type="snapshots")) and len(f) >= 2 and f)
            assert [one["instrument_id"] for one in found[-1]["items"]] == [c.symbol for c in CONTRACTS]
            assert (found[0]["part"], found[0]["parts"]) == (1, 1)
            assert found[1]["timestamp"] - found[0]["timestamp"] >= 900
            assert len(found[0]["items"][0]) >= 35
            answer = await client.ask("unsubscribe", channels=["snapshot"])
            assert answer["instruments"] == {}
            hub = await fanout()
            assert hub.snapshots._timer is None, "nobody asks any more"

    loop.run(work())


def test_unknown_instruments_are_1007_and_leave_the_rest(site: Site, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            given = {"channels": ["tick"], "instruments": [SYMBOL, "SHFE.xx9999"]}
            answer = await client.ask("subscribe", **given)
            assert (answer["type"], answer["code"]) == ("error", 1007)
            assert (await client.ask("get_subscriptions"))["channels"] == []
            answer = await client.ask("subscribe", channels=["account"])
            assert answer["code"] == 9002

    loop.run(work())
