"""Ticks of one process to its sessions: who wants what, what is newest (G-20, G-21)."""

import asyncio
import time
from bisect import insort
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from marketdata.feeds.ticks import Tick, bare_symbol
from marketdata.gateway.quotes import quote_of

NS_PER_MS = 1_000_000
_encode = msgspec.json.Encoder().encode


class Upstream(Protocol):
    """Where the hub says what its sessions want."""

    def want(self, party: str, symbols: Iterable[str]) -> None: ...

    def drop(self, party: str, symbols: Iterable[str]) -> None: ...


class Listener(Protocol):
    """A session."""

    def on_tick(self, shown: "Shown", spelling: str) -> None: ...

    def on_waiting(self, symbols: list[str]) -> None: ...

    def on_names(self) -> None: ...


class Shown:
    """One tick as it is sent: each form is made once, for all who get it."""

    __slots__ = ("_data", "_flat", "_quote", "stamp", "tick")

    def __init__(self, tick: Tick, stamp: int) -> None:
        self.tick = tick
        self.stamp = stamp
        self._flat: dict[str, bytes] = {}
        self._data: dict[str, bytes] = {}
        self._quote: dict[str, Any] | None = None

    def flat(self, spelling: str) -> bytes:
        """`{"type": "market_data", …}` with the client's own spelling."""
        found = self._flat.get(spelling)
        if found is None:
            found = self._flat[spelling] = _spelled(self.tick, spelling)
        return found

    def data(self, spelling: str) -> bytes:
        """`{"action": "market_data", "instrument_id": …, "data": {…}}`."""
        found = self._data.get(spelling)
        if found is None:
            found = self._data[spelling] = b'{"action":"market_data","instrument_id":%b,"data":%b}' % (
                _encode(spelling), self.flat(spelling),
            )  # fmt: skip
        return found

    @property
    def quote(self) -> dict[str, Any]:
        """The fields of the `aid` form."""
        if self._quote is None:
            self._quote = quote_of(self.tick)
        return self._quote


def _spelled(tick: Tick, spelling: str) -> bytes:
    name = tick.instrument_id
    if name == spelling:
        return _encode(tick)
    tick.instrument_id = spelling
    try:
        return _encode(tick)
    finally:
        tick.instrument_id = name


class Catalogue:
    """Instruments for `list` and `search`, in the order of their names."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = sorted(set(names))
        self._known = {bare_symbol(name) for name in self.names}

    def __contains__(self, symbol: str) -> bool:
        return bare_symbol(symbol) in self._known

    def __bool__(self) -> bool:
        return bool(self.names)

    def add(self, name: str) -> None:
        """An instrument that turned up."""
        if name not in self:
            self._known.add(bare_symbol(name))
            insort(self.names, name)

    def search(self, pattern: str) -> list[str]:
        """Names that contain the pattern, capitals or not."""
        wanted = pattern.lower()
        return [name for name in self.names if wanted in name.lower()]


class Hub:
    """Sessions by symbol; `publish` is a sink of the engine."""

    def __init__(self, upstream: Upstream, catalogue: Catalogue | None = None) -> None:
        self.upstream = upstream
        self.catalogue = catalogue or Catalogue()
        self.shown: dict[str, Shown] = {}
        self.sessions: set[Listener] = set()
        self.messages = 0
        self.connected: Callable[[], bool] = lambda: True
        self.status: Callable[[], dict[str, Any]] = dict
        self.on_sent: Callable[[int], None] | None = None
        """Told ns from the callback to after the write of each pushed tick; for measuring."""
        self._stamps: list[int] = []
        self._followers: dict[str, dict[Listener, str]] = {}
        self.waiting: set[str] = set()
        """Symbols that no connection has room for."""

    # ---------------------------------------------------------------- sessions

    def follow(self, listener: Listener, party: str, spellings: Iterable[str]) -> None:
        """A session wants symbols under these spellings; it gets what is newest at once."""
        fresh = []
        for spelling in spellings:
            symbol = bare_symbol(spelling)
            self._followers.setdefault(symbol, {})[listener] = spelling
            fresh.append(symbol)
        self.upstream.want(party, fresh)

    def leave(self, listener: Listener, party: str, symbols: Iterable[str]) -> None:
        """It no longer wants them."""
        gone = []
        for symbol in map(bare_symbol, symbols):
            followers = self._followers.get(symbol)
            if followers is not None and followers.pop(listener, None) is not None:
                gone.append(symbol)
                if not followers:
                    del self._followers[symbol]
        self.upstream.drop(party, gone)

    def learn(self, catalogue: Catalogue) -> None:
        """Take a newer catalogue; sessions that asked for what was not listed may get it now."""
        self.catalogue = catalogue
        for listener in tuple(self.sessions):
            listener.on_names()

    def is_followed(self, symbol: str) -> bool:
        """Does any session want it?"""
        return symbol in self._followers

    def newest(self, symbol: str) -> Shown | None:
        return self.shown.get(bare_symbol(symbol))

    # ------------------------------------------------------------------- ticks

    def publish(self, ticks: list[Tick], stamps: list[int]) -> None:
        """Tell everybody who follows what moved."""
        followers_of, shown_of = self._followers, self.shown
        for tick, stamp in zip(ticks, stamps, strict=True):
            symbol = tick.instrument_id
            shown = shown_of[symbol] = Shown(tick, stamp)
            followers = followers_of.get(symbol)
            if followers:
                for listener, spelling in followers.items():
                    listener.on_tick(shown, spelling)

    def sent(self, shown: Shown) -> None:
        """A tick went to a socket."""
        self.messages += 1
        if self.on_sent is None:
            return
        if not self._stamps:
            loop = asyncio.get_running_loop()
            # Sockets write in the next turn of the loop; the one after it is behind them all.
            loop.call_soon(loop.call_soon, self._measure)
        self._stamps.append(shown.stamp)

    def _measure(self) -> None:
        stamps, self._stamps = self._stamps, []
        now, told = time.monotonic_ns(), self.on_sent
        for stamp in stamps if told is not None else ():
            told(now - stamp)

    def set_waiting(self, symbols: Iterable[str]) -> None:
        """Symbols that no connection has room for: their sessions are told once (7001)."""
        now = set(symbols)
        told: dict[Listener, list[str]] = {}
        for symbol in now - self.waiting:
            for listener, spelling in self._followers.get(symbol, {}).items():
                told.setdefault(listener, []).append(spelling)
        self.waiting = now
        for listener, spellings in told.items():
            listener.on_waiting(spellings)
