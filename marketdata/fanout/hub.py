"""The one `Fanout` of a web process: feeds, catalogue, images and sockets of its venue (A-10)."""

import asyncio
from typing import Any, Protocol

from django.conf import settings

from exchange_site.ipc import Bus
from exchange_site.metrics.meter import METER
from marketdata.fanout.accounts import AccountImages
from marketdata.fanout.catalogue import Catalogue
from marketdata.fanout.catalogue_rows import static_fields
from marketdata.fanout.events import EventFeed
from marketdata.fanout.pace import Pace
from marketdata.fanout.queries import Queries
from marketdata.fanout.quotes import QuoteFeed
from marketdata.fanout.resolver import Resolver
from marketdata.fanout.snapshots import Snapshots
from marketdata.series import Series, SeriesHub
from marketdata.sockets.desk import join_bus
from marketdata.sockets.registry import Registry
from trading.selectors import current_venue


class ListingListener(Protocol):
    """Who waits for instruments; called on the event loop, must neither raise nor wait."""

    def on_listings(self) -> None:
        """Instruments came or went."""


class Fanout:
    """What the sockets of one event loop share: ``events``, ``quotes``, ``catalogue``, ``accounts``,
    ``registry`` (who is signed in)."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.events = EventFeed(venue)
        self.quotes = QuoteFeed(venue)
        self.catalogue = Catalogue(venue, self.events)
        self.accounts = AccountImages(venue, self.events, self.quotes)
        self.series = SeriesHub(venue)
        self.queries = Queries(self.catalogue)
        self.snapshots = Snapshots(self.catalogue, self.quotes)
        self.waiting: dict[ListingListener, None] = {}
        """Who has asked for a symbol that is not listed yet."""
        self.statements = asyncio.Semaphore(1)  # one at a time: a settlement tells everybody at once
        self.resolver = Resolver(venue)
        self.registry = Registry()
        self._bus: Bus | None = None
        self.pace = Pace(settings.ENV.EXCHANGE_MARKET_INTERVAL_MS / 1_000)
        self._feed: asyncio.Task[None] | None = None
        self._returning: set[asyncio.Task[None]] = set()
        self.catalogue.on_change(self._spread_listings)

    async def start(self) -> None:
        """Open the feeds and read instruments and quotes."""
        await self.events.start()
        METER.read_from(self.events.samples)
        self._bus = join_bus(self.venue)
        await self.quotes.start()
        await self.catalogue.load()
        await self.quotes.load(self.catalogue.listings)
        self.pace.start()
        self._feed = asyncio.create_task(self.catalogue.follow_feed(), name="feed-listings")

    async def stop(self) -> None:
        """Close everything; for tests."""
        if self._bus is not None:
            await asyncio.to_thread(self._bus.stop)
        self.pace.stop()
        self.snapshots.stop()
        if self._feed is not None:
            self._feed.cancel()
            await asyncio.gather(self._feed, return_exceptions=True)
        await asyncio.gather(*self._returning)
        await self.series.shutdown()
        await self.resolver.stop()
        await self.registry.stop()
        await self.catalogue.stop()
        await self.events.stop()
        await self.quotes.stop()

    def give_back(self, series: Series) -> None:
        """Close a series from where nothing can be awaited."""
        task = asyncio.create_task(self.series.close(series))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    def _spread_listings(self) -> None:
        for symbol, row in self.catalogue.listings.items():
            self.quotes.set_static(symbol, static_fields(row))
        for listener in tuple(self.waiting):
            listener.on_listings()


_fanouts: dict[tuple[Any, str], "asyncio.Task[Fanout]"] = {}


async def fanout() -> Fanout:
    """The process's started fan-out; begun by the first who asks, anew after a failure."""
    key = (asyncio.get_running_loop(), current_venue())
    task = _fanouts.get(key)
    if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
        task = _fanouts[key] = asyncio.create_task(_begin(key[1]), name="fanout")
    return await asyncio.shield(task)


async def _begin(venue: str) -> Fanout:
    made = Fanout(venue)
    try:
        await made.start()
    except BaseException:
        await made.stop()
        raise
    return made


async def end_fanout() -> None:
    """Stop this loop's fan-outs; for tests."""
    loop = asyncio.get_running_loop()
    for key in [key for key in _fanouts if key[0] is loop]:
        task = _fanouts.pop(key)
        await (await task).stop()
