"""A feed's ticks as quotes of the venue: of symbols that the venue itself does not list (M-1, M-2, M-4).

What the venue lists is quoted from its own matching, whatever a feed says of it. The views have
the form of the worker's, so that REST and sockets show them without knowing where they came from;
``source`` says it.
"""

import asyncio
import time
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import structlog
from django.db import DatabaseError

from exchange_site.streams import Keys
from marketdata.feeds.simulated import Listing
from marketdata.feeds.store import TickStore, pack
from marketdata.feeds.ticks import Tick
from trading.engine.messages import InstrumentStatus, Phase
from trading.engine.units import NS_PER_MS, SCALE
from trading.models import Instrument
from trading.quotes_writer import STREAM_LENGTH

ALL = "all"
TURN_S = 0.05
"""At most 20 quotes a second of one symbol."""
AT_ONCE = 50
"""Quotes in one turn: a thousand a second is what every web process decodes without noticing."""
LIFETIME_S = 86_400
LISTED_EVERY_S = 10.0
_encode = msgspec.msgpack.Encoder().encode
log = structlog.get_logger(__name__)


def matching(listings: Iterable[Listing], patterns: str) -> list[Listing]:
    """Those whose full symbol fits one of the patterns, which commas divide; `all` fits everything."""
    wanted = [each.strip() for each in patterns.split(",") if each.strip()]
    if ALL in wanted:
        return list(listings)
    return [item for item in listings if any(fnmatchcase(item.full, each) for each in wanted)]


def _units(price: float | None) -> int:
    return 0 if price is None else round(price * SCALE)


def view_of(tick: Tick, listing: Listing) -> dict[str, Any]:
    """A tick as a quote view: prices in 1/10 000 yuan, 0 = none; the mark is the last price."""
    last, settled = _units(tick.last_price), _units(tick.pre_settlement_price)
    return {
        "symbol": listing.full,
        "trading_day": int(tick.trading_day or 0),
        "time_ns": tick.timestamp * NS_PER_MS,
        "as_of_seq": 0,
        "phase": Phase.CONTINUOUS.name,
        "status": InstrumentStatus.TRADING.name,
        "last_price": last,
        "mark": last or settled,
        "open": _units(tick.open_price),
        "high": _units(tick.highest_price),
        "low": _units(tick.lowest_price),
        "average": _average(tick, listing.multiple),
        "volume": tick.volume,
        "turnover": _units(tick.turnover),
        "open_interest": int(tick.open_interest or 0),
        "upper_limit": _units(tick.upper_limit_price),
        "lower_limit": _units(tick.lower_limit_price),
        "pre_close": _units(tick.pre_close_price),
        "pre_settlement": settled,
        "pre_open_interest": int(tick.pre_open_interest or 0),
        "volume_multiple": listing.multiple,
        "price_tick": _units(listing.price_tick),
        "bids": _levels(tick, "bid"),
        "asks": _levels(tick, "ask"),
        "auction": None,
        "source": tick.source,
    }


def _average(tick: Tick, multiple: int) -> int:
    """Turnover ÷ lots ÷ multiple; what fronts send as average has the multiple in it, or has not."""
    if not tick.volume or not tick.turnover:
        return 0
    return _units(tick.turnover / tick.volume / multiple)


def _levels(tick: Tick, side: str) -> list[list[int]]:
    """[[price, lots, orders], …]; a feed does not say how many orders: 0."""
    found = []
    for number in range(1, 6):
        price = getattr(tick, f"{side}_price{number}")
        if price is not None:
            found.append([_units(price), getattr(tick, f"{side}_volume{number}"), 0])
    return found


def listed_symbols(venue: str) -> set[str]:
    """Full symbols of the venue's own instruments, those that ended too."""
    return set(Instrument.objects.filter(venue__code=venue).values_list("symbol", flat=True))


class VenueQuotes:
    """A sink of the engine that writes the newest of each symbol, never a queue of old ones."""

    def __init__(self, venue: str, listings: Iterable[Listing], store: TickStore) -> None:
        self.venue = venue
        self.keys = Keys(venue)
        self.store = store
        self.listings = {item.symbol: item for item in listings}
        self.own: set[str] | None = None
        """What the venue lists; nothing is written before it is known."""
        self.written = 0
        self._dirty: dict[str, Tick] = {}

    def brought(self) -> list[Listing]:
        """What the feed quotes at this venue."""
        own = self.own
        return [] if own is None else [item for item in self.listings.values() if item.full not in own]

    def take(self, ticks: list[Tick], stamps: list[int]) -> None:
        """Remember the newest."""
        own = self.own
        if own is None:
            return
        for tick in ticks:
            listing = self.listings.get(tick.instrument_id)
            if listing is not None and listing.full not in own:
                self._dirty[tick.instrument_id] = tick

    async def run(self) -> None:
        """Write what is due, and look now and then what the venue lists."""
        due = 0.0
        while True:
            if time.monotonic() >= due:
                await self._look()
                due = time.monotonic() + LISTED_EVERY_S
            self.flush()
            await asyncio.sleep(TURN_S)

    async def _look(self) -> None:
        from marketdata.fanout.threads import in_database_thread

        try:
            self.own = await in_database_thread(listed_symbols, self.venue)
        except DatabaseError as error:
            log.warning("listed_symbols_unknown", venue=self.venue, reason=str(error))

    def flush(self) -> None:
        """The symbols that waited longest first."""
        own = self.own or set()
        for symbol in list(self._dirty)[:AT_ONCE]:
            listing = self.listings[symbol]
            tick = self._dirty.pop(symbol)
            if listing.full not in own:
                self.store.write(self._packed(view_of(tick, listing)))
                self.written += 1

    def _packed(self, view: dict[str, Any]) -> bytes:
        data, symbol = _encode(view), view["symbol"].encode()
        key, stream = self.keys.quote(view["symbol"]).encode(), self.keys.quotes.encode()
        return pack(b"SET", key, data, b"EX", b"%d" % LIFETIME_S) + pack(
            b"XADD", stream, b"MAXLEN", b"~", b"%d" % STREAM_LENGTH, b"*", b"s", symbol, b"q", data
        )
