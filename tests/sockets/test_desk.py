"""Sockets as the admin sees and closes them (O-6), and what they count (O-30)."""

import asyncio

from marketdata.sockets.figures import FIGURES
from monitoring import socket_services
from tests.api.conftest import PASSWORD
from tests.sockets.client import DiffClient
from tests.sockets.conftest import Loop, Person, Site
from tests.sockets.typed_client import TypedClient


def test_open_sockets_are_listed_with_their_user_and_closed_by_name(
    site: Site, alice: Person, bob: Person, loop: Loop
) -> None:
    async def work() -> None:
        async with TypedClient() as mine, TypedClient() as other:
            await mine.ask("auth", token=alice.token)
            await other.ask("auth", token=bob.token)
            rows, total = await asyncio.to_thread(socket_services.all_sockets, venue=site.venue)
            found = {row["users"][0]: row for row in rows if row["users"]}
            row = found[alice.user.username]
            assert total >= 2 and row["protocol"] == "typed"
            assert row["received"] >= 1 and row["sent"] >= 1 and row["behind_s"] == 0.0
            assert row["since_ms"] > 0 and row["dropped"] == 0

            close = socket_services.close_sockets
            closed = await asyncio.to_thread(close, venue=site.venue, username=alice.user.username)
            assert closed == 1
            other_id = found[bob.user.username]["socket_id"]
            assert await asyncio.to_thread(close, venue=site.venue, socket_id=other_id) == 1
            assert await asyncio.to_thread(close, venue=site.venue, socket_id="f" * 32) == 0

    loop.run(work())


def test_messages_and_differences_are_counted(site: Site, alice: Person, loop: Loop) -> None:
    async def work() -> None:
        traffic = FIGURES.traffic["diff"]
        before = (traffic.received, traffic.sent, traffic.bytes_sent, FIGURES.differences)
        async with DiffClient() as client:
            await client.log_in(alice.user.username, PASSWORD)
            after = (traffic.received, traffic.sent, traffic.bytes_sent, FIGURES.differences)
            assert all(new > old for new, old in zip(after, before, strict=True))
            samples = {(name, labels.get("part")): value for name, labels, value in FIGURES.samples()}
            assert samples["exchange_sockets", "diff"] >= 1

    loop.run(work())
