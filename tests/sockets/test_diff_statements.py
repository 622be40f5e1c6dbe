"""Statements, passwords and transfers over DIFF, and who provides them (D-12)."""

from typing import Any

import pytest

from accounts.socket_login import Credential
from exchange_site.exceptions import ExchangeError
from marketdata.sockets.diff import hooks
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import Loop, Person


def test_a_statement_comes_as_a_message_and_in_the_tree(
    loop: Loop, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "statement", lambda venue, account_id, day: f"{account_id} {day}")

    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            client.send("qry_settlement_info", trading_day=20261120)
            await client.run(lambda: "his_settlements" in client.branch(alice.user.username))
            [answer] = [frame for frame in client.frames if frame["aid"] == "qry_settlement_info"]
            assert answer["settlement_info"] == f"{alice.account_id} 20261120"
            assert (answer["trading_day"], answer["user_name"]) == (20261120, alice.user.username)

    loop.run(story())


def test_without_a_provider_the_answer_is_a_code(
    loop: Loop, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("statement", "transfer", "banks"):
        monkeypatch.setattr(hooks, name, None)

    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            client.send("qry_settlement_info", trading_day=20261120)
            client.send("req_transfer", amount=5, bank_id="x", currency="CNY")
            await client.run(lambda: len([one for one in client.notices() if one["level"] == "ERROR"]) == 2)
            assert {one.get("error_code") for one in client.notices()} == {None, 9005}

    loop.run(story())


def test_banks_and_transfers_go_to_whoever_provides_them(
    loop: Loop, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def transfer(venue: str, who: Credential, account_id: str, wanted: dict[str, Any]) -> None:
        asked.append((who.username, account_id, wanted["amount"]))
        if wanted["bank_password"] != "right":
            raise ExchangeError(9001)

    monkeypatch.setattr(hooks, "banks", lambda *_: [{"id": "DEMO", "name": "演示银行"}])
    monkeypatch.setattr(hooks, "transfer", transfer)

    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            await client.run(lambda: client.branch(alice.user.username)["banks"])
            transfer_of = {"bank_id": "DEMO", "amount": "12.5", "currency": "CNY"}
            client.send("req_transfer", bank_password="right", **transfer_of)
            client.send("req_transfer", bank_password="wrong", **transfer_of)
            client.send("req_transfer", amount="nan", bank_id="DEMO")
            await client.run(lambda: client.notices(421) and len(client.notices(422)) == 2)
            assert asked[0] == (alice.user.username, alice.account_id, 125_000)
            client.send("qry_transfer_serial")
            client.send("qry_account_info")
            await client.run(lambda: client.branch(alice.user.username)["transfers"])

    loop.run(story())


def test_the_password_is_changed_and_the_sockets_end(loop: Loop, alice: Person) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            client.send("change_password", old_password="wrong", new_password="staple battery horse")
            await client.run(lambda: client.notices(351))
            client.send("change_password", old_password=PASSWORD, new_password="staple battery horse")
            await client.run(lambda: client.notices(326))
            await client.until(lambda: client.closed, 5)
        async with DiffClient() as again:
            assert await again.log_in(alice.user.username, "staple battery horse")

    loop.run(story())
