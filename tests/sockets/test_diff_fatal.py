"""What ends a TqSdk strategy when a server sends it, and what we send on a rich day instead.

Each of the tests is one row of the list of messages that TqSdk 3.10.4 does not survive: a
notify without a code, an order whose first difference lacks its state, a null where it reads.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import CONTRACTS, COPPER, Loop, Person, Site
from tests.sockets.test_diff_trade import MIDDLE, TICK, Desk, insert, new_id
from trading.commands import asend
from trading.engine.messages import Deposit

FOUR = ("pos_long_his", "pos_long_today", "pos_short_his", "pos_short_today")
CLEARED, UNKNOWN, WRONG = "PYSDK_quote_cleared", "PYSDK_quote_unknown", "PYSDK_api_wrong"
QUERY = 'query{multi_symbol_info(instrument_id:["%s"]){... on basic{instrument_id price_tick}}}'
Patches = list[dict[str, Any]]


@pytest.fixture(scope="module")
def day(loop: Loop, site: Site) -> tuple[Person, DiffClient]:
    """Somebody's day with everything in it, and the client that received it."""
    person = site.person("buyer")
    return person, loop.run(rich_day(site, person, site.person("seller")), 90)


@pytest.fixture(scope="module")
def patches(day: tuple[Person, DiffClient]) -> Patches:
    """Every patch of the day, in order."""
    return [patch for frame in day[1].frames for patch in frame.get("data", ())]


async def rich_day(site: Site, alice: Person, bob: Person) -> DiffClient:
    async with Desk(alice) as desk, Desk(bob) as seller:
        client = desk.client
        await ask_for_everything(client)
        await trade(desk, seller)
        await be_refused(desk)
        await asend(site.venue, Deposit(alice.account_id, 10_000_000, "fatal-rows"), origin="test", wait_s=10)
        await client.run(lambda: desk.branch["transfers"])
        client.send("req_login", bid="x", user_name=f" {alice.account_id} ", password=PASSWORD)
        await client.run(lambda: client.branch(alice.account_id).get("trade_more_data") is False)
        client.send("req_login", bid="x", user_name=alice.user.username, password="wrong")
        await client.run(lambda: client.notices(403))
        return client


async def ask_for_everything(client: DiffClient) -> None:
    client.send("subscribe_quote", ins_list=f"{COPPER.symbol},SHFE.xx9999")
    client.send("ins_query", query_id=CLEARED, query=QUERY % COPPER.symbol)
    await client.run(lambda: CLEARED in client.tree.get("symbols", {}))
    client.send("ins_query", query_id=CLEARED, query="")
    client.send("ins_query", query_id=UNKNOWN, query=QUERY % "SHFE.xx9999")
    client.send("ins_query", query_id=WRONG, query="query{nonsense{")
    await client.run(lambda: {UNKNOWN, WRONG} <= client.tree.get("symbols", {}).keys())
    chart = {"chart_id": "c", "ins_list": COPPER.symbol, "duration": 60 * 10**9, "view_width": 10}
    client.send("set_chart", **chart)
    client.send("set_chart", **chart | {"ins_list": ""})
    await client.run(lambda: client.tree.get("charts") == {})


async def trade(desk: Desk, seller: Desk) -> None:
    """In parts, cancelled, and closed again."""
    bought = desk.insert(new_id(), volume=3)
    await desk.order(bought, status="ALIVE")
    await seller.order(seller.insert(new_id(), "SELL", volume=2), status="FINISHED")
    await desk.order(bought, volume_left=1)
    desk.client.send("cancel_order", user_id=desk.name, order_id=bought)
    await desk.order(bought, status="FINISHED")
    closing = desk.insert(new_id(), "SELL", offset="CLOSETODAY")
    await desk.order(closing, status="ALIVE")
    await seller.order(seller.insert(new_id(), offset="CLOSETODAY"), status="FINISHED")
    await desk.order(closing, status="FINISHED")


async def be_refused(desk: Desk) -> None:
    """By the core, by the web process, by the reader of messages; and a cancel of nothing."""
    orders = [
        desk.insert(new_id(), limit_price=2 * MIDDLE),
        desk.insert(new_id(), volume=0),
        desk.insert(new_id(), direction="HOLD"),
        desk.insert(new_id(), limit_price="ten"),
        desk.insert(new_id(), instrument_id="xx9999"),
        desk.insert(new_id(), offset="CLOSE", instrument_id=CONTRACTS[1].symbol.partition(".")[2]),
    ]
    for order_id in orders:
        await desk.order(order_id, status="FINISHED")
    insert(desk.client, "somebody", new_id(), limit_price=MIDDLE - TICK)
    desk.client.send("cancel_order", user_id=desk.name, order_id="nothing")
    await desk.client.run(lambda: desk.client.notices(408) and desk.client.notices(420))


def objects(patches: Patches, kind: str) -> Iterator[tuple[str, str, Any]]:
    """(branch, id, object) of one map of the trade branches, as often as they were sent."""
    for patch in patches:
        for name, branch in patch.get("trade", {}).items():
            for key, value in (branch or {}).get(kind, {}).items():
                yield name, key, value


def first_of_each(patches: Patches, kind: str) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, key, value in objects(patches, kind):
        found.setdefault((name, key), value)
    assert found, f"the day had no {kind}"
    return list(found.values())


def test_every_notify_has_its_four_members_and_is_never_taken_back(patches: Patches) -> None:
    notices = [(key, one) for patch in patches for key, one in patch.get("notify", {}).items()]
    assert {one["code"] for _, one in notices} >= {401, 403, 406, 408, 417, 419, 420}
    for _, one in notices:
        assert {"type", "level", "code", "content"} <= one.keys()
        assert isinstance(one["code"], int)
        assert one["code"] != 2019112902
        assert one["level"] in ("INFO", "WARNING", "ERROR")
    assert len({key for key, _ in notices}) == len(notices), "an id came twice"


def test_the_branch_has_exactly_the_stripped_name_of_the_log_in(
    patches: Patches, day: tuple[Person, DiffClient]
) -> None:
    names = {name for patch in patches for name in patch.get("trade", {})}
    assert names == {day[0].user.username, day[0].account_id}


def test_an_orders_first_difference_has_its_status_and_number(patches: Patches) -> None:
    for order in first_of_each(patches, "orders"):
        assert order["status"] in ("ALIVE", "FINISHED")
        assert isinstance(order["exchange_order_id"], str)
        assert {"volume_left", "volume_orign", "last_msg", "limit_price"} <= order.keys()


def test_a_position_never_comes_with_some_of_its_four_sides(patches: Patches) -> None:
    for position in first_of_each(patches, "positions"):
        assert all(isinstance(position[side], int) for side in FOUR)


def test_a_trade_has_its_order_price_and_volume_and_stays(patches: Patches) -> None:
    for _, _, trade in objects(patches, "trades"):
        assert trade is not None
        assert trade["order_id"]
        assert isinstance(trade["price"], int | float)
        assert isinstance(trade["volume"], int)


@pytest.mark.parametrize("kind", ["orders", "trades", "positions", "accounts", "transfers"])
def test_no_object_of_the_trade_branch_and_no_field_of_one_is_null(patches: Patches, kind: str) -> None:
    assert first_of_each(patches, kind)
    for _, _, found in objects(patches, kind):
        assert found is not None
        assert None not in found.values()


def test_no_query_but_a_wrong_one_is_answered_with_an_error(patches: Patches) -> None:
    answers = [(name, one) for patch in patches for name, one in patch.get("symbols", {}).items()]
    assert {name for name, _ in answers} == {CLEARED, UNKNOWN, WRONG}
    assert {name for name, one in answers if one is not None and one.get("error")} == {WRONG}
    unknown = next(one for name, one in answers if name == UNKNOWN)
    assert unknown["result"]["multi_symbol_info"] == []
    assert unknown["query"] == QUERY % "SHFE.xx9999"


def test_no_branch_and_no_map_of_one_is_null(patches: Patches) -> None:
    branches = [branch for patch in patches for branch in patch.get("trade", {"": {}}).values()]
    assert None not in branches
    assert not [name for branch in branches for name, value in branch.items() if value is None]


def test_only_what_clients_delete_is_null(patches: Patches) -> None:
    """Charts and queries are dropped with null; quotes, bars and everything traded never are."""

    def nulls(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        if value is None:
            yield path
        for name, each in value.items() if isinstance(value, dict) else ():
            yield from nulls(each, (*path, name))

    assert {path[0] for patch in patches for path in nulls(patch)} <= {"charts", "symbols"}


def test_two_peeks_before_an_answer_are_one_and_no_answer_is_empty(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            for _ in range(5):
                client.peek()
            await client.until(lambda: client.tree)
            await asyncio.sleep(0)
            client.send("subscribe_quote", ins_list=COPPER.symbol)
            await client.run(lambda: COPPER.symbol in client.tree.get("quotes", {}))
            answers = [frame for frame in client.frames if frame["aid"] == "rtn_data"]
            assert all(frame["data"] and all(frame["data"]) for frame in answers)

    loop.run(story())
