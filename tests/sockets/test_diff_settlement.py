"""A settlement under open sockets: the day's end, the new day, and days too large for one frame."""

import asyncio
import json
from typing import Any

from exchange_site.streams import Keys, async_cache_client
from marketdata.fanout.account_rows import FlowState, OrderState, TradeState
from marketdata.fanout.accounts import LiveImage
from marketdata.fanout.events import EventFeed
from marketdata.fanout.hub import fanout
from marketdata.fanout.image import Change
from marketdata.fanout.quotes import QuoteFeed
from marketdata.sockets.diff.branch import Branch
from marketdata.sockets.diff.socket import CHUNK
from settlement.services import begin_settlement
from tests.api.conftest import await_until
from tests.sockets.client import merge
from tests.sockets.conftest import CONTRACTS, COPPER, Loop, Person, Site
from tests.sockets.test_diff_trade import MIDDLE, TICK, Desk, new_id
from trading import selectors
from trading.codec import to_number
from trading.engine.messages import OrderRow, OrderStatus

SETTLED_AT = COPPER.middle + 3 * COPPER.price_tick


def settle(site: Site) -> int:
    """Settle the day three ticks above the middle; the day that follows."""
    day = selectors.trading_day(site.venue)
    begin_settlement(venue=site.venue, prices={contract.symbol: SETTLED_AT for contract in CONTRACTS})
    await_until(lambda: selectors.trading_day(site.venue) != day, 60)
    return selectors.trading_day(site.venue)


def test_an_open_socket_goes_through_the_settlement(
    loop: Loop, site: Site, alice: Person, bob: Person
) -> None:
    async def before() -> tuple[Desk, str, str]:
        desk = await Desk(alice).__aenter__()
        desk.client.send("subscribe_quote", ins_list=COPPER.symbol)
        async with Desk(bob) as seller:
            bought = desk.insert(new_id())
            await desk.order(bought, status="ALIVE")
            await seller.order(seller.insert(new_id(), "SELL"), status="FINISHED")
            await desk.order(bought, status="FINISHED")
        rests = desk.insert(new_id(), limit_price=MIDDLE - 5 * TICK)
        await desk.order(rests, status="ALIVE")
        return desk, bought, rests

    async def after(desk: Desk, bought: str, rests: str, day: int) -> None:
        ended = await desk.order(rests, status="FINISHED")
        assert (ended["volume_left"], bool(ended["exchange_order_id"])) == (2, True)
        assert ended["last_msg"].startswith("已撤单")
        await desk.client.run(lambda: desk.branch["session"]["trading_day"] == str(day))
        position = desk.branch["positions"][COPPER.symbol]
        await desk.client.run(lambda: position["pos_long_today"] == 0)
        assert (position["pos_long_his"], position["volume_long_his"], position["volume_long"]) == (2, 2, 2)
        assert position["position_price_long"] == to_number(SETTLED_AT)
        account = desk.branch["accounts"]["CNY"]
        assert (account["frozen_margin"], account["close_profit"], account["commission"]) == (0, 0, 0)
        assert account["pre_balance"] == account["static_balance"]
        quotes = desk.client.tree["quotes"]
        await desk.client.run(lambda: quotes[COPPER.symbol]["pre_settlement"] == to_number(SETTLED_AT))
        assert [trade["order_id"] for trade in desk.branch["trades"].values()] == [bought]
        await agrees_with_a_new_socket(desk)
        await shows_the_statement_until_it_is_confirmed(desk, day)
        await desk.__aexit__(None, None, None)

    async def agrees_with_a_new_socket(desk: Desk) -> None:
        async with Desk(alice) as again:
            assert again.branch["session"] == desk.branch["session"]
            await desk.client.run(
                lambda: (
                    again.branch["accounts"]["CNY"]["balance"] == desk.branch["accounts"]["CNY"]["balance"]
                )
            )
            assert again.branch["accounts"] == desk.branch["accounts"]
            assert again.branch["positions"] == desk.branch["positions"]
            assert again.branch["trades"] == {}

    async def shows_the_statement_until_it_is_confirmed(desk: Desk, day: int) -> None:
        client = desk.client
        [told] = await client.run(lambda: client.notices(325))
        assert (told["type"], told["level"]) == ("SETTLEMENT", "INFO")
        assert told["trading_day"] < day and desk.person.account_id in told["content"]
        async with Desk(alice) as again:
            await again.client.run(lambda: again.client.notices(325))
            again.client.send("confirm_settlement")
            key = f"{Keys(site.venue).prefix}settlements-confirmed"
            async with async_cache_client() as cache:
                while int(await cache.hget(key, alice.account_id) or 0) < told["trading_day"]:
                    await asyncio.sleep(0.02)
        async with Desk(alice) as third:
            hub = await fanout()
            async with hub.statements:  # whatever was asked for before is decided
                third.client.send("subscribe_quote", ins_list="")
            await third.client.run(lambda: third.client.tree.get("ins_list") == "")
            assert third.client.notices(325) == []

    desk, bought, rests = loop.run(before(), 60)
    day = settle(site)
    loop.run(after(desk, bought, rests, day), 60)


# ------------------------------------------------------------------------------ large days


def large_image(count: int) -> LiveImage:
    """An account with so many orders, fills and transfers in its day."""
    image = LiveImage("A1", "main", EventFeed("main"), QuoteFeed("main"))
    for number in range(count):
        row = OrderRow(
            number + 1, "A1", f"PYSDK_insert_{number:032d}", COPPER.symbol, 0, 0, 1, 0, COPPER.middle, 0, 0,
            0, 0, 0, "", 20_260_101, 1, number + 1, int(OrderStatus.FILLED), 0, 0, 0, 0,
        )  # fmt: skip
        image.orders[row.order_id] = OrderState(row)
        fill = TradeState(
            number, 20_260_101, COPPER.symbol, number, row.order_id, row.uid, number + 1, 0, 0,
            COPPER.middle, 1, 0, 0, True, 1,
        )  # fmt: skip
        image.trades[fill.trade_id] = fill
    image.flows["f"] = FlowState("f", 0, 10_000, 1)
    image.is_ready = True
    return image


def whole_branch(image: LiveImage) -> Branch:
    credential: Any = None
    branch = Branch("alice", credential, lambda *_: None)
    branch.image = image
    branch.mark_all()
    return branch


def test_a_large_day_goes_out_in_chunks_and_says_when_it_is_whole() -> None:
    image = large_image(2_500)
    branch = whole_branch(image)
    tree: dict[str, Any] = {}
    more = []
    while branch.is_dirty:
        chunk = branch.take(CHUNK)
        assert len(chunk) < CHUNK + 4_096
        patch = json.loads(b"{" + chunk + b"}")
        merge(tree, patch)
        more.append(tree["alice"]["trade_more_data"])
    assert len(more) > 4
    assert more == [True] * (len(more) - 1) + [False]
    assert len(tree["alice"]["orders"]) == len(tree["alice"]["trades"]) == 2_500


def test_what_changes_between_two_chunks_is_in_a_later_one() -> None:
    image = large_image(2_500)
    branch = whole_branch(image)
    first = json.loads(b"{" + branch.take(CHUNK) + b"}")["alice"]
    sent = next(iter(first["orders"]))
    image.orders[sent] = image.orders[sent]._replace(update_ns=2)
    branch.mark(Change(orders={sent}))
    rest: dict[str, Any] = {}
    while branch.is_dirty:
        merge(rest, json.loads(b"{" + branch.take(CHUNK) + b"}"))
    assert sent in rest["alice"]["orders"]
    assert rest["alice"]["trade_more_data"] is False


def test_a_slow_reader_still_hears_of_orders_that_ended_with_the_day() -> None:
    """The settlement has emptied the image before the socket's turn came."""
    image = large_image(2)
    branch = whole_branch(image)
    branch.take(CHUNK)
    old = next(iter(image.orders))
    image.former = image.former._replace(orders=image.orders, trades=image.trades)
    image.orders, image.trades = {}, {}
    branch.mark(Change(orders={old}))
    shown = json.loads(b"{" + branch.take(CHUNK) + b"}")["alice"]["orders"]
    assert list(shown) == [old]
