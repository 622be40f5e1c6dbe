"""The typed socket: log-in, orders, own events, queries, refusals (W-1 … W-4, W-10)."""

import asyncio
import json
import uuid
from typing import Any

from django.test import Client

from accounts.models import AuthToken
from marketdata.sockets.typed import socket as typed
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import COPPER, Loop, Person, Site, place
from tests.sockets.typed_client import TypedClient
from trading.codec import to_number
from trading.engine.messages import Direction

MIDDLE = to_number(COPPER.middle)
TICK = to_number(COPPER.price_tick)


async def signed_in(client: TypedClient, person: Person) -> dict[str, Any]:
    answer = await client.ask("auth", token=person.token)
    assert answer["success"], answer
    return answer


def new_order(person: Person, **changes: Any) -> dict[str, Any]:
    return {
        "account_id": person.account_id, "order_id": f"W{uuid.uuid4().hex}", "instrument_id": COPPER.symbol,
        "direction": "BUY", "offset": "OPEN", "volume": 2, "price": MIDDLE,
    } | changes  # fmt: skip


# ------------------------------------------------------------------------- log-in


def test_token_and_password_sign_in_and_wrong_ones_do_not(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            wrong = await client.ask("auth", user_id=alice.user.username, password="no")
            assert (wrong["success"], wrong["error_code"]) == (False, 9001)
            refused = await client.ask("query_account")
            assert (refused["type"], refused["code"]) == ("error", 9002)
            answer = await client.ask("auth", user_id=alice.user.username, password=PASSWORD)
            assert answer["success"] and answer["account_ids"] == [alice.account_id]
            assert answer["user_id"] == alice.user.pk.hex
        async with TypedClient() as client:
            assert (await signed_in(client, alice))["user_name"] == alice.user.username
        async with TypedClient() as client:
            by_id = await client.ask("auth", user_id=alice.user.pk.hex, password=PASSWORD)
            assert by_id["success"]

    loop.run(work())


def test_a_pages_session_signs_in_from_our_own_origin_alone(site: Site, alice: Person, loop: Loop) -> None:
    browser = Client()
    browser.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    cookie = f"sessionid={browser.cookies['sessionid'].value}"

    async def work() -> None:
        own = {"cookie": cookie, "host": "x.test", "origin": "http://x.test"}
        async with TypedClient(own) as client:
            assert (await client.ask("auth"))["success"]
        for headers in ({**own, "origin": "http://evil.test"}, {"cookie": cookie, "host": "x.test"}):
            async with TypedClient(headers) as client:
                answer = await client.ask("auth")
                assert (answer["success"], answer["error_code"]) == (False, 9001)

    loop.run(work())


def test_a_revoked_token_ends_the_socket_within_a_second(site: Site, alice: Person, loop: Loop) -> None:
    token = alice.post("auth/tokens", {"name": "gone"}).data

    async def work() -> float:
        async with TypedClient() as client:
            assert (await client.ask("auth", token=token["token"]))["success"]
            began = asyncio.get_running_loop().time()
            await asyncio.to_thread(AuthToken.objects.filter(user=alice.user, name="gone").delete)
            assert await client.gone() == 4001
            return asyncio.get_running_loop().time() - began

    assert loop.run(work()) < 5  # 1 s on a machine that is not busy


def test_a_first_message_with_aid_is_answered_in_diff(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        client = DiffClient("/ws")
        client.send("ping")
        client._in._queue.appendleft({"type": "websocket.connect"})  # type: ignore[attr-defined]
        await client.until(lambda: any(one["aid"] == "pong" for one in client.frames))
        assert (await client.log_in(alice.user.username, PASSWORD))["accounts"]["CNY"]["balance"] > 0
        await client.__aexit__()

    loop.run(work())


# ------------------------------------------------------------------------- orders


def test_an_order_is_answered_told_and_traded(site: Site, alice: Person, charlie: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            await signed_in(client, alice)
            order = new_order(alice)
            answer = await client.ask("submit_order", **order)
            assert (answer["type"], answer["success"], answer["order_id"]) == (
                "order_response", True, order["order_id"],
            )  # fmt: skip
            status = await client.get(type="order_status", order_id=order["order_id"])
            assert (status["status"], status["filled_volume"], status["remaining_volume"]) == (
                "Submitted",
                0,
                2,
            )
            await asyncio.to_thread(place, site, charlie, Direction.SELL, volume=1)
            trade = await client.get(type="trade", order_id=order["order_id"])
            assert (trade["price"], trade["volume"], trade["direction"]) == (MIDDLE, 1, "BUY")
            partly = await client.get(type="order_status", status="PartiallyFilled")
            assert partly["remaining_volume"] == 1
            note = await client.get(type="notification", message_type="trade_executed")
            assert (note["priority"], note["channel"], note["user_id"]) == (1, "trade", alice.user.pk.hex)
            position = await client.get(type="position_update", instrument_id=COPPER.symbol)
            assert position["volume_long"] == 1
            account = await client.get(type="account_update", account_id=alice.account_id)
            assert account["margin"] > 0
            cancelled = await client.ask("cancel_order", order_id=order["order_id"])
            assert cancelled["success"] and cancelled["status"] == "Cancelled"
            again = await client.ask("cancel_order", order_id=order["order_id"])
            assert (again["success"], again["error_code"]) == (False, 3002)

    loop.run(work())


def test_refusals_have_codes_and_the_clients_language(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient({"accept-language": "zh-CN"}) as client:
            await signed_in(client, alice)
            for changes, code in (
                ({"price": MIDDLE + 0.1}, 1011),
                ({"volume": 0}, 1008),
                ({"direction": "UP"}, 1008),
                ({"instrument_id": "SHFE.xx9999"}, 1007),
                ({"volume": 10**9}, 1008),
                ({"price": "NaN"}, 1008),
            ):
                answer = await client.ask("submit_order", **new_order(alice, **changes))
                assert (answer["success"], answer["error_code"]) == (False, code), answer
            assert answer["error_message"].startswith("订单参数非法")

    loop.run(work())


def test_batches_answer_one_result_each(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            await signed_in(client, alice)
            low = MIDDLE - 30 * TICK
            orders = [
                new_order(alice, price=low),
                new_order(alice, price=low + 0.1),
                new_order(alice, price=low),
            ]
            answer = await client.ask("submit_orders", orders=orders)
            assert (answer["total"], answer["success_count"], answer["success"]) == (3, 2, False)
            ids = [orders[0]["order_id"], orders[2]["order_id"], "nobody-knows"]
            answer = await client.ask("cancel_orders", account_id=alice.account_id, order_ids=ids)
            assert [one["success"] for one in answer["results"]] == [True, True, False]

    loop.run(work())


def test_own_channels_narrow_what_is_told(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            await signed_in(client, alice)
            answer = await client.ask("subscribe", channels=["order"])
            assert answer["channels"] == ["order"]
            order = new_order(alice, price=MIDDLE - 40 * TICK)
            await client.ask("submit_order", **order)
            await client.ask("cancel_order", order_id=order["order_id"])
            await client.get(type="order_status", status="Cancelled", order_id=order["order_id"])
            await client.ask("query_account")
            kinds = {one["type"] for one in client.frames}
            assert not kinds & {"notification", "trade", "account_update", "position_update"}
            answer = await client.ask("unsubscribe", channels=["order"])
            assert answer["channels"] == []

    loop.run(work())


def test_queries_show_the_callers_own_things(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            await signed_in(client, alice)
            order = new_order(alice, price=MIDDLE - 50 * TICK)
            await client.ask("submit_order", **order)
            await client.get(type="order_status", order_id=order["order_id"])
            one = await client.ask("query_order", order_id=order["order_id"])
            assert (one["request_type"], one["data"]["status"]) == ("query_order", "Submitted")
            many = await client.ask("query_orders", status="Submitted")
            assert order["order_id"] in [row["order_id"] for row in many["data"]]
            account = await client.ask("query_account", account_id=alice.account_id)
            shown = (await asyncio.to_thread(alice.get, f"account/{alice.account_id}")).data
            assert account["data"][0]["balance"] == shown["balance"]
            assert account["data"][0]["frozen"] == shown["frozen"] > 0
            positions = await client.ask("query_position", instrument_id=COPPER.symbol)
            assert all(row["account_id"] == alice.account_id for row in positions["data"])

    loop.run(work())


# ------------------------------------------------------------------------ Charlie


def test_charlie_gets_nothing_of_alices_by_any_message(
    site: Site, alice: Person, charlie: Person, loop: Loop
) -> None:
    async def work() -> None:
        async with TypedClient() as owner, TypedClient() as stranger:
            await signed_in(owner, alice)
            await signed_in(stranger, charlie)
            order = new_order(alice, price=MIDDLE - 20 * TICK)
            await owner.ask("submit_order", **order)
            missing = f"ACC_{uuid.uuid4().hex}"
            for kind, members in (
                ("submit_order", new_order(charlie)),
                ("submit_orders", {"orders": [new_order(charlie)]}),
                ("cancel_order", {"order_id": order["order_id"]}),
                ("cancel_orders", {"order_ids": [order["order_id"]]}),
                ("query_order", {"order_id": order["order_id"]}),
                ("query_orders", {}),
                ("query_account", {}),
                ("query_position", {}),
            ):
                answers = []
                for account_id in (alice.account_id, missing):
                    given = json.loads(json.dumps(members))
                    for body in given.get("orders", [given]):
                        body["account_id"] = account_id
                    given["account_id"] = account_id if kind != "submit_orders" else None
                    if given["account_id"] is None:
                        del given["account_id"]
                    answer = await stranger.ask(kind, **given)
                    text = json.dumps(answer).replace(account_id, "").replace(answer["request_id"], "")
                    assert "1006" in text, (kind, answer)
                    answers.append(text)
                assert answers[0] == answers[1]
            assert (await stranger.ask("query_order", order_id=order["order_id"]))["code"] == 3001
            state = await owner.ask("query_order", order_id=order["order_id"])
            assert state["data"]["status"] == "Submitted"
            assert alice.account_id not in json.dumps(stranger.frames)

    loop.run(work())


def test_a_read_token_trades_nothing(site: Site, alice: Person, loop: Loop) -> None:
    given = {"name": f"read-{uuid.uuid4().hex[:8]}", "scopes": ["read"]}
    token = alice.post("auth/tokens", given).data["token"]

    async def work() -> None:
        async with TypedClient() as client:
            assert (await client.ask("auth", token=token))["success"]
            assert (await client.ask("submit_order", **new_order(alice)))["code"] == 9006
            assert (await client.ask("query_account"))["data"]

    loop.run(work())


# ------------------------------------------------------------------- hostile input

HOSTILE = (
    "", "{", "null", "[]", "1", '"x"', "{}", '{"type":1}', '{"type":null}', '{"type":"nobody"}',
    '{"type":"auth","token":1}', '{"type":"auth","user_id":"a\\u0000b","password":"x"}',
    '{"type":"auth","user_id":"x","password":"\\ud800"}', '{"type":"subscribe","channels":"ticker"}',
    '{"type":"subscribe","channels":["nothing"]}', '{"type":"subscribe","channels":[]}',
    '{"type":"subscribe","channels":["tick"],"instruments":["\\u0000"]}',
    '{"type":"subscribe","channels":["orderbook"],"instruments":["SHFE.cu2701"],"depth":7}',
    '{"type":"subscribe","channels":["kline"],"instruments":["SHFE.cu2701"],"periods":["x"]}',
    '{"type":"subscribe","channels":["snapshot"],"instruments":["SHFE.cu2701"],"interval_ms":1}',
    '{"type":"unsubscribe","channels":["nothing"]}', '{"type":"submit_orders","orders":[]}',
    '{"type":"submit_order","price":1e999}', '{"type":"submit_order","volume":true}',
    '{"type":"submit_order","volume":[1]}', '{"type":"cancel_order","order_id":{}}',
    '{"type":"query_orders","account_id":null}', "[" * 50_000, '{"a":' * 5_000, "é" * 1_000,
)  # fmt: skip


def test_hostile_messages_are_answered_and_nothing_else_happens(
    site: Site, alice: Person, loop: Loop
) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            client.send("ping")
            await client.get(type="pong")
            for signed in (False, True):
                if signed:
                    await signed_in(client, alice)
                for text in HOSTILE:
                    before = len(client.frames)
                    client.send_raw(text)
                    client.send_bytes(text.encode("utf-8", "surrogatepass") + b"\xff")
                    await client.until(lambda before=before: len(client.frames) >= before + 2)
                    for answer in client.frames[before : before + 2]:
                        is_failed = answer["type"] == "error" or answer.get("success") is False
                        assert is_failed, (text[:80], answer)
            assert client.closed is None
            assert (await client.ask("query_account"))["data"]

    loop.run(work(), 60)


def test_too_many_messages_are_refused_then_close_the_socket(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        async with TypedClient() as client:
            for _ in range(550):
                client.send("ping")
            await client.get(type="error", code=9004)
            assert client.closed is None
            for _ in range(1_200):
                client.send("ping")
            assert await client.gone() == 4008

    loop.run(work())


def test_a_silent_socket_is_told_to_the_users_others_and_then_closed(
    site: Site, alice: Person, loop: Loop, monkeypatch: Any
) -> None:
    monkeypatch.setattr(typed, "LOOK_S", 0.05)
    monkeypatch.setattr(typed, "STALE_S", 0.3)
    monkeypatch.setattr(typed, "SILENT_S", 2.0)

    async def work() -> None:
        async with TypedClient() as quiet, TypedClient() as other:
            await signed_in(quiet, alice)
            await signed_in(other, alice)

            async def speak() -> None:
                while quiet.closed is None:
                    other.send("ping")
                    await asyncio.sleep(0.1)

            speaking = asyncio.create_task(speak())
            note = await other.get(type="notification", message_type="system_notice")
            assert note["payload"]["notice"] == "stale"
            assert await quiet.gone() == 1008
            await speaking
            assert other.closed is None

    loop.run(work())


def test_who_says_nothing_is_let_go(site: Site, loop: Loop, monkeypatch: Any) -> None:
    from marketdata.sockets.typed import entry

    monkeypatch.setattr(entry, "LOGIN_S", 0.2)
    monkeypatch.setattr(typed, "LOGIN_S", 0.2)
    monkeypatch.setattr(typed, "LOOK_S", 0.05)

    async def work() -> None:
        async with TypedClient() as client:
            assert await client.gone() == 4001
        async with TypedClient() as client:
            client.send("ping")
            assert await client.gone() == 4001

    loop.run(work())
