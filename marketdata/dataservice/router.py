"""Symbols to sources, and each symbol asked for once an interval whoever wants it (G-31, G-33)."""

import asyncio
import time
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import structlog

from marketdata.dataservice.config import Config, Rule
from marketdata.dataservice.extras import Qmt, Tdx, Yahoo
from marketdata.dataservice.sources import FeedSource, Mock, Replay, Source, SourceUnavailable, VenueSource
from marketdata.feeds.ticks import Tick
from marketdata.gateway.hub import Hub
from marketdata.recorded import SAMPLE

log = structlog.get_logger(__name__)


def make_source(name: str, config: Config, venue: str, party: str) -> Source:
    """The source of a name of `config.SOURCES`."""
    if name == "venue":
        return VenueSource(venue)
    if name == "ctp":
        return FeedSource(venue, party)
    if name == "replay":
        return Replay(Path(config.replay_file) if config.replay_file else SAMPLE, config.replay_speed)
    if name == "tdx":
        return Tdx(config.tdx_host, config.tdx_port)
    extras: dict[str, type[Source]] = {"mock": Mock, "yahoo": Yahoo, "qmt": Qmt}
    return extras[name]()


class Router:
    """A hub's upstream over sources; `run` asks until it is cancelled."""

    def __init__(self, rules: list[Rule], sources: dict[str, Source], interval_s: float) -> None:
        self.rules, self.sources, self.interval_s = rules, sources, interval_s
        self.hub = Hub(self)
        self.outages: dict[str, str] = {}
        self.asked = 0
        """Symbols asked of sources so far."""
        self._wanted: dict[str, set[str]] = {name: set() for name in sources}
        self._changed = {name: asyncio.Event() for name in sources}

    def source_of(self, symbol: str) -> Source | None:
        """By the first rule that matches."""
        for rule in self.rules:
            if fnmatchcase(symbol, rule.match):
                return self.sources[rule.source]
        return None

    def want(self, party: str, symbols: Iterable[str]) -> None:
        for symbol in symbols:
            source = self.source_of(symbol)
            if source is not None and symbol not in self._wanted[source.name]:
                self._wanted[source.name].add(symbol)
                self._changed[source.name].set()

    def drop(self, party: str, symbols: Iterable[str]) -> None:
        for symbol in symbols:
            source = self.source_of(symbol)
            if source is not None and not self.hub.is_followed(symbol):
                self._wanted[source.name].discard(symbol)

    async def run(self) -> None:
        """Ask every source, each in its own time."""
        async with asyncio.TaskGroup() as group:
            for source in self.sources.values():
                group.create_task(self._ask(source))

    async def _ask(self, source: Source) -> None:
        changed = self._changed[source.name]
        while True:
            changed.clear()
            wanted = sorted(self._wanted[source.name])
            if wanted:
                await self._ask_once(source, wanted)
            try:
                await asyncio.wait_for(changed.wait(), self.interval_s if wanted else None)
            except TimeoutError:
                continue

    async def _ask_once(self, source: Source, wanted: list[str]) -> None:
        began = time.monotonic_ns()
        self.asked += len(wanted)
        try:
            ticks = await asyncio.to_thread(source.latest, wanted)
        except SourceUnavailable as error:
            if self.outages.get(source.name) != str(error):
                self.outages[source.name] = str(error)
                log.warning("source_away", source=source.name, reason=str(error))
                self._tell_outage(wanted, str(error))
            return
        self.outages.pop(source.name, None)
        fresh = [tick for tick in ticks if self._is_news(tick)]
        self.hub.publish(fresh, [began] * len(fresh))

    def _is_news(self, tick: Tick) -> bool:
        shown = self.hub.newest(tick.instrument_id)
        if shown is None:
            return True
        old = shown.tick
        return (old.last_price, old.volume, old.bid_price1, old.ask_price1, old.datetime) != (
            tick.last_price, tick.volume, tick.bid_price1, tick.ask_price1, tick.datetime,
        )  # fmt: skip

    def _tell_outage(self, wanted: list[str], reason: str) -> None:
        affected = set(wanted)
        for listener in list(self.hub.sessions):
            on_outage = getattr(listener, "on_outage", None)
            if on_outage is not None:
                on_outage(affected, reason)
