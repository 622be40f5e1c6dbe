"""Condition orders over DIFF: inserted, paused, resumed, cancelled, touched, listed (D-34, T-70)."""

from typing import Any

from exchange_site.admin_base import shanghai
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import COPPER, Loop, Person, Site, place
from trading.codec import to_number

EXCHANGE, _, INSTRUMENT = COPPER.symbol.partition(".")
MIDDLE, TICK = to_number(COPPER.middle), to_number(COPPER.price_tick)
WHERE = {"exchange_id": EXCHANGE, "instrument_id": INSTRUMENT}
ORDER = {**WHERE, "direction": "BUY", "offset": "OPEN", "volume": 1, "price_type": "LIMIT"}


def condition(ticks: int, relation: str = "GE", **changes: Any) -> dict[str, Any]:
    price = {"contingent_price": MIDDLE + ticks * TICK, "price_relation": relation}
    return {"contingent_type": "price", **WHERE, **price, **changes}


class Trader:
    """A logged-in client that places condition orders."""

    def __init__(self, client: DiffClient, person: Person) -> None:
        self.client, self.name = client, person.user.username

    def insert(self, order_id: str, *conditions: dict[str, Any], **changes: Any) -> None:
        orders = [{**ORDER, "limit_price": MIDDLE - 9 * TICK, **changes.pop("order", {})}]
        body = {"order_id": order_id, "condition_list": conditions, "order_list": orders}
        self.client.send("insert_condition_order", **{"user_id": self.name, **body, **changes})

    def change(self, what: str, order_id: str) -> None:
        self.client.send(f"{what}_condition_order", user_id=self.name, order_id=order_id)

    def seen(self, order_id: str) -> dict[str, Any]:
        """The condition order as it was pushed last."""
        pushed = [one for one in self.client.frames if one["aid"] == "rtn_condition_orders"]
        rows = [row for one in pushed for row in one["condition_orders"] if row["order_id"] == order_id]
        return rows[-1] if rows else {}

    async def until(self, order_id: str, status: str) -> dict[str, Any]:
        await self.client.run(lambda: self.seen(order_id).get("status") == status)
        return self.seen(order_id)

    async def told(self, code: int, count: int = 1) -> None:
        await self.client.run(lambda: len(self.client.notices(code)) >= count)


def test_a_condition_order_lives_sleeps_wakes_and_is_cancelled(site: Site, loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            trader = Trader(client, alice)
            trader.insert("c1", condition(50), condition(-50, "LE"))
            row = await trader.until("c1", "live")
            assert (row["conditions_logic_operator"], row["time_condition_type"]) == ("OR", "GFD")
            assert row["condition_list"][0] == {
                **condition(50), "contingent_time": 0, "contingent_price_range_left": 0,
                "contingent_price_range_right": 0, "break_even_price": 0, "break_even_direction": "",
                "price_source": "LAST", "is_touched": False,
            }  # fmt: skip
            assert row["order_list"][0]["limit_price"] == MIDDLE - 9 * TICK
            await trader.told(516)
            for what, status, code in (
                ("pause", "suspend", 531), ("resume", "live", 536), ("cancel", "cancel", 523),
            ):  # fmt: skip
                trader.change(what, "c1")
                assert (await trader.until("c1", status))["touched_time"] > 0
                await trader.told(code)
            for what, code in (("cancel", 521), ("pause", 528), ("resume", 535)):
                trader.change(what, "c1")
                await trader.told(code)
            trader.change("cancel", "none")
            await trader.told(519)
            today = int(shanghai(row["insert_date_time"] * 10**9)[:10].replace("-", ""))
            for day in (today, 20200102):
                client.send("qry_his_condition_order", user_id=trader.name, action_day=day)
            await client.run(lambda: len(history(client)) == 2)
            assert history(client) == {today: ["c1"], 20200102: []}
            client.send("qry_his_condition_order", user_id=trader.name, action_day=20269999)
            await trader.told(539)

    loop.run(story(), 90)


def history(client: DiffClient) -> dict[int, list[str]]:
    """Day → the ids that were told for it."""
    answers = [one for one in client.frames if one["aid"] == "rtn_his_condition_orders"]
    return {one["action_day"]: [row["order_id"] for row in one["his_condition_orders"]] for one in answers}


def test_a_trade_touches_it_and_a_new_log_in_is_shown_the_list(
    site: Site, loop: Loop, alice: Person, bob: Person
) -> None:
    dora = site.person("dora", 10**8)

    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            trader = Trader(client, alice)
            trader.insert("t1", condition(7))
            trader.insert("t2", condition(7, "L", contingent_type="trailing", contingent_price=500 * TICK))
            await trader.until("t1", "live")
            assert (await trader.until("t2", "live"))["condition_list"][0]["contingent_type"] == "trailing"
            place(site, bob, 1, price=8)
            place(site, dora, 0, price=8)
            row = await trader.until("t1", "touched")
            assert row["condition_list"][0]["is_touched"] is True
            placed = await client.order_until(trader.name, "t1_open_0", lambda order: True)
            assert placed["limit_price"] == MIDDLE - 9 * TICK
            trader.change("cancel", "t1")
            await trader.told(520)
            async with DiffClient() as second:
                await second.log_in(alice.user.username, PASSWORD)
                other = Trader(second, alice)
                await other.until("t1", "touched")
                await other.until("t2", "live")
            trader.change("cancel", "t2")
            await trader.until("t2", "cancel")

    loop.run(story(), 90)


def test_bad_ones_are_refused_with_the_numbers_clients_know(loop: Loop, alice: Person) -> None:
    bad: tuple[tuple[int, dict[str, Any], dict[str, Any]], ...] = (
        (501, condition(50, instrument_id="none"), {}),
        (502, {"contingent_type": "time", "contingent_time": 1}, {}),
        (503, condition(50, "UP"), {}),
        (503, condition(50, contingent_price=None), {}),
        (503, condition(50, contingent_type="moon"), {}),
        (505, {**WHERE, "contingent_type": "price_range", "contingent_price_range_left": 2,
               "contingent_price_range_right": 1}, {}),
        (506, {**WHERE, "contingent_type": "break_even", "break_even_price": 5}, {}),
        (507, condition(50), {"order": {"instrument_id": "none"}}),
        (508, condition(50), {"order": {"volume": 0}}),
        (508, condition(50), {"order": {"direction": "UP"}}),
        (509, condition(50), {"order": {"limit_price": None}}),
        (509, condition(50), {"order": {"limit_price": MIDDLE + TICK / 2}}),
        (510, condition(50), {"time_condition_type": "GTD", "GTD_date": 20200101}),
        (503, condition(50), {"conditions_logic_operator": "XOR"}),
    )  # fmt: skip

    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            trader = Trader(client, alice)
            for code, first, changes in bad:
                count = len(client.notices(code)) + 1
                trader.insert("bad", first, **changes)
                await trader.told(code, count)
            trader.insert("x", condition(50), user_id="charlie")
            await trader.told(515)
            client.send("cancel_condition_order", user_id="charlie", order_id="x")
            await trader.told(518)
            client.send("insert_condition_order", user_id=trader.name, condition_list="x")
            await client.run(
                lambda: any("insert_condition_order" in one["content"] for one in client.notices())
            )
            assert not trader.seen("bad") and all(
                one["level"] != "INFO" or one["code"] < 500 for one in client.notices()
            )

    loop.run(story(), 90)
