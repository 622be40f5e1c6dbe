"""The gateway in the web process: `/md` and `/md/health` (G-20, G-23).

A symbol has one source: what the venue lists comes from its own quotes, everything else
from the feed process, through the cache. What this process wants of the feed stands in a
key that lapses when it dies.
"""

import asyncio
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

import msgspec
import redis
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from rest_framework.exceptions import AuthenticationFailed

from accounts import venue_settings
from accounts.authentication import caller_of
from accounts.models import TokenScope
from exchange_site.streams import async_cache_client
from marketdata.fanout.hub import Fanout, fanout
from marketdata.fanout.quotes import QuoteState
from marketdata.fanout.threads import in_database_thread
from marketdata.feeds.store import (
    FeedKeys,
    decode_tick,
    decode_ticks,
    feed_listings,
    feed_status,
    tell_wants,
)
from marketdata.feeds.ticks import bare_symbol
from marketdata.gateway.hub import Catalogue, Hub
from marketdata.gateway.service import DataSession
from marketdata.gateway.session import Authenticate, Session
from marketdata.gateway.views import tick_of
from marketdata.sockets.base import OVERLOAD, RESTART, Closed, Socket
from trading.selectors import current_venue

WANT_EVERY_S = 10.0
STATUS_EVERY_S = 1.0
NAMES_EVERY_S = 5.0
MAX_HELD = 32
"""Messages kept for a reader that is behind; who sends more without reading is let go."""
MAX_TOKEN = 128
_BLOCK_MS = 2_000
_PAUSE_S = 0.5
_log = logging.getLogger(__name__)


class WebUpstream:
    """Follows the venue's quotes, and tells the feed what else is wanted."""

    def __init__(self, site: "WebGateway") -> None:
        self.site = site
        self.counts: Counter[str] = Counter()
        self.changed = asyncio.Event()

    def want(self, party: str, symbols: Iterable[str]) -> None:
        """Each session counts a symbol once: the hub tells only of new followers."""
        for symbol in symbols:
            full = self.site.listed.get(symbol)
            if full is not None:
                self.site.follow(full)
                continue
            self.counts[symbol] = 1
            self.changed.set()

    def drop(self, party: str, symbols: Iterable[str]) -> None:
        for symbol in symbols:
            if symbol in self.counts and not self.site.hub.is_followed(symbol):
                del self.counts[symbol]
                self.changed.set()


class WebGateway:
    """One hub of a web process, over the fan-out and the feed's stream."""

    def __init__(self, venue: str, fan: Fanout) -> None:
        self.venue = venue
        self.fan = fan
        self.keys = FeedKeys(venue)
        self.listed: dict[str, str] = {}
        self._brought: list[str] = []
        self.upstream = WebUpstream(self)
        self.hub = Hub(self.upstream, None)
        self._names: tuple[int, int, int] | None = None
        self._name()
        self.status: dict[str, Any] | None = None
        self.hub.connected = lambda: self.status is not None
        self.hub.status = self._brief
        self._tasks = [asyncio.create_task(work) for work in (self._read(), self._tell(), self._look())]

    async def stop(self) -> None:
        """For tests."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _brief(self) -> dict[str, Any]:
        found = dict(self.status or {})
        found["connections"] = len(found.get("connections", []))
        return found

    # ------------------------------------------------------------ the venue's own

    def follow(self, full: str) -> None:
        """Show a listed symbol from now on, and its newest quote at once."""
        state = self.fan.quotes.follow(full, self)
        if state is not None and state.view is not None:
            self.on_quote(state)

    def on_quote(self, state: QuoteState) -> None:
        """A quote of the venue moved."""
        if state.view is not None:
            self.hub.publish([tick_of(state.view, state.symbol)], [time.monotonic_ns()])

    def wake(self) -> None:
        """Everything of one read was told."""

    # -------------------------------------------------------------------- the feed

    async def _read(self) -> None:
        client, cursor = async_cache_client(), "$"
        while True:
            try:
                answer = await client.xread({self.keys.stream: cursor}, count=50, block=_BLOCK_MS)
                for _, rows in answer or ():
                    cursor = rows[-1][0]
                    for _, fields in rows:
                        self._show(decode_ticks(fields[b"b"]))
            except (redis.RedisError, OSError, msgspec.MsgspecError) as error:
                _log.warning("feed of %s: %s; reading again", self.venue, error)
                await client.aclose()
                client, cursor = async_cache_client(), "$"
                await asyncio.sleep(_PAUSE_S)

    def _show(self, ticks: list[Any]) -> None:
        now = time.monotonic_ns()
        own = self.listed
        shown = [tick for tick in ticks if tick.instrument_id not in own]
        self.hub.publish(shown, [now] * len(shown))

    async def _tell(self) -> None:
        """Keep the list of wants alive; a change is told at once."""
        party, changed = f"web.{os.getpid()}", False
        while True:
            symbols = list(self.upstream.counts)
            self.upstream.changed.clear()
            try:
                if symbols or changed:
                    await asyncio.to_thread(tell_wants, self.venue, party, symbols, changed)
                    if changed:
                        await self._load(symbols)
            except (redis.RedisError, OSError) as error:
                _log.warning("wants of %s: %s", self.venue, error)
            try:
                await asyncio.wait_for(self.upstream.changed.wait(), WANT_EVERY_S)
                changed = True
            except TimeoutError:
                changed = False

    async def _load(self, symbols: list[str]) -> None:
        """The newest ticks of symbols nobody followed here before."""
        wanted = [symbol for symbol in symbols if symbol not in self.hub.shown]
        async with async_cache_client() as client:
            for start in range(0, len(wanted), 500):
                keys = [self.keys.tick(symbol) for symbol in wanted[start : start + 500]]
                self._show([decode_tick(data) for data in await client.mget(keys) if data])

    async def _look(self) -> None:
        """The feed's state, and the names it knows."""
        due = 0.0
        while True:
            try:
                self.status = await asyncio.to_thread(feed_status, self.venue)
                self.hub.set_waiting((self.status or {}).get("waiting_symbols", []))
                if time.monotonic() >= due:
                    await self.learn()
                    due = time.monotonic() + NAMES_EVERY_S
            except (redis.RedisError, OSError) as error:
                _log.warning("feed status of %s: %s", self.venue, error)
            await asyncio.sleep(STATUS_EVERY_S)

    async def learn(self) -> None:
        """What the feed can bring, besides what the venue lists."""
        listings = await asyncio.to_thread(feed_listings, self.venue)
        self._brought = [item.full for item in listings]
        self._name()

    def _name(self) -> None:
        """The catalogue of both, made anew when either changed."""
        contents = self.fan.catalogue.contents
        sizes = (len(contents.listings), len(contents.brought), len(self._brought))
        if sizes != self._names:
            self._names = sizes
            own = [symbol for symbol in contents.listings if symbol not in contents.brought]
            self.listed = {bare_symbol(symbol): symbol for symbol in own}
            brought = [name for name in self._brought if bare_symbol(name) not in self.listed]
            self.hub.learn(Catalogue([*own, *brought]))


_gateways: dict[tuple[Any, str], "asyncio.Task[WebGateway]"] = {}


async def gateway() -> WebGateway:
    """The process's gateway; begun by the first who asks, anew after a failure."""
    key = (asyncio.get_running_loop(), current_venue())
    task = _gateways.get(key)
    if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
        task = _gateways[key] = asyncio.create_task(_begin(key[1]), name="gateway")
    return await asyncio.shield(task)


async def _begin(venue: str) -> WebGateway:
    made = WebGateway(venue, await fanout())
    try:
        await made.learn()
    except (redis.RedisError, OSError) as error:
        _log.warning("names of the feed of %s: %s", venue, error)
    return made


async def end_gateways() -> None:
    """Stop this loop's gateways; for tests."""
    loop = asyncio.get_running_loop()
    for key in [key for key in _gateways if key[0] is loop]:
        await (await _gateways.pop(key)).stop()


class MdSocket(Socket):
    """`/md` of the web process."""

    protocol = "md"

    session: Session | None = None

    async def on_open(self) -> None:
        self._held: deque[str | bytes] = deque()
        try:
            site = await gateway()
            needs_token = await in_database_thread(venue_settings.value, site.venue, "md_needs_token")
        except (DatabaseError, redis.RedisError, OSError) as error:
            raise Closed(RESTART, "starting") from error
        self.session = self.make(site, _is_known if needs_token else None)
        self.session.greet()

    def make(self, site: WebGateway, authenticate: Authenticate | None) -> Session:
        return Session(site.hub, self, authenticate)

    def on_text(self, text: str | bytes) -> None:
        """A message; one that comes while answers wait for the reader waits too."""
        if self.session is None:
            return
        if self._held or not self.can_push:
            if len(self._held) >= MAX_HELD:
                raise Closed(OVERLOAD, "the reader does not read")
            self._held.append(text)
            return
        self.session.on_text(text)

    def on_resume(self) -> None:
        if self.session is None:
            return
        self.session.on_resume()
        while self._held and self.can_push:
            self.session.on_text(self._held.popleft())

    def on_close(self) -> None:
        if self.session is not None:
            self.session.end()
            self.session = None


async def _is_known(token: str) -> bool:
    """Is it a token of a user of this site, with the right to read?"""
    try:
        caller = await in_database_thread(caller_of, token[:MAX_TOKEN])
    except AuthenticationFailed:
        return False
    return caller.token.allows(TokenScope.READ.value)


def md_health(request: HttpRequest) -> JsonResponse:
    """The gateway's health in the shape of G-23; 503 when a feed runs and no link is up."""
    began = time.monotonic()
    try:
        status = feed_status(current_venue())
        is_there = True
    except redis.RedisError:
        status, is_there = None, False
    latency = round((time.monotonic() - began) * 1_000, 3)
    rows = (status or {}).get("connections", [])
    is_up = is_there and (not rows or any(row["state"] == "LOGGED_IN" for row in rows))
    body = {
        "status": "ok" if is_up else "failed",
        "timestamp": time.time_ns() // 1_000_000,
        "connections": [
            {
                "id": r["connection_id"], "status": r["state"], "quality": r["quality"],
                "subscriptions": r["symbols"],
            }
            for r in rows
        ],
        "websocket": {
            "active_sessions": (status or {}).get("sessions", 0),
            "total_messages": (status or {}).get("messages", 0),
        },
        "redis": {"connected": is_there, "latency": latency},
    }  # fmt: skip
    return JsonResponse(body, status=200 if is_up else 503)


class DataSocket(MdSocket):
    """`/ws/data` of the web process."""

    protocol = "data"

    def make(self, site: WebGateway, authenticate: Authenticate | None) -> Any:
        return DataSession(site.hub, self, authenticate)
