"""Connecting and logging in over DIFF (D-1 … D-11, W-2)."""

from marketdata.sockets.base import UNAUTHENTICATED
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import Loop, Person, Site


def test_a_connection_is_greeted_and_its_first_peek_answered_at_once(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            assert client.frames[0] == {"aid": "rtn_brokers", "brokers": [site.venue], "capabilities": {}}
            await client.run(lambda: "mdhis_more_data" in client.tree)
            assert client.frames[1] == {"aid": "rtn_data", "data": [{"mdhis_more_data": False}]}

    loop.run(story())


def test_a_log_in_brings_the_whole_branch_and_a_notify(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            branch = await client.log_in(alice.user.username, PASSWORD)
            assert branch["user_id"] == alice.user.username
            assert branch["session"]["trading_day"].isdigit()
            assert {"accounts", "positions", "orders", "trades", "banks", "transfers"} <= branch.keys()
            assert branch["accounts"]["CNY"]["balance"] == 1_000_000
            [notice] = client.notices(401)
            assert notice["content"] == "登录成功"
            assert notice["level"] == "INFO"

    loop.run(story())


def test_what_came_before_the_log_in_is_handled_after_it(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            client.peek()
            client.send("confirm_settlement")
            client.send("cancel_order", user_id=alice.user.username, order_id="nothing")
            await client.log_in(alice.user.username, PASSWORD)
            await client.run(lambda: client.notices(420))

    loop.run(story())


def test_a_wrong_password_gives_an_error_and_nothing_else(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            client.send("req_login", bid="x", user_name=alice.user.username, password="wrong")
            await client.run(lambda: client.notices())
            [notice] = client.notices()
            assert (notice["code"], notice["level"], notice["error_code"]) == (403, "ERROR", 9001)
            assert "trade" not in client.tree

    loop.run(story())


def test_a_token_stands_in_for_the_password(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            branch = await client.log_in(alice.user.username, alice.token)
            assert branch["accounts"]

    loop.run(story())


def test_charlie_cannot_log_in_to_alices_account(loop: Loop, alice: Person, charlie: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            for password in (PASSWORD + "x", charlie.token):
                client.send("req_login", bid="x", user_name=alice.account_id, password=password)
            await client.run(lambda: len(client.notices(403)) == 2)
            assert "trade" not in client.tree

    loop.run(story())


def test_several_accounts_log_in_on_one_socket(loop: Loop, site: Site, alice: Person, bob: Person) -> None:
    second = site.open_account(alice, 5_000)

    async def story() -> None:
        async with DiffClient() as client:
            assert (await client.log_in(alice.user.username, PASSWORD))["accounts"]["CNY"]["balance"] == 1e6
            assert (await client.log_in(second, PASSWORD))["accounts"]["CNY"]["balance"] == 5_000
            assert (await client.log_in(bob.user.username, PASSWORD))["accounts"]["CNY"]["balance"] == 1e6
            assert set(client.tree["trade"]) == {alice.user.username, second, bob.user.username}

    loop.run(story())


def test_an_unknown_message_gives_an_error_and_the_socket_stays(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            client.send("set_chart_data", anything=1)
            client.send_raw("{not json")
            client.send_raw("[]")
            client.send("subscribe_quote", ins_list=5)
            await client.run(lambda: len(client.notices()) == 4)
            assert all(notice["level"] == "ERROR" for notice in client.notices())
            client.send("ping")
            await client.until(lambda: {"aid": "pong"} in client.frames)

    loop.run(story())


def test_a_new_password_closes_every_socket_of_the_user(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            from asgiref.sync import sync_to_async

            alice.user.set_password("something else entirely")
            await sync_to_async(alice.user.save, thread_sensitive=False)()
            await client.until(lambda: client.closed, 5)
            assert client.closed == UNAUTHENTICATED

    loop.run(story())


def test_a_revoked_token_closes_the_sockets_that_used_it(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as by_token, DiffClient() as by_password:
            await by_token.log_in(alice.user.username, alice.token)
            await by_password.log_in(alice.user.username, PASSWORD)
            from asgiref.sync import sync_to_async

            from accounts.services import revoke_tokens

            await sync_to_async(revoke_tokens, thread_sensitive=False)(user=alice.user)
            await by_token.until(lambda: by_token.closed, 5)
            assert by_token.closed == UNAUTHENTICATED
            assert by_password.closed is None

    loop.run(story())
