"""The whole market once a second, for sockets that follow all of it (M-3, W-12).

Made once a process and second, and only while somebody asks; of an instrument that has not
changed the bytes of the second before are sent again.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from marketdata.fanout.catalogue_rows import CONT, INDEX
from marketdata.kline_selectors import snapshot_data
from trading.engine.units import NS_PER_MS

if TYPE_CHECKING:
    from marketdata.fanout.catalogue import Catalogue
    from marketdata.fanout.quotes import QuoteFeed

INTERVAL_S = 1.0
CHUNK = 256 * 1024
"""Bytes of a message, about (W-6)."""
LISTED = ("TRADING", "SUSPENDED")
_encode = msgspec.json.Encoder().encode


class SnapshotListener(Protocol):
    """Who follows the whole market; called on the event loop, must neither raise nor wait."""

    def on_snapshot(self, messages: list[bytes]) -> None:
        """The market as it stands, in parts that belong together."""


class Snapshots:
    """Messages `{"type":"snapshots","timestamp":ms,"part":1,"parts":n,"items":[…]}` each second."""

    def __init__(self, catalogue: "Catalogue", quotes: "QuoteFeed") -> None:
        self._catalogue = catalogue
        self._quotes = quotes
        self._listeners: dict[SnapshotListener, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._known: dict[str, tuple[int, bytes]] = {}

    def follow(self, listener: SnapshotListener) -> None:
        """Tell a listener now and each second from now on."""
        self._listeners[listener] = None
        listener.on_snapshot(self.messages())
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._tell)

    def leave(self, listener: SnapshotListener) -> None:
        """Stop telling; does no harm when it never followed."""
        self._listeners.pop(listener, None)
        if not self._listeners:
            self.stop()

    def stop(self) -> None:
        """Make no more of them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._known.clear()

    def _tell(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._tell)
        found = self.messages()
        for listener in tuple(self._listeners):
            listener.on_snapshot(found)

    def messages(self) -> list[bytes]:
        """The market now: every listed instrument that has a quote, by symbol."""
        parts: list[list[bytes]] = [[]]
        size = 0
        for symbol, row in self._catalogue.listings.items():
            if row.status not in LISTED or row.ins_class in (CONT, INDEX):
                continue
            item = self._item(symbol)
            if size + len(item) > CHUNK and parts[-1]:
                parts.append([])
                size = 0
            if item:
                parts[-1].append(item)
                size += len(item) + 1
        return [self._message(number, len(parts), items) for number, items in enumerate(parts, 1)]

    def _item(self, symbol: str) -> bytes:
        state = self._quotes.state(symbol)
        if state is None or state.view is None:
            return b""
        version, data = self._known.get(symbol, (-1, b""))
        if version != state.version:
            data = _encode(snapshot_data(state.view))
            self._known[symbol] = (state.version, data)
        return data

    @staticmethod
    def _message(number: int, parts: int, items: list[bytes]) -> bytes:
        head: dict[str, Any] = {
            "type": "snapshots", "timestamp": time.time_ns() // NS_PER_MS, "part": number, "parts": parts,
        }  # fmt: skip
        return _encode(head)[:-1] + b',"items":[' + b",".join(items) + b"]}"
