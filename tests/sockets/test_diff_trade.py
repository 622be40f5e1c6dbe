"""Orders over DIFF: states, differences, texts and codes (D-3, D-30 … D-33)."""

import asyncio
import uuid
from typing import Any

import pytest
from django.conf import settings

from exchange_site.exceptions import ExchangeError
from marketdata.sockets.diff import orders as entry
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import COPPER, Loop, Person, Site
from trading import commands
from trading.codec import to_number
from trading.engine.messages import CancelAll

EXCHANGE, _, INSTRUMENT = COPPER.symbol.partition(".")
MIDDLE = to_number(COPPER.middle)
TICK = to_number(COPPER.price_tick)
REAL_SEND = commands.asend


def insert(client: DiffClient, user: str, order_id: str, direction: str = "BUY", **changes: Any) -> None:
    """A limit order as TqSdk sends it."""
    body: dict[str, Any] = {
        "user_id": user,
        "order_id": order_id,
        "exchange_id": EXCHANGE,
        "instrument_id": INSTRUMENT,
        "direction": direction,
        "offset": "OPEN",
        "volume": 2,
        "price_type": "LIMIT",
        "limit_price": MIDDLE,
        "time_condition": "GFD",
        "volume_condition": "ANY",
    }
    client.send("insert_order", **body | changes)


def new_id() -> str:
    return f"PYSDK_insert_{uuid.uuid4().hex}"


class Desk:
    """A logged-in client of somebody."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.name = person.user.username
        self.client = DiffClient()

    async def __aenter__(self) -> "Desk":
        await self.client.__aenter__()
        await self.client.log_in(self.name, PASSWORD)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Leave nothing in the book for the next test."""
        all_of = CancelAll(self.person.account_id)
        await REAL_SEND(settings.EXCHANGE_VENUE, all_of, user_id=self.person.user_id, wait_s=10)
        await self.client.__aexit__(*error)

    @property
    def branch(self) -> dict[str, Any]:
        return self.client.branch(self.name)

    def insert(self, order_id: str, direction: str = "BUY", **changes: Any) -> str:
        insert(self.client, self.name, order_id, direction, **changes)
        return order_id

    async def order(self, order_id: str, **wanted: Any) -> dict[str, Any]:
        """The order as soon as its fields are so."""
        return await self.client.order_until(
            self.name, order_id, lambda order: all(order[name] == value for name, value in wanted.items())
        )


def test_an_order_rests_and_is_cancelled(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with Desk(alice) as desk:
            order_id = desk.insert(new_id(), limit_price=MIDDLE - 5 * TICK)
            order = await desk.order(order_id, status="ALIVE")
            assert order["exchange_order_id"]
            assert (order["volume_left"], order["last_msg"]) == (2, "报单成功")
            assert desk.branch["accounts"]["CNY"]["frozen_margin"] > 0
            desk.client.send("cancel_order", user_id=desk.name, order_id=order_id)
            order = await desk.order(order_id, status="FINISHED")
            assert (order["volume_left"], order["last_msg"]) == (2, "已撤单")
            await desk.client.run(lambda: desk.client.notices(419))
            assert desk.client.notices(417)
            assert desk.branch["accounts"]["CNY"]["frozen_margin"] == 0

    loop.run(story())


def test_all_of_one_fill_goes_out_in_one_difference(loop: Loop, alice: Person, bob: Person) -> None:
    async def story() -> None:
        async with Desk(alice) as buyer, Desk(bob) as seller:
            bought = buyer.insert(new_id())
            await buyer.order(bought, status="ALIVE")
            sold = seller.insert(new_id(), "SELL", volume=1)
            await seller.order(sold, status="FINISHED")
            order = await buyer.order(bought, volume_left=1)
            assert order["status"] == "ALIVE"
            [trade] = buyer.branch["trades"].values()
            assert (trade["order_id"], trade["price"], trade["volume"]) == (bought, MIDDLE, 1)
            patches = [patch for frame in buyer.client.frames for patch in frame.get("data", ())]
            branches = [patch["trade"][buyer.name] for patch in patches if "trade" in patch]
            [found] = [one for one in branches if one.get("trades")]
            assert found["orders"][bought]["volume_left"] == 1
            assert found["positions"][COPPER.symbol]["pos_long_today"] == 1
            assert found["accounts"]["CNY"]["margin"] > 0
            [notice] = buyer.client.notices(406)
            assert notice["content"] == f"成交通知,合约:{COPPER.symbol},手数:1"

    loop.run(story())


REFUSED = [
    ({"volume": 0}, 411, 1008),
    ({"limit_price": MIDDLE + 0.5}, 412, 1011),
    ({"limit_price": 2 * MIDDLE}, 1010, 1010),
    ({"instrument_id": "xx9999"}, 409, 1007),
    ({"instrument_id": "KQ.m@SHFE.lt"}, 409, 1007),
    ({"offset": "CLOSE"}, 415, 2005),
    ({"offset": "CLOSETODAY"}, 414, 2005),
    ({"direction": "HOLD"}, 1008, 1008),
    ({"price_type": "STOP"}, 1008, 1008),
    ({"volume": 1.5}, 411, 1008),
    ({"offset": ""}, 1008, 1008),
    ({"volume": 900}, 1003, 1003),
]


@pytest.mark.parametrize(("changes", "code", "error_code"), REFUSED)
def test_a_refused_order_is_finished_with_its_reason(
    loop: Loop, charlie: Person, changes: dict[str, Any], code: int, error_code: int
) -> None:
    async def story() -> None:
        async with Desk(charlie) as desk:
            order_id = desk.insert(new_id(), **changes)
            order = await desk.order(order_id, status="FINISHED")
            assert order["exchange_order_id"] == ""
            assert order["volume_left"] == order["volume_orign"]
            assert order["last_msg"]
            await desk.client.run(lambda: desk.client.notices(code))
            [notice] = desk.client.notices(code)
            assert (notice["level"], notice["error_code"]) == ("WARNING", error_code)

    loop.run(story())


def test_names_are_read_in_any_case_and_full_symbols_stand_alone(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with Desk(alice) as desk:
            low = MIDDLE - 9 * TICK
            terms = {"exchange_id": "", "instrument_id": COPPER.symbol, "offset": "open"}
            first = desk.insert(new_id(), "buy", limit_price=low, **terms)
            assert (await desk.order(first, status="ALIVE"))["instrument_id"] == INSTRUMENT
            market = desk.insert(new_id(), price_type="Market", limit_price=None, time_condition="IOC")
            order = await desk.order(market, status="FINISHED")
            assert order["last_msg"] == "市价指令剩余撤销" or order["volume_left"] < 2

    loop.run(story())


def test_a_sub_user_is_kept_on_the_order_and_a_stranger_refused(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with Desk(alice) as desk:
            sub = f"{desk.name}.alpha"
            mine, other = new_id(), new_id()
            insert(desk.client, sub, mine, limit_price=MIDDLE - 6 * TICK)
            assert (await desk.order(mine, status="ALIVE"))["user_id"] == sub
            insert(desk.client, desk.name + "alpha", other)
            await desk.client.run(lambda: desk.client.notices(408))
            assert other not in desk.branch["orders"]
            desk.client.send("cancel_order", user_id="somebody", order_id=mine)
            await desk.client.run(lambda: desk.client.notices(418))
            desk.client.send("cancel_order", user_id=sub, order_id=mine)
            assert (await desk.order(mine, status="FINISHED"))["last_msg"] == "已撤单"

    loop.run(story())


def test_the_same_order_twice_is_one_and_another_under_its_id_refused(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with Desk(alice) as desk:
            order_id = desk.insert(new_id(), limit_price=MIDDLE - 7 * TICK)
            await desk.order(order_id, status="ALIVE")
            desk.insert(order_id, limit_price=MIDDLE - 7 * TICK)
            desk.insert(order_id, limit_price=MIDDLE - 8 * TICK)
            await desk.client.run(lambda: desk.client.notices(407))
            order = await desk.order(order_id, status="ALIVE")
            assert order["limit_price"] == MIDDLE - 7 * TICK
            assert len(desk.branch["orders"]) == 1

    loop.run(story())


def test_a_token_that_may_only_read_places_no_order(loop: Loop, alice: Person) -> None:
    from accounts.models import AuthToken

    async def story(token: str) -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, token)
            order_id = new_id()
            insert(client, alice.user.username, order_id)
            order = await client.order_until(alice.user.username, order_id, lambda order: True)
            assert order["status"] == "FINISHED"
            assert [notice["error_code"] for notice in client.notices(9006)] == [9006]

    _, token = AuthToken.objects.create(alice.user, None, name="reader", scopes=["read"])
    loop.run(story(token))


def test_an_order_the_log_refuses_is_finished(
    loop: Loop, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise ExchangeError(4001)

    async def story() -> None:
        async with Desk(alice) as desk:
            monkeypatch.setattr(entry.commands, "asend", refuse)
            order_id = desk.insert(new_id())
            order = await desk.order(order_id, status="FINISHED")
            assert order["last_msg"] == "撮合引擎未初始化"

    loop.run(story())


def test_an_order_without_a_verdict_is_shown_pending_and_then_as_the_core_says(
    loop: Loop, site: Site, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = commands.asend
    gate = asyncio.Event()

    async def lose(venue: str, command: Any, **options: Any) -> commands.Outcome:
        """The connection breaks with the order on its way; later the log is there again."""
        if type(command).__name__ == "PlaceOrder":
            await asyncio.sleep(0.05)
            return commands.Outcome(command_id="0" * 32)
        await gate.wait()
        return await real(venue, command, **options)

    async def story() -> None:
        async with Desk(alice) as desk:
            monkeypatch.setattr(commands, "asend", lose)
            order_id = desk.insert(new_id())
            order = await desk.order(order_id, status="ALIVE")
            assert (order["exchange_order_id"], order["last_msg"]) == ("", "待确认")
            gate.set()
            order = await desk.order(order_id, status="FINISHED")
            assert order["last_msg"] == "订单提交失败"
            assert (order["volume_left"], order["instrument_id"]) == (2, INSTRUMENT)
            monkeypatch.setattr(commands, "asend", real)
            late = desk.insert(order_id)
            assert (await desk.order(late, status="FINISHED"))["last_msg"] == "订单提交失败"

    loop.run(story())


def test_charlie_hears_nothing_of_alice(loop: Loop, alice: Person, charlie: Person) -> None:
    async def story() -> None:
        async with Desk(alice) as desk, Desk(charlie) as stranger:
            order_id = desk.insert(new_id(), limit_price=MIDDLE - 9 * TICK)
            await desk.order(order_id, status="ALIVE")
            insert(stranger.client, desk.name, new_id())
            stranger.client.send("cancel_order", user_id=stranger.name, order_id=order_id)
            await stranger.client.run(lambda: stranger.client.notices(420))
            assert (await desk.order(order_id, status="ALIVE"))["volume_left"] == 2
            seen = " ".join(stranger.client.raw)
            assert alice.account_id not in seen
            assert order_id not in seen

    loop.run(story())


def test_a_new_socket_gets_the_day_as_it_is(loop: Loop, alice: Person, bob: Person) -> None:
    async def story() -> None:
        async with Desk(alice) as buyer, Desk(bob) as seller:
            sold = seller.insert(new_id(), "SELL", volume=3)
            await seller.order(sold, status="ALIVE")
            bought = buyer.insert(new_id(), volume=3)
            await buyer.order(bought, status="FINISHED")
            await buyer.client.run(lambda: buyer.branch["positions"][COPPER.symbol]["volume_long"] == 3)
            async with Desk(alice) as again:
                for part in ("orders", "trades"):
                    assert again.branch[part] == buyer.branch[part]
                mine, known = (one.branch["positions"][COPPER.symbol] for one in (again, buyer))
                assert mine["open_cost_long"] == known["open_cost_long"]

    loop.run(story())


def test_no_null_and_no_number_as_text_leaves_the_server(loop: Loop, alice: Person, bob: Person) -> None:
    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            for each in value.values():
                yield from walk(each)
        else:
            yield value

    async def story() -> None:
        async with Desk(alice) as buyer, Desk(bob) as seller:
            buyer.client.send("subscribe_quote", ins_list=COPPER.symbol)
            await buyer.order(buyer.insert(new_id()), status="ALIVE")
            await seller.order(seller.insert(new_id(), "SELL"), status="FINISHED")
            await buyer.client.run(lambda: buyer.branch["trades"] and "ins_list" in buyer.client.tree)
            patches = [patch for frame in buyer.client.frames for patch in frame.get("data", ())]
            values = [value for patch in patches for value in walk(patch)]
            assert None not in values
            assert "NaN" not in " ".join(buyer.client.raw)
            position = buyer.branch["positions"][COPPER.symbol]
            texts = {name for name, value in position.items() if isinstance(value, str)}
            assert texts == {"user_id", "exchange_id", "instrument_id"}

    loop.run(story())
