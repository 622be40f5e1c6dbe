"""What a hostile client may send: nothing of it reaches anybody else (W-1, R-3)."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketdata.sockets import seats
from marketdata.sockets.base import TOO_MANY_BYTES, TOO_MANY_MESSAGES
from marketdata.sockets.diff import messages
from marketdata.sockets.registry import SOCKETS_PER_USER
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import COPPER, Loop, Person, Site

AIDS = sorted(messages.KNOWN)
_names = st.sampled_from(
    ["user_id", "order_id", "ins_list", "query", "query_id", "chart_id", "duration", "view_width", "volume",
     "limit_price", "direction", "instrument_id", "user_name", "password", "variables", "amount"]
)  # fmt: skip
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_messages = st.builds(
    lambda aid, members: json.dumps({**members, "aid": aid}),
    st.sampled_from(AIDS),
    st.dictionaries(_names, _values, max_size=6),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames=st.lists(_messages | st.text(max_size=60), max_size=8))
def test_no_frame_ends_a_socket(loop: Loop, site: Site, frames: list[str]) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            for frame in frames:
                client.send_raw(frame)
            client.send("ping")
            await client.run(lambda: {"aid": "pong"} in client.frames)
            assert client.closed is None

    loop.run(story())


def test_a_flood_is_refused_and_then_closed(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            client.peek()
            for _ in range(1_200):
                client.send("confirm_settlement")
            await client.until(lambda: client.closed, 20)
            assert client.closed == TOO_MANY_MESSAGES

    loop.run(story())


def test_megabytes_are_refused_and_then_closed(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            text = json.dumps({"aid": "subscribe_quote", "ins_list": "x" * 400_000})
            for _ in range(260):
                client.send_raw(text)
            await client.until(lambda: client.closed, 20)
            assert client.closed == TOO_MANY_BYTES

    loop.run(story())


def test_a_storm_of_peeks_is_one_peek(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            for _ in range(5_000):
                client.peek()
            client.send("ping")
            await client.until(lambda: {"aid": "pong"} in client.frames)
            assert client.closed is None
            assert [frame["aid"] for frame in client.frames].count("rtn_data") == 1

    loop.run(story())


@pytest.mark.parametrize(
    "changes",
    [
        {"view_width": 10**12},
        {"view_width": 0},
        {"duration": -1},
        {"duration": 29 * 86_400 * 10**9},
        {"duration": 1},
        {"ins_list": "SHFE.nothing"},
        {"ins_list": ",".join(f"S.{number}" for number in range(500))},
        {"chart_id": "x" * 10_000},
        {"left_kline_id": 10**30},
    ],
)
def test_absurd_charts_get_an_error(loop: Loop, site: Site, changes: dict[str, Any]) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            chart = {"chart_id": "c", "ins_list": COPPER.symbol, "duration": 60 * 10**9, "view_width": 10}
            client.send("set_chart", **chart | changes)
            await client.run(lambda: [one for one in client.notices() if one["level"] == "ERROR"])
            assert "klines" not in client.tree

    loop.run(story())


DEEP = "{multi_symbol_info{... on basic{" + "derivatives{edges{node{... on basic{" * 20
DEEP += "instrument_id" + "}}}}" * 20 + "}}}"


@pytest.mark.parametrize("query", ["{", "{nothing}", "x" * 300_000, DEEP, "mutation{x}", "{__schema{x}}"])
def test_absurd_queries_get_an_error(loop: Loop, site: Site, query: str) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            client.send("ins_query", query_id="q", query=query, variables={})
            await client.run(
                lambda: client.tree.get("symbols", {}).get("q", {}).get("error") or client.notices()
            )

    loop.run(story())


def test_one_user_has_so_many_sockets_and_no_more(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        clients = [await DiffClient().__aenter__() for _ in range(SOCKETS_PER_USER)]
        for client in clients:
            await client.log_in(alice.user.username, PASSWORD)
        async with DiffClient() as late:
            late.send("req_login", bid="x", user_name=alice.user.username, password=PASSWORD)
            await late.run(lambda: late.notices(403))
            assert late.notices(403)[0]["error_code"] == 9004
        await clients.pop().__aexit__()
        async with DiffClient() as again:
            await again.log_in(alice.user.username, PASSWORD)
        await asyncio.gather(*(client.__aexit__() for client in clients))

    loop.run(story(), 60)


def test_sockets_of_other_web_processes_count_too(loop: Loop, alice: Person) -> None:
    """The seats that another process took in the cache, until it gives them back."""

    async def story() -> None:
        others = [f"elsewhere:{number}" for number in range(SOCKETS_PER_USER - 1)]
        for seat in others:
            assert await seats.take(alice.user_id, seat, SOCKETS_PER_USER)
        async with DiffClient() as client, DiffClient() as late:
            await client.log_in(alice.user.username, PASSWORD)
            late.send("req_login", bid="x", user_name=alice.user.username, password=PASSWORD)
            await late.run(lambda: late.notices(403))
            assert late.notices(403)[0]["error_code"] == 9004
            for seat in others:
                await seats.leave(alice.user_id, seat)
            await late.log_in(alice.user.username, PASSWORD)

    loop.run(story(), 60)


def test_five_wrong_passwords_lock_the_name_for_every_way_in(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            for number in range(5):
                client.send("req_login", bid="x", user_name=alice.user.username, password=f"wrong{number}")
            await client.run(lambda: len(client.notices(403)) == 5)
            client.send("req_login", bid="x", user_name=alice.user.username, password=PASSWORD)
            await client.run(lambda: len(client.notices(403)) == 6)
            assert {one["error_code"] for one in client.notices(403)} == {9001, 9004}
            assert "trade" not in client.tree

    loop.run(story())


def test_an_order_of_wrong_types_ends_visibly(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            name = alice.user.username
            await client.log_in(name, PASSWORD)
            client.send(
                "insert_order", user_id=name, order_id="odd", instrument_id=7, volume=[1], direction={}
            )
            order = await client.order_until(name, "odd", lambda order: True)
            assert (order["status"], order["exchange_order_id"]) == ("FINISHED", "")

    loop.run(story())
