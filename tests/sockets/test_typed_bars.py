"""Bars over the typed socket: first state, growth, ends, leaving, refusals (W-12)."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from exchange_site.exceptions import ExchangeError
from marketdata.fanout.hub import fanout
from marketdata.process import MarketDataProcess
from tests.sockets.conftest import CONTRACTS, COPPER, Loop, Person, Site, place
from tests.sockets.typed_client import TypedClient
from trading.codec import to_number
from trading.engine.codes import INVALID_FIELD
from trading.engine.messages import Direction

SYMBOL, OTHER = COPPER.symbol, CONTRACTS[1].symbol
FIELDS = {
    "type", "instrument_id", "period", "id", "timestamp", "trading_day", "open", "high", "low", "close",
    "volume", "amount", "open_oi", "close_oi", "is_finished",
}  # fmt: skip


@pytest.fixture(scope="module")
def recorder(site: Site) -> Iterator[None]:
    """The market-data process of the venue, in a thread."""
    process = MarketDataProcess(site.venue)
    thread = threading.Thread(target=process.run)
    thread.start()
    yield
    process.stop()
    thread.join(60)


def fill(site: Site, buyer: Person, seller: Person, ticks: int) -> float:
    """One trade, and its price in yuan."""
    place(site, buyer, Direction.BUY, ticks)
    place(site, seller, Direction.SELL, ticks)
    return to_number(COPPER.middle + ticks * COPPER.price_tick)


def test_bars_come_to_who_asked_before_any_was_recorded(
    site: Site, alice: Person, charlie: Person, loop: Loop, request: pytest.FixtureRequest
) -> None:
    async def ask(client: TypedClient) -> None:
        wanted = {"channels": ["kline"], "instruments": [SYMBOL], "periods": ["3s", "day", "7000000000"]}
        answer = await client.ask("subscribe", **wanted)
        assert answer["type"] == "subscribe_response"
        assert answer["periods"] == {SYMBOL: sorted(wanted["periods"])}

    async def see(client: TypedClient, price: float) -> None:
        growing = await client.get(type="kline", period="day", close=price, is_finished=False)
        assert set(growing) == FIELDS and growing["instrument_id"] == SYMBOL
        assert growing["low"] <= growing["open"] <= growing["high"]
        finished = await client.get(type="kline", period="3s", close=price, is_finished=True)
        assert finished["volume"] >= 1 and finished["timestamp"] % 3_000 == 0
        await client.get(type="kline", period="7000000000", close=price)

    client = loop.run(entered())
    loop.run(ask(client))
    request.getfixturevalue("recorder")
    price = fill(site, alice, charlie, 1)
    loop.run(see(client, price), 60)
    loop.run(client.__aexit__())


async def entered() -> TypedClient:
    return await TypedClient().__aenter__()


def test_the_newest_bar_comes_first_and_none_after_leaving(
    site: Site, recorder: None, alice: Person, charlie: Person, loop: Loop
) -> None:
    first = fill(site, alice, charlie, 2)

    async def work() -> None:
        async with TypedClient() as leaver, TypedClient() as stayer:
            wanted = {"channels": ["kline"], "periods": ["day"]}
            for client in (leaver, stayer):
                await client.ask("subscribe", instruments=[SYMBOL, OTHER], **wanted)
                await client.get(type="kline", instrument_id=SYMBOL, close=first)
                await client.get(type="kline", instrument_id=OTHER)
            answer = await leaver.ask("unsubscribe", channels=["kline"], instruments=[SYMBOL])
            assert (answer["instruments"], answer["periods"]) == ({"kline": [OTHER]}, {OTHER: ["day"]})
            before = len(leaver.frames)
            price = await asyncio.to_thread(fill, site, alice, charlie, 3)
            await stayer.get(type="kline", instrument_id=SYMBOL, close=price)
            answer = await leaver.ask("unsubscribe")
            assert (answer["channels"], answer["periods"]) == ([], {})
            assert [one["type"] for one in leaver.frames[before:]] == ["unsubscribe_response"]
        hub = await fanout()
        await asyncio.gather(*hub._returning)
        assert not hub.series._opened, "every series was given back"

    loop.run(work(), 60)


REFUSED: list[tuple[dict[str, object], int]] = [
    ({"periods": ["fortnight"]}, 9008),
    ({"periods": ["week"]}, 9008),
    ({"periods": ["1500000000"]}, 9008),
    ({"periods": "1min"}, 9003),
    ({"instruments": ["SHFE.xx9999"]}, 1007),
    ({"instruments": []}, 9008),
    ({"instruments": [SYMBOL], "periods": [f"{n}000000000" for n in range(1, 102)]}, 9004),
    ({"depth": 7}, 9008),
    ({"interval_ms": 5}, 9008),
    ({"channels": ["kline", "bars"]}, 9008),
]


def test_what_cannot_be_followed_is_refused_and_changes_nothing(site: Site, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            for terms, code in REFUSED:
                wanted = {"channels": ["kline"], "instruments": [SYMBOL, OTHER], "periods": ["1min"]}
                answer = await client.ask("subscribe", **(wanted | terms))
                assert (answer["type"], answer["code"]) == ("error", code), terms
                found = await client.ask("get_subscriptions")
                assert (found["channels"], found["periods"]) == ([], {})

    loop.run(work())


def test_a_series_that_is_refused_later_is_told_and_left(
    site: Site, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(symbol: str, duration_ns: int) -> None:
        raise ExchangeError(INVALID_FIELD, {"field": "duration"})

    async def work() -> None:
        hub = await fanout()
        monkeypatch.setattr(hub.series, "open", refuse)
        async with TypedClient() as client:
            await client.ask("subscribe", channels=["kline"], instruments=[SYMBOL], periods=["5min"])
            told = await client.get(type="error", code=9008)
            assert (told["extra"]["instrument_id"], told["extra"]["period"]) == (SYMBOL, "5min")
            assert (await client.ask("get_subscriptions"))["channels"] == []

    loop.run(work())
