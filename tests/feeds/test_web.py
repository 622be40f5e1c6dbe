# ruff: noqa: F811  (fixtures are named as what they give)
"""`/md` and `/ws/data` of the web process: the venue's own quotes, and a feed's ticks (G-20, G-30)."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from channels.routing import URLRouter
from django.test import Client as HttpClient

from accounts import venue_settings
from exchange_site.routing import websocket_urlpatterns
from marketdata.fanout.hub import fanout
from marketdata.feeds.models import FeedConnection
from marketdata.feeds.process import FeedOptions
from marketdata.feeds.simulated import Listing
from marketdata.feeds.store import feed_status, newest_tick, recent_ticks
from marketdata.gateway.web import end_gateways
from marketdata.management.commands.run_feed import Command
from tests.api.conftest import Person, make_user
from tests.feeds.clients import RunningFeed, options
from tests.log.conftest import await_until
from tests.sockets.conftest import (  # noqa: F401  the venue of the API tests
    COPPER,
    Loop,
    Site,
    alice,
    bob,
    charlie,
    db,
    forget_limits,
    loop,
    place,
    site,
)

_application = URLRouter(websocket_urlpatterns)


@pytest.fixture(scope="module")
def feed(site: Site) -> Iterator[RunningFeed]:
    given: FeedOptions = options(use_redis=True, port=None, symbols="SHFE.x0002?", quotes=True)
    given.listings.append(Listing(COPPER.symbol.partition(".")[2], "SHFE"))
    given.symbols += f",{COPPER.symbol}"
    given.venue = site.venue
    running = RunningFeed(given)
    await_until(lambda: feed_status(site.venue))
    yield running
    running.stop()


@pytest.fixture(autouse=True, scope="module")
def close_gateways(loop: Loop) -> Iterator[None]:
    yield
    loop.run(end_gateways())


class Socket:
    """A socket of the web process, without a wire."""

    def __init__(self, path: str) -> None:
        scope = {"type": "websocket", "path": path, "headers": [], "client": ["127.0.0.1", 1]}
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(_application(scope, self.sent.get, self.got.put))

    def send(self, **message: Any) -> None:
        self.sent.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def until(self, **wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                message = await self.got.get()
                assert message["type"] != "websocket.close", message
                found: dict[str, Any] = json.loads(message.get("text") or "{}")
                if all(found.get(name) == value for name, value in wanted.items()):
                    return found

    async def close(self) -> None:
        self.sent.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, 10)


def on_socket(loop: Loop, path: str, scenario: Any) -> Any:
    async def run() -> Any:
        socket = Socket(path)
        try:
            return await scenario(socket)
        finally:
            await socket.close()

    return loop.run(run(), 60)


def test_a_listed_symbol_is_shown_from_the_venue_s_own_quotes(
    site: Site,
    loop: Loop,
    alice: Person,
) -> None:
    async def scenario(socket: Socket) -> dict[str, Any]:
        await socket.until(type="welcome")
        socket.send(action="subscribe", instruments=[COPPER.symbol])
        await socket.until(type="subscribe_response", status="success")
        await asyncio.to_thread(place, site, alice, 0, -3)
        limit = (COPPER.middle - 3 * COPPER.price_tick) / 10_000
        return await socket.until(type="market_data", bid_price1=limit)

    tick = on_socket(loop, "/md", scenario)
    assert (tick["instrument_id"], tick["source"], tick["bid_volume1"]) == (COPPER.symbol, "venue", 1)


def test_other_symbols_come_from_the_feed_process(loop: Loop, feed: RunningFeed) -> None:
    async def scenario(socket: Socket) -> None:
        await socket.until(type="welcome")
        socket.send(aid="subscribe_quote", ins_list="SHFE.x00003")
        await socket.until(aid="subscribe_quote")
        socket.send(aid="peek_message")
        answer = await socket.until(aid="rtn_data")
        assert list(answer["data"][0]["quotes"]) == ["SHFE.x00003"]
        socket.send(aid="subscribe_quote", ins_list="")
        await socket.until(aid="subscribe_quote")

    on_socket(loop, "/md", scenario)
    wanted = feed.process.engine.pool.wanted
    await_until(lambda: "x00003" not in wanted.symbols())


def test_symbols_of_the_feed_alone_are_quoted_by_the_venue_and_its_own_are_not_touched(
    site: Site, loop: Loop, feed: RunningFeed, alice: Person
) -> None:
    await_until(lambda: alice.get("market/tick/SHFE.x00021").code == 0)
    tick = alice.get("market/tick/SHFE.x00021").data
    assert (tick["source"], tick["upper_limit"], tick["volume_multiple"]) == ("simulated", 5_400.0, 10)
    assert tick["bid_price"] < tick["ask_price"] and 4_600 < tick["average"] < 5_400
    assert len(alice.get("market/orderbook/SHFE.x00021").data["bids"]) == 1
    assert alice.get("market/tick/SHFE.x00003").code == 1007  # nobody asked for it, and it is not configured
    feed_symbol = COPPER.symbol.partition(".")[2]
    await_until(lambda: newest_tick(site.venue, feed_symbol))
    assert alice.get(f"market/tick/{COPPER.symbol}").data["source"] == "venue"

    async def scenario() -> Any:
        fan = await fanout()
        async with asyncio.timeout(30):
            while True:
                state = fan.quotes.state("SHFE.x00021")
                if state is not None and {"price_tick", "last_price"} <= set(state.fields):
                    break
                await asyncio.sleep(0.05)
        return state.fields["price_tick"]

    assert loop.run(scenario(), 60) == 1.0
    part = HttpClient().get("/health").json()["parts"]["feed"]
    assert (part["status"], part["logged_in"], part["kind"]) == ("ok", 3, "simulated")
    assert part["symbols"] >= 11


def test_a_venue_that_wants_tokens_serves_nobody_without(
    site: Site, loop: Loop, feed: RunningFeed, alice: Person
) -> None:
    async def scenario(socket: Socket) -> None:
        await socket.until(type="welcome")
        socket.send(action="list")
        assert (await socket.until(type="error"))["code"] == 9002
        socket.send(action="list", token="no token of anybody")
        assert (await socket.until(type="error"))["code"] == 9001
        socket.send(action="list", token=alice.token)
        await socket.until(type="instrument_list")

    venue_settings.write(site.venue, {"md_needs_token": 1})
    try:
        on_socket(loop, "/md", scenario)
    finally:
        venue_settings.write(site.venue, {"md_needs_token": 0})


def test_the_data_service_speaks_its_envelope(loop: Loop, feed: RunningFeed) -> None:
    async def scenario(socket: Socket) -> None:
        socket.send(type="HEARTBEAT", data={})
        assert set(await socket.until(type="HEARTBEAT")) == {"type", "data", "timestamp"}
        kinds = ["quote", "tick", "kline", "trade"]
        socket.send(
            type="SUBSCRIBE", data={"symbols": ["SHFE.x00004"], "data_types": kinds, "period": "1min"}
        )
        await socket.until(type="SUBSCRIBED")
        seen: dict[str, Any] = {}
        while len(seen) < 4:
            data = (await socket.until(type="DATA"))["data"]
            assert data["symbol"] == "SHFE.x00004"
            seen[data["type"]] = data[data["type"]]
        assert {"price", "volume", "timestamp"} <= set(seen["quote"])
        assert set(seen["trade"]) == {"price", "volume", "direction", "timestamp"}
        assert seen["kline"]["period"] == "1min" and seen["kline"]["high"] >= seen["kline"]["low"]
        socket.send(type="SUBSCRIBE", data={"symbols": [f"s{n}" for n in range(100)]})
        assert (await socket.until(type="ERROR"))["data"]["code"] == 9004
        for bad in (
            {"symbols": 7},
            {"symbols": ["a"], "data_types": ["moon"]},
            {"symbols": ["a"], "period": "2h"},
        ):
            socket.send(type="SUBSCRIBE", data=bad)
            assert (await socket.until(type="ERROR"))["data"]["code"] == 9008
        socket.send(type="FLY")
        assert (await socket.until(type="ERROR"))["data"]["code"] == 9003
        socket.send(type="UNSUBSCRIBE", data={})
        assert (await socket.until(type="UNSUBSCRIBED"))["data"]["symbols"] == ["SHFE.x00004"]

    on_socket(loop, "/ws/data", scenario)


def test_newest_and_recent_ticks_live_in_redis_with_a_bound(site: Site, feed: RunningFeed) -> None:
    engine = feed.process.engine
    feed.loop.call_soon_threadsafe(engine.want, "test", ["x00005"])
    await_until(lambda: len(recent_ticks(site.venue, "x00005")) > 5)
    ticks = recent_ticks(site.venue, "x00005")
    newest = newest_tick(site.venue, "x00005")
    assert newest is not None and newest.source == "simulated"
    numbers = [tick.seq for tick in ticks]
    assert numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))


def test_the_web_s_health_has_the_gateway_s_shape(feed: RunningFeed) -> None:
    answer = HttpClient().get("/md/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["redis"]["connected"] is True
    assert len(answer.json()["connections"]) == 3


def test_operators_see_and_operate_connections_and_strangers_do_not(
    site: Site,
    feed: RunningFeed,
    charlie: Person,
) -> None:
    operator = make_user("op", groups=("operator",), scopes=("read", "trade", "admin"))
    for config in feed.process.options.config.connections:
        FeedConnection.objects.update_or_create(
            venue=site.venue, connection_id=config.connection_id, defaults={"front_addr": config.front_addr}
        )
    rows = operator.get("feeds/connections").data
    assert rows["total"] == 3 and rows["items"][0]["status"] == "LOGGED_IN"
    assert "password" not in json.dumps(rows)
    status = operator.get("feeds/status").data
    assert (status["running"], status["states"]["LOGGED_IN"]) == (True, 3)
    members = feed.process.engine.pool.members
    off = operator.post("feeds/connections/c001/disable", {"reason": "test"})
    assert (off.status, off.data["applied"]) == (200, True)
    assert str(members["c001"].link.state) == "DISABLED"
    assert operator.post("feeds/connections/c001/enable", {"reason": "test"}).data["enabled"]
    await_until(lambda: members["c001"].link.is_up)
    assert operator.post("feeds/connections/c001/reconnect", {"reason": "test"}).data["applied"]
    assert operator.post("feeds/connections/none/disable", {"reason": "test"}).code == 9007
    assert operator.post("feeds/connections/c001/disable", {}).code == 9008
    for path in ("feeds/connections", "feeds/status"):
        assert charlie.get(path).code == 9006
    assert charlie.post("feeds/connections/c001/disable", {"reason": "x"}).code == 9006


def test_a_simulated_feed_of_a_venue_without_connections_takes_the_shipped_list(site: Site) -> None:
    given = {"database": True, "front_addr": "", "config": None, "venue": "none-there", "feed": ""}
    assert len(Command().found(given).connections) == 86
    assert Command().found({**given, "feed": "ctp"}).connections == []
