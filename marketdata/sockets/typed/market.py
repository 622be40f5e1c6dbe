"""The market half of a typed socket: ticker, tick, orderbook, kline, snapshot (W-12).

State (tick, orderbook, snapshot, kline) is told as it stands when the socket may send; what
changed in between is not queued. Public trades are queued, at most 1 000, and their messages
say how many were passed over.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from exchange_site.exceptions import ExchangeError
from marketdata.fanout.quotes import QuoteState
from marketdata.kline_selectors import snapshot_data
from marketdata.sockets.typed import shapes
from marketdata.sockets.typed.bars import BarDesk, periods_named
from marketdata.sockets.typed.messages import Subscribe
from trading.engine.codes import INSTRUMENT_NOT_FOUND, INVALID_FIELD, TOO_MANY_REQUESTS

if TYPE_CHECKING:
    from marketdata.sockets.typed.socket import TypedSocket

CHANNELS = ("ticker", "tick", "orderbook", "kline", "snapshot")
ALL = "*"
"""In place of instruments on `snapshot`: the whole market, each second (M-3)."""
INTERVAL_S = 0.08
MOST_INSTRUMENTS, MOST_TRADES = 500, 1_000
DEPTHS = {5: 5, 10: 10, 20: 20, "5": 5, "10": 10, "20": 20, "full": shapes.FULL_DEPTH}
LEAST_INTERVAL_MS, LONGEST_INTERVAL_MS = 100, 60_000
_encode = msgspec.json.Encoder().encode
Key = tuple[str, str]


class MarketDesk:
    """What one socket follows of the market."""

    def __init__(self, socket: "TypedSocket") -> None:
        self.socket = socket
        self.channels: dict[str, set[str]] = {name: set() for name in CHANNELS}
        self.depths: dict[str, int] = {}
        self.interval_s = 1.0
        self._dirty: dict[Key, None] = {}
        self.bars = BarDesk(socket, self.flush)
        self._trades: deque[list[Any]] = deque()
        self._missed = 0
        self._market: list[bytes] = []
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._snapshots: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ subscriptions

    def subscribe(self, message: Subscribe, channels: list[str]) -> None:
        """Follow instruments on channels; 1007, 9008, 9004 leave everything as it was."""
        symbols = [ALL] if message.instruments == [ALL] else self._symbols(message.instruments)
        if symbols == [ALL] and channels != ["snapshot"]:
            raise ExchangeError(INVALID_FIELD, {"field": "instruments"}, {"reason": "* is for snapshot"})
        depth = DEPTHS.get(message.depth)
        if depth is None:
            raise ExchangeError(INVALID_FIELD, {"field": "depth"})
        if not LEAST_INTERVAL_MS <= message.interval_ms <= LONGEST_INTERVAL_MS:
            raise ExchangeError(INVALID_FIELD, {"field": "interval_ms"})
        periods = periods_named(message.periods or ["1min"]) if "kline" in channels else {}
        for name in channels:
            if len(self.channels[name] | set(symbols)) > MOST_INSTRUMENTS:
                raise ExchangeError(TOO_MANY_REQUESTS, {}, {"instruments": MOST_INSTRUMENTS})
        self.bars.check_room(symbols, periods)
        self.bars.follow(symbols, periods)
        self._follow(symbols, channels, depth, message.interval_ms / 1_000)

    def _symbols(self, instruments: list[str]) -> list[str]:
        if not instruments:
            raise ExchangeError(INVALID_FIELD, {"field": "instruments"})
        found = [self.socket.hub.catalogue.symbol_of(text) for text in instruments]
        for symbol in found:
            if self.socket.hub.quotes.state(symbol) is None:
                raise ExchangeError(INSTRUMENT_NOT_FOUND, {}, {"instrument_id": symbol[:64]})
        return found

    def _follow(self, symbols: list[str], channels: list[str], depth: int, interval_s: float) -> None:
        hub = self.socket.hub
        for name in channels:
            self.channels[name] |= set(symbols)
        for symbol in symbols:
            if "orderbook" in channels:
                self.depths[symbol] = depth
            if "ticker" in channels:
                hub.events.follow_trades(symbol, self._traded)
            if {"tick", "orderbook"} & set(channels):
                hub.quotes.follow(symbol, self)
            for name in {"tick", "orderbook"} & set(channels):
                self._dirty[name, symbol] = None
        if symbols == [ALL]:
            hub.snapshots.follow(self)
        elif "snapshot" in channels:
            self.interval_s = interval_s
            self._snapshot()
        self.flush()

    def unsubscribe(self, channels: list[str], instruments: list[str]) -> None:
        """Leave instruments (all of them, when none is named) on channels."""
        named = {self.socket.hub.catalogue.symbol_of(text) for text in instruments}
        for name in channels:
            gone = self.channels[name] & named if instruments else set(self.channels[name])
            self.channels[name] -= gone
            for symbol in gone:
                self._leave(name, symbol)
        if not self.channels["snapshot"] - {ALL} and self._snapshots is not None:
            self._snapshots.cancel()
            self._snapshots = None

    def _leave(self, name: str, symbol: str) -> None:
        hub = self.socket.hub
        self._dirty.pop((name, symbol), None)
        if symbol == ALL:
            hub.snapshots.leave(self)
            self._market = []
        if name == "orderbook":
            self.depths.pop(symbol, None)
        if name == "ticker":
            hub.events.leave_trades(symbol, self._traded)
            kept = [event for event in self._trades if event[5] != symbol]
            self._trades = deque(kept)
        elif name == "kline":
            self.bars.leave(symbol)
        elif not any(symbol in self.channels[other] for other in ("tick", "orderbook")):
            hub.quotes.leave(symbol, self)

    def close(self) -> None:
        """The socket is gone."""
        self.unsubscribe(list(CHANNELS), [])
        for timer in (self._timer, self._snapshots):
            if timer is not None:
                timer.cancel()

    def shown(self) -> dict[str, Any]:
        """What is followed, for `get_subscriptions`."""
        return {
            "instruments": {name: sorted(symbols) for name, symbols in self.channels.items() if symbols},
            "depth": dict(self.depths),
            "periods": self.bars.periods,
            "interval_ms": round(self.interval_s * 1_000),
        }

    # -------------------------------------------------------------------------- told

    def on_quote(self, state: QuoteState) -> None:
        """The feed's call: a symbol changed."""
        for name in ("tick", "orderbook"):
            if state.symbol in self.channels[name]:
                self._dirty[name, state.symbol] = None

    def wake(self) -> None:
        """The feed's call: all that one read brought has been told."""
        self.flush()

    def _traded(self, event: list[Any]) -> None:
        if len(self._trades) >= MOST_TRADES:
            self._trades.popleft()
            self._missed += 1
        self._trades.append(event)
        self.flush()

    def _snapshot(self) -> None:
        """The newest state of each symbol, once in a while."""
        if self._snapshots is not None:
            self._snapshots.cancel()
        self._dirty.update({("snapshot", symbol): None for symbol in self.channels["snapshot"] - {ALL}})
        self._snapshots = self.socket.loop.call_later(self.interval_s, self._snapshot)
        self.flush()

    def on_snapshot(self, messages: list[bytes]) -> None:
        """The feed's call: the whole market of this second, in place of one that still waits."""
        self._market = messages
        self.flush()

    # -------------------------------------------------------------------------- sent

    def flush(self) -> None:
        """Send what changed, at most every 80 ms, while the reader reads."""
        waits = self._dirty or self._trades or self._market or self.bars.is_dirty
        if not waits or not self.socket.can_push:
            return
        now = self.socket.loop.time()
        if now < self._due:
            if self._timer is None:
                self._timer = self.socket.loop.call_at(self._due, self._wake_up)
            return
        self._due = now + INTERVAL_S
        whole, self._market = self._market, []
        for data in whole:
            self.socket.push(data)
        for message in self._take():
            self.socket.push(_encode(message))

    def _wake_up(self) -> None:
        self._timer = None
        self.flush()

    def _take(self) -> list[dict[str, Any]]:
        dirty, self._dirty = self._dirty, {}
        found = [shapes.ticker(event) for event in self._trades]
        self._trades.clear()
        if found and self._missed:
            found[0]["missed"], self._missed = self._missed, 0
        found += [message for key in dirty if (message := self._state(*key)) is not None]
        return found + self.bars.take()

    def _state(self, name: str, symbol: str) -> dict[str, Any] | None:
        view = self.socket.hub.quotes.view(symbol)
        if view is None:
            return None
        if name == "tick":
            return shapes.tick(view)
        if name == "orderbook":
            return shapes.orderbook(view, self.depths.get(symbol, 5))
        return {"type": "snapshot", **snapshot_data(view)}
