"""What a web process keeps in memory: events by account, quotes by symbol, images of accounts."""

import asyncio
from typing import Any

import pytest

from exchange_site.exceptions import ExchangeError
from marketdata.fanout.accounts import LiveImage
from marketdata.fanout.hub import fanout
from marketdata.fanout.image import AccountImage, Change
from tests.sockets.conftest import COPPER, Loop, Person, Site, order, place
from trading import commands, selectors
from trading.engine.figures import account_figures
from trading.representations import funds_row


class Watcher:
    """Keeps what it is told and lets a test wait for it."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.told = asyncio.Event()
        self.image: LiveImage | None = None

    def on_account(self, image: AccountImage, change: Change) -> None:
        self.changes.append(change)
        self.told.set()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(15):
            while not condition():
                self.told.clear()
                await self.told.wait()


async def watch(person: Person) -> tuple[Watcher, LiveImage]:
    watcher = Watcher()
    hub = await fanout()
    return watcher, await hub.accounts.open(person.account_id, watcher)


async def unwatch(watcher: Watcher, image: LiveImage) -> None:
    (await fanout()).accounts.close(image, watcher)


def test_an_image_opened_behind_the_projector_holds_every_event(
    loop: Loop, site: Site, alice: Person
) -> None:
    async def story() -> None:
        outcome = await commands.asend(site.venue, order(alice, 0, -3), user_id=alice.user_id, wait_s=10)
        watcher, image = await watch(alice)  # perhaps before the tables have it
        await watcher.until(lambda: image.seq >= outcome.last_seq)
        assert [state.is_alive for state in image.orders.values()] == [True]
        assert image.funds.frozen_margin > 0
        await unwatch(watcher, image)

    loop.run(story())


def test_a_fill_comes_as_one_change_with_order_trade_position_and_account(
    loop: Loop, site: Site, alice: Person, bob: Person
) -> None:
    async def story() -> None:
        watcher, image = await watch(alice)
        send = commands.asend
        await send(site.venue, order(alice, 0, 0, 2, order_id="fill1"), user_id=alice.user_id, wait_s=10)
        await send(site.venue, order(bob, 1, 0, 2), user_id=bob.user_id, wait_s=10)
        await watcher.until(lambda: any(change.trades for change in watcher.changes))
        change = next(change for change in watcher.changes if change.trades)
        assert change.orders == {"fill1"}
        assert change.positions == {COPPER.symbol}
        assert change.account
        assert image.positions[COPPER.symbol].long_today == 2
        await unwatch(watcher, image)

    loop.run(story())


def test_the_figures_are_those_of_the_tables(loop: Loop, site: Site, alice: Person, bob: Person) -> None:
    async def story() -> Any:
        watcher, image = await watch(alice)
        for person, direction in ((bob, 1), (alice, 0)):
            await commands.asend(
                site.venue, order(person, direction, 0, 3), user_id=person.user_id, wait_s=10
            )
        await watcher.until(lambda: image.positions)
        funds, positions, marks = image.funds, list(image.positions.values()), image.marks()
        await unwatch(watcher, image)
        return funds, positions, marks

    funds, positions, marks = loop.run(story())
    site.settle_tables()
    account = selectors.account_for(site.venue, alice.account_id, alice.user_id)
    assert funds_row(account) == funds
    assert selectors.open_positions(site.venue, [alice.account_id])[alice.account_id] == positions
    shown = selectors.figures_of(site.venue, [account])[alice.account_id]
    assert shown == account_figures(funds, positions, marks)


def test_an_account_that_is_not_there_has_no_image(loop: Loop, charlie: Person) -> None:
    async def story() -> None:
        hub = await fanout()
        with pytest.raises(ExchangeError) as caught:
            await hub.accounts.open("ACC_nobody", Watcher())
        assert caught.value.code == 1006
        assert len(hub.accounts) == 0

    loop.run(story())


def test_quotes_come_with_their_instruments_and_change_with_orders(
    loop: Loop, site: Site, alice: Person
) -> None:
    class Follower:
        def __init__(self) -> None:
            self.woken = asyncio.Event()

        def on_quote(self, state: Any) -> None:
            self.woken.set()

        def wake(self) -> None:
            pass

    async def story() -> None:
        hub = await fanout()
        follower = Follower()
        state = hub.quotes.follow(COPPER.symbol, follower)
        assert state is not None
        assert state.fields["price_tick"] == COPPER.price_tick / 10_000
        version = state.version
        await commands.asend(site.venue, order(alice, 0, -7, 9), user_id=alice.user_id, wait_s=10)
        async with asyncio.timeout(15):
            await follower.woken.wait()
        assert state.changed_since(version)["datetime"]
        assert state.fragment(version) is state.fragment(version), "encoded once for all"
        assert state.changed_since(state.version) == {}
        hub.quotes.leave(COPPER.symbol, follower)

    loop.run(story())


def test_nobody_hears_of_accounts_they_do_not_follow(
    loop: Loop, site: Site, alice: Person, bob: Person
) -> None:
    async def story() -> None:
        watcher, image = await watch(bob)
        await commands.asend(site.venue, order(alice, 0, -9), user_id=alice.user_id, wait_s=10)
        await commands.asend(site.venue, order(bob, 1, 9), user_id=bob.user_id, wait_s=10)
        await watcher.until(lambda: image.orders)
        rows = [state.row for state in image.orders.values()]
        assert {row.account_id for row in rows} == {bob.account_id}
        assert all(bob.account_id in str(event) for change in watcher.changes for event in change.events)
        await unwatch(watcher, image)

    loop.run(story())


def test_a_reader_that_was_cut_off_goes_on_where_it_was(loop: Loop, site: Site, alice: Person) -> None:
    outcome = place(site, alice, 0, -4)

    async def story() -> None:
        hub = await fanout()
        while hub.events.seq < outcome.last_seq:
            await asyncio.sleep(0.01)
        events = await hub.events.after(0, alice.account_id)
        assert [event[1] for event in events][-1] == "OrderAccepted"
        assert events == await hub.events.after(0, alice.account_id)
        assert await hub.events.after(hub.events.seq, alice.account_id) == []

    loop.run(story())
