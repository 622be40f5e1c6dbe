"""The instruments of the venue as DIFF knows them: quote fields and query nodes (D-22, D-23).

Read from the tables off the event loop at start and again when an event says that
instruments, rates or sessions changed.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

import redis
from django.db import DatabaseError

from marketdata.fanout.catalogue_rows import Listing, Timetable, brought_rows, read_catalogue
from marketdata.fanout.events import Event, EventFeed
from marketdata.fanout.threads import in_database_thread

_DEBOUNCE_S = 0.3
_RETRY_S = 1.0
_FEED_EVERY_S = 3.0
_CHANGES = frozenset(
    {
        "InstrumentChanged",
        "ProductChanged",
        "RatesChanged",
        "SessionsSet",
        "SettlementFinished",
        "VenueCreated",
    }
)
_log = logging.getLogger(__name__)


class Contents(NamedTuple):
    """One reading: instruments by symbol, timetables by template, trading day."""

    listings: dict[str, Listing]
    timetables: dict[str, Timetable]
    trading_day: int
    brought: frozenset[str] = frozenset()
    """Symbols that a feed alone brings: quoted here, and not to be traded."""


class Catalogue:
    """Instruments by symbol, main-contract and index series included."""

    def __init__(self, venue: str, events: EventFeed) -> None:
        self._venue = venue
        self._events = events
        self._wanted_seq = 0
        self._task: asyncio.Task[None] | None = None
        self._told: list[Callable[[], None]] = []
        self._brought: dict[str, Listing] = {}
        self.contents = Contents({}, {}, 0)
        events.on_venue_event(self._on_event)
        events.on_gap(self._ask)

    @property
    def listings(self) -> dict[str, Listing]:
        return self.contents.listings

    def get(self, symbol: str) -> Listing | None:
        """An instrument by its full symbol."""
        return self.contents.listings.get(symbol)

    def symbol_of(self, text: str) -> str:
        """The full symbol of a full or unambiguous bare id; the text itself for any other."""
        if "." in text:
            return text
        found = [symbol for symbol in self.contents.listings if symbol.partition(".")[2] == text]
        return found[0] if len(found) == 1 else text

    def on_change(self, told: Callable[[], None]) -> None:
        """Call after every new reading, for ever."""
        self._told.append(told)

    async def load(self) -> None:
        """Read the tables now."""
        own, tables, day = await in_database_thread(read_catalogue, self._venue)
        brought = {symbol: row for symbol, row in self._brought.items() if symbol not in own}
        self.contents = Contents({**own, **brought}, tables, day, frozenset(brought))
        for told in self._told:
            told()

    async def follow_feed(self) -> None:
        """For ever: what a feed quotes here besides the venue's own."""
        while True:
            try:
                found = await asyncio.to_thread(brought_rows, self._venue)
            except (redis.RedisError, OSError) as error:
                _log.warning("what the feed brings cannot be read: %s", error)
            else:
                if found != self._brought:
                    self._brought = found
                    self._ask()
            await asyncio.sleep(_FEED_EVERY_S)

    def _on_event(self, event: Event) -> None:
        if event[1] in _CHANGES:
            self._wanted_seq = event[0]
            self._ask()

    def _ask(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._load_soon(), name="catalogue")

    async def _load_soon(self) -> None:
        """Read again when the tables hold the change; one reading for many changes."""
        from trading.selectors import wait_for_projector

        while True:
            await asyncio.sleep(_DEBOUNCE_S)
            wanted = self._wanted_seq
            try:
                behind = await in_database_thread(wait_for_projector, self._venue, wanted)
                await self.load()
            except (DatabaseError, redis.RedisError, OSError) as error:
                _log.warning("instruments cannot be read: %s", error)
                await asyncio.sleep(_RETRY_S)
                continue
            if not behind and wanted == self._wanted_seq:
                return

    async def stop(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def of_product(self, product_key: str) -> Iterable[Listing]:
        """The contracts of `EXCHANGE.product`."""
        return (row for row in self.contents.listings.values() if row.product_key == product_key)
