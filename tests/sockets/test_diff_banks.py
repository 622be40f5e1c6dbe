"""The demonstration bank over DIFF: banks shown, money moved, refusals told (D-12, T-100)."""

from accounts import bank_services as banks
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import Loop, Person, Site


def test_a_client_transfers_in_and_out_and_sees_both(site: Site, loop: Loop, alice: Person) -> None:
    banks.sign_demonstration(
        venue=site.venue, account_id=alice.account_id, password="bank-secret", balance=9_000
    )
    banks.change_fund_password(
        venue=site.venue, account_id=alice.account_id, user=alice.user, old=PASSWORD, new="fund-secret"
    )
    name = alice.user.username
    wanted = {"bank_id": "DEMO", "currency": "CNY", "future_account": alice.account_id}
    secrets = {"bank_password": "bank-secret", "future_password": "fund-secret"}

    async def story() -> None:
        async with DiffClient() as client:
            await client.log_in(name, PASSWORD)
            await client.run(lambda: client.branch(name)["banks"])
            assert client.branch(name)["banks"]["DEMO"]["name"] == "演示银行"
            client.send("req_transfer", amount=1000.5, **wanted, **secrets)
            await client.run(lambda: client.notices(421))
            client.send("req_transfer", amount=-200.25, **wanted, **secrets)
            moved = await client.run(
                lambda: len(client.branch(name)["transfers"]) == 3 and client.branch(name)["transfers"]
            )
            assert sorted(row["amount"] for row in moved.values()) == [-200.25, 1000.5, 1_000_000]
            assert {row["error_id"] for row in moved.values()} == {0}
            await client.run(lambda: client.branch(name)["accounts"]["CNY"]["balance"] == 1_000_800.25)
            for changes in ({"future_password": "wrong"}, {"bank_id": "NONE"}):
                client.send("req_transfer", amount=5, **{**wanted, **secrets, **changes})
            client.send("req_transfer", amount=9_000, **wanted, **secrets)
            await client.run(lambda: len(client.notices(422)) == 3)
            assert {one["error_code"] for one in client.notices(422)} == {9001, 9006, 9007}

    loop.run(story(), 60)
