"""The newest quote of every symbol, read once by each web process (A-10, M-3).

A symbol's state has a version that grows with every change. Who has seen version n asks for
`fragment(n)`: the changed fields since then, encoded once for all who ask the same (W-7).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec
import redis
from django.conf import settings

from exchange_site.looplink import LoopLink, fields_of
from exchange_site.streams import Keys, async_cache_client
from marketdata.fanout.quote_fields import quote_fields
from trading.quotes_writer import decode_quote

HISTORY = 128
"""Versions back to which differences are known; who is further behind gets the whole quote."""
_BLOCK_MS = 5_000
_READ_COUNT = 400
_LOAD_AT_ONCE = 200
_LONGEST_PAUSE_S = 1.0
_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
View = dict[str, Any]


class QuoteListener(Protocol):
    """Who follows symbols. Both are called on the event loop and must not raise or wait."""

    def on_quote(self, state: "QuoteState") -> None:
        """A symbol changed; several calls may come before `wake`."""

    def wake(self) -> None:
        """All that one read brought has been told; called once for each listener told of it."""


class QuoteState:
    """One symbol: ``view`` as the core wrote it (prices 1/10 000 yuan), ``fields`` as DIFF has it.

    ``static`` are the instrument's own fields, which change rarely. Version 0 is nothing.
    """

    __slots__ = ("_cache", "_history", "fields", "listeners", "static", "symbol", "version", "view")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.view: View | None = None
        self.static: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        self.version = 0
        self.listeners: dict[QuoteListener, None] = {}
        self._history: deque[tuple[int, frozenset[str]]] = deque(maxlen=HISTORY)
        self._cache: dict[int, bytes] = {}

    @property
    def mark(self) -> int:
        """The price positions are valued at, 1/10 000 yuan; 0 before the first view."""
        return 0 if self.view is None else int(self.view["mark"])

    def set_view(self, view: View) -> bool:
        """Take a newer view; did a field change?"""
        self.view = view
        return self._set(quote_fields(view))

    def set_static(self, static: dict[str, Any]) -> bool:
        """Take the instrument's own fields; did one change?"""
        self.static = static
        return self._set(static)

    def _set(self, values: dict[str, Any]) -> bool:
        fields = self.fields
        changed = frozenset(name for name, value in values.items() if fields.get(name) != value)
        if not changed:
            return False
        fields.update(values)
        self.version += 1
        self._history.append((self.version, changed))
        self._cache.clear()
        return True

    def changed_since(self, version: int) -> dict[str, Any]:
        """Fields that changed after a version; all of them for one too old, none for the newest."""
        history = self._history
        if version >= self.version:
            return {}
        if not version or not history or history[0][0] > version + 1:
            return self.fields
        names: set[str] = set()
        for number, changed in history:
            if number > version:
                names |= changed
        return {name: self.fields[name] for name in names}

    def fragment(self, version: int) -> bytes:
        """`"SYMBOL":{…}` of what changed after a version, as JSON; made once for each version."""
        found = self._cache.get(version)
        if found is None:
            found = b"%b:%b" % (_encode(self.symbol), _encode(self.changed_since(version)))
            self._cache[version] = found
        return found


class QuoteFeed:
    """One reader of the cache's quote stream for the whole process; `states` by symbol."""

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self.states: dict[str, QuoteState] = {}
        self.connected = False
        self._cursor = b""
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    # ------------------------------------------------------------- listening

    def state(self, symbol: str) -> QuoteState | None:
        """What is known of a symbol; None for one nobody quotes or lists."""
        return self.states.get(symbol)

    def view(self, symbol: str) -> View | None:
        """The newest quote view of a symbol."""
        state = self.states.get(symbol)
        return None if state is None else state.view

    def follow(self, symbol: str, listener: QuoteListener) -> QuoteState | None:
        """Tell a listener of every change; None for a symbol that is not known (yet)."""
        state = self.states.get(symbol)
        if state is not None:
            state.listeners[listener] = None
        return state

    def leave(self, symbol: str, listener: QuoteListener) -> None:
        """Stop telling; does no harm when it never followed."""
        state = self.states.get(symbol)
        if state is not None:
            state.listeners.pop(listener, None)

    def set_static(self, symbol: str, static: dict[str, Any]) -> None:
        """The instrument's own fields (from the catalogue); listeners are told of a change."""
        state = self._of(symbol)
        if state.set_static(static):
            _tell([state])

    def _of(self, symbol: str) -> QuoteState:
        state = self.states.get(symbol)
        if state is None:
            state = self.states[symbol] = QuoteState(symbol)
        return state

    # --------------------------------------------------------------- reading

    async def start(self) -> None:
        """Begin to read; returns when the cache's newest views are here, or it is away."""
        if self._task is None:
            self._task = asyncio.create_task(self._read_forever(), name="quote-feed")
        await self._ready.wait()

    async def stop(self) -> None:
        """End reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def load(self, symbols: Iterable[str]) -> None:
        """Read the newest views of symbols once, those without a view yet."""
        wanted = [symbol for symbol in symbols if self.view(symbol) is None]
        async with async_cache_client() as client:
            for start in range(0, len(wanted), _LOAD_AT_ONCE):
                part = wanted[start : start + _LOAD_AT_ONCE]
                found: Any = await client.mget([self.keys.quote(symbol) for symbol in part])
                self._take([(symbol, data) for symbol, data in zip(part, found, strict=True) if data])

    async def _read_forever(self) -> None:
        link = LoopLink(settings.CACHE_URL)
        try:
            await self._read_with(link)
        finally:
            link.close()

    async def _read_with(self, link: LoopLink) -> None:
        pause_s = 0.02
        while True:
            try:
                if not self._cursor:
                    self._cursor = await self._last_id()
                self.connected = True
                self._ready.set()
                await self._read(link)
                pause_s = 0.02
            except (redis.RedisError, OSError) as error:
                self.connected = False
                self._ready.set()
                _log.warning("quotes of %s: %s; reading again", self.keys.venue, error)
                link.close()
                self._cursor = b""  # a cache that was away may have begun anew
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _last_id(self) -> bytes:
        async with async_cache_client() as client:
            if not await client.exists(self.keys.quotes):
                return b"0-0"
            info = await client.xinfo_stream(self.keys.quotes)
            return bytes(info["last-generated-id"])

    async def _read(self, link: LoopLink) -> None:
        answer = await link.call(
            "XREAD", "COUNT", _READ_COUNT, "BLOCK", _BLOCK_MS, "STREAMS", self.keys.quotes, self._cursor
        )
        for _, rows in answer or ():
            self._cursor = rows[-1][0]
            newest = {}
            for _, flat in rows:
                fields = fields_of(flat)
                newest[fields[b"s"]] = fields[b"q"]
            self._take([(symbol.decode(), data) for symbol, data in newest.items()])

    def _take(self, rows: list[tuple[str, bytes]]) -> None:
        changed = []
        for symbol, data in rows:
            state = self._of(symbol)
            view = decode_quote(data)
            if not _is_older(view, state.view) and state.set_view(view):
                changed.append(state)
        _tell(changed)


def _is_older(view: View, known: View | None) -> bool:
    return known is not None and _age(view) < _age(known)


def _age(view: View) -> tuple[int, int]:
    return view.get("as_of_seq", 0), view["time_ns"]


def _tell(changed: list[QuoteState]) -> None:
    """Every listener of every state, then each listener once more."""
    told: dict[QuoteListener, None] = {}
    for state in changed:
        for listener in state.listeners:
            listener.on_quote(state)
            told[listener] = None
    for listener in told:
        try:
            listener.wake()
        except Exception:  # noqa: BLE001  one listener must not end the others
            _log.exception("a listener of quotes failed")
