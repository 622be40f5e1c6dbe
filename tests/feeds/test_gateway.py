"""The gateway's wire protocols over a socket of a stand-alone feed (G-20 … G-23)."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect

from tests.feeds.clients import Client, RunningFeed, options, talk
from tests.feeds.fronts import connections
from tests.log.conftest import await_until

LEVELS = [f"{side}_{what}{n}" for side in ("bid", "ask") for what in ("price", "volume") for n in range(1, 6)]
FLAT = [
    "instrument_id", "trading_day", "action_day", "update_time", "update_millisec", "last_price",
    "pre_settlement_price", "pre_close_price", "pre_open_interest", "open_price", "highest_price",
    "lowest_price", "volume", "turnover", "open_interest", "close_price", "settlement_price",
    "upper_limit_price", "lower_limit_price", "pre_delta", "curr_delta", "average_price", "timestamp",
    "datetime", *LEVELS,
]  # fmt: skip
QUOTE = [
    "datetime", "last_price", "highest", "lowest", "open", "close", "average", "volume", "amount",
    "open_interest", "settlement", "upper_limit", "lower_limit", "pre_open_interest", "pre_settlement",
    "pre_close", "timestamp", "instrument_id", *LEVELS,
]  # fmt: skip


@pytest.fixture(scope="module")
def feed() -> Iterator[RunningFeed]:
    running = RunningFeed(options())
    yield running
    running.stop()


def test_a_client_is_welcomed_at_both_paths(feed: RunningFeed) -> None:
    for path in ("/md", "/"):
        message = talk(feed, lambda client: client.read(), path)
        assert set(message) == {"type", "session_id", "ctp_connected", "timestamp"}
        assert message["type"] == "welcome"


def test_ticks_are_pushed_flat_in_the_client_s_own_spelling(feed: RunningFeed) -> None:
    async def scenario(client: Client) -> None:
        await client.send(action="subscribe", instruments=["SHFE.x00001", "x00002"])
        answer = await client.until(type="subscribe_response")
        assert (answer["action"], answer["status"], answer["subscribed_count"], answer["failed"]) == (
            "subscribe", "success", 2, [],
        )  # fmt: skip
        first = await client.until(type="market_data", instrument_id="SHFE.x00001")
        await client.until(type="market_data", instrument_id="x00002")
        assert set(FLAT) <= set(first)
        assert first["bid_price5"] is None and first["upper_limit_price"] == 5_400.0

    talk(feed, scenario)


def test_the_other_dialect_is_spoken_on_request(feed: RunningFeed) -> None:
    async def scenario(client: Client) -> None:
        await client.send(action="subscribe", instruments=["x00003"], dialect="data")
        message = await client.until(action="market_data")
        assert set(message) == {"action", "instrument_id", "data"}
        assert set(FLAT) <= set(message["data"])
        await client.send(dialect="flat")
        await client.until(type="market_data")

    talk(feed, scenario)


def test_unknown_instruments_are_named(feed: RunningFeed) -> None:
    async def scenario(client: Client) -> None:
        await client.send(action="subscribe", instruments=["x00001", "nothing"])
        answer = await client.until(type="subscribe_response")
        assert (answer["status"], answer["failed"], answer["subscribed_count"]) == ("partial", ["nothing"], 1)
        await client.send(action="subscribe", instruments=["nothing"])
        assert (await client.until(type="subscribe_response"))["status"] == "error"

    talk(feed, scenario)


def test_unsubscribed_instruments_stop(feed: RunningFeed) -> None:
    async def scenario(client: Client) -> None:
        await client.send(action="subscribe", instruments=["x00001", "x00002", "x00003"])
        await client.until(type="market_data")
        await client.send(action="unsubscribe", instruments=["SHFE.x00001", "x00009"])
        answer = await client.until(type="unsubscribe_response")
        assert (answer["unsubscribed_count"], answer["subscribed_count"]) == (1, 2)
        for _ in range(20):
            assert (await client.read())["instrument_id"] != "x00001"
        await client.send(action="unsubscribe")
        assert (await client.until(type="unsubscribe_response"))["subscribed_count"] == 0
        await client.send(action="ping")
        assert (await client.read())["type"] == "pong"

    talk(feed, scenario)


def test_instruments_are_listed_and_searched(feed: RunningFeed) -> None:
    async def scenario(client: Client) -> None:
        for action in ("list", "list_instruments"):
            await client.send(action=action)
            answer = await client.until(type="instrument_list", action=action)
            assert answer["total_count"] == len(answer["instruments"]) == 40
        for action in ("search", "search_instruments"):
            await client.send(action=action, pattern="X0001")
            answer = await client.until(type="search_result", action=action)
            assert (answer["match_count"], answer["pattern"]) == (10, "X0001")
            assert answer["instruments"][0] == "SHFE.x00010"
        await client.send(action="status")
        answer = await client.until(type="status")
        assert answer["ctp_connected"] is True and answer["feed"]["states"]["LOGGED_IN"] == 3

    talk(feed, scenario)


def test_the_aid_form_gives_the_whole_quote_and_then_what_changed(feed: RunningFeed) -> None:
    async def scenario(client: Client) -> None:
        await client.read()
        await client.send(aid="subscribe_quote", ins_list="SHFE.x00005,x00006")
        assert await client.read() == {"aid": "subscribe_quote", "status": "ok"}
        whole: dict[str, Any] = {}
        while len(whole) < 2:
            await client.send(aid="peek_message")
            answer = await client.until(aid="rtn_data")
            quotes, tail = answer["data"]
            assert tail == {"account_id": "", "ins_list": "SHFE.x00005,x00006", "mdhis_more_data": False}
            for name, fields in quotes["quotes"].items():
                if name not in whole:
                    assert set(fields) == set(QUOTE)
                    assert fields["bid_price5"] == "-"
                    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", fields["datetime"])
                whole[name] = {**whole.get(name, {}), **fields}
        await client.send(aid="peek_message")
        later = (await client.until(aid="rtn_data"))["data"][0]["quotes"]
        assert all(0 < len(fields) < 20 for fields in later.values())

    talk(feed, scenario)


def test_a_peek_stays_pending_until_there_is_data_and_an_empty_list_cancels(feed: RunningFeed) -> None:
    async def scenario(client: Client) -> None:
        await client.read()
        await client.send(aid="peek_message")
        await client.send(action="ping")
        assert (await client.read())["type"] == "pong"
        await client.send(aid="subscribe_quote", ins_list="x00007")
        answer = await client.until(aid="rtn_data")
        assert list(answer["data"][0]["quotes"]) == ["x00007"]
        await client.send(aid="subscribe_quote", ins_list="")
        await client.until(aid="subscribe_quote")
        await client.send(aid="peek_message")
        with pytest.raises(TimeoutError):
            await client.read(0.4)

    talk(feed, scenario)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", 9003), ("[]", 9003), ("{}", 9003), ('{"action": "fly"}', 9003), ('{"aid": 7}', 9003),
        ('{"action": "subscribe", "instruments": 7}', 9008),
        ('{"action": "subscribe", "instruments": [7]}', 9008),
        ('{"action": "subscribe", "instruments": [""]}', 9008),
        ('{"action": "search", "pattern": 7}', 9008),
        ('{"aid": "subscribe_quote", "ins_list": {}}', 9008),
        ("[" * 5_000, 9003),
    ],
)  # fmt: skip
def test_what_is_no_message_is_answered_with_an_error_and_the_socket_stays(
    feed: RunningFeed, text: str, code: int
) -> None:
    async def scenario(client: Client) -> None:
        await client.connection.send(text)
        answer = await client.until(type="error")
        assert (answer["code"], set(answer)) == (code, {"type", "code", "message", "timestamp"})
        await client.send(action="ping")
        await client.until(type="pong")

    talk(feed, scenario)


def test_health_has_the_gateway_s_shape_and_metrics_are_there(feed: RunningFeed) -> None:
    base = f"http://127.0.0.1:{feed.process.port}"
    with urlopen(f"{base}/health", timeout=5) as answer:
        report = json.load(answer)
    assert report["status"] == "ok"
    assert set(report["connections"][0]) == {"id", "status", "quality", "subscriptions"}
    assert set(report["websocket"]) == {"active_sessions", "total_messages"}
    assert set(report["redis"]) == {"connected", "latency"}
    with urlopen(f"{base}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert "exchange_feed_ticks_total{" in text and "exchange_feed_push_seconds_bucket" in text
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{base}/moon", timeout=5)


def test_permessage_deflate_is_offered(feed: RunningFeed) -> None:
    async def scenario() -> str:
        async with connect(feed.url, compression="deflate") as connection:
            assert connection.response is not None
            return str(connection.response.headers.get("Sec-WebSocket-Extensions", ""))

    assert "permessage-deflate" in asyncio.run(scenario())


def test_a_symbol_without_room_is_told_as_7001_and_comes_when_there_is_room() -> None:
    feed = RunningFeed(options(connections=connections(1, 3)))
    try:

        async def scenario(client: Client) -> None:
            await client.send(action="subscribe", instruments=[f"x{n:05d}" for n in range(4)])
            error = await client.until(type="error")
            assert error["code"] == 7001
            late = error["message"].split()[-1]
            others = [f"x{n:05d}" for n in range(4) if f"x{n:05d}" != late]
            feed.process.engine.pool.wanted.grace_s = 0.0
            await client.send(action="unsubscribe", instruments=others[:1])
            await client.until(type="market_data", instrument_id=late)

        talk(feed, scenario)
    finally:
        feed.stop()


def test_a_reader_that_does_not_read_gets_the_newest_state_when_it_reads_again() -> None:
    feed = RunningFeed(options(rate=4_000))
    try:

        async def scenario(client: Client) -> None:
            await client.send(action="subscribe", instruments=[f"x{n:05d}" for n in range(40)])
            await client.until(type="subscribe_response")
            transport = client.connection.transport
            transport.pause_reading()
            server = feed.process.server
            session = await asyncio.to_thread(
                await_until, lambda: next((s for s in server.clients.values() if s._behind), None)
            )
            assert len(session._behind) <= 40
            transport.resume_reading()
            while session._behind:
                await client.read()
            await client.until(type="market_data")

        talk(feed, scenario)
        await_until(lambda: not feed.process.hub.sessions)
    finally:
        feed.stop()


def test_a_client_that_leaves_wants_nothing_any_more() -> None:
    feed = RunningFeed(options())
    try:

        async def scenario(client: Client) -> None:
            await client.send(action="subscribe", instruments=["x00001"])
            await client.until(type="market_data")

        talk(feed, scenario)
        await_until(lambda: not len(feed.process.engine.pool.wanted))
        assert not feed.process.hub.sessions
    finally:
        feed.stop()
