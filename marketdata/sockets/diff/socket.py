"""One `/ws/diff` connection: the peek loop and what its answers carry (D-1 … D-9, W-6, W-7)."""

import asyncio
import logging
import uuid
from collections import deque
from typing import Any

import msgspec
import redis
from django.db import DatabaseError

from exchange_site.exceptions import message as text_of
from marketdata.fanout.hub import Fanout, fanout
from marketdata.sockets.base import RESTART, TOO_MANY_BYTES, Closed, Socket
from marketdata.sockets.diff import messages
from marketdata.sockets.diff.branch import braces, pair
from marketdata.sockets.diff.market import MarketDesk
from marketdata.sockets.diff.trade import TradeDesk
from marketdata.sockets.figures import FIGURES
from trading.diff_texts import CHINESE
from trading.engine.codes import MALFORMED_MESSAGE, TOO_MANY_REQUESTS

CHUNK = 256 * 1024
"""Bytes of a difference, about; the rest goes with the next one (W-6)."""
MOST_NOTIFIES, MOST_ROOTS = 1_000, 100
PEEKS = frozenset(
    text if kind is str else text.encode()
    for text in ('{"aid": "peek_message"}', '{"aid":"peek_message"}')
    for kind in (str, bytes)
)
_PONG = b'{"aid":"pong"}'
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class DiffSocket(Socket):
    """A client of the DIFF protocol."""

    protocol = "diff"
    hub: Fanout

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        super().__init__(scope, receive, send)
        self.peeking = False
        self._market_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._notifies: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MOST_NOTIFIES)
        self._roots: list[bytes] = [b'{"mdhis_more_data":false}']
        self.trade = TradeDesk(self)
        self.market = MarketDesk(self)

    # ------------------------------------------------------------ the connection

    async def on_open(self) -> None:
        try:
            self.hub = await fanout()
        except (DatabaseError, redis.RedisError, OSError) as error:
            _log.warning("a socket came before the servers: %s", error)
            raise Closed(RESTART, "starting") from error
        brokers = {"aid": "rtn_brokers", "brokers": [self.hub.venue], "capabilities": {}}
        self.push(_encode(brokers))

    def on_close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if hasattr(self, "hub"):
            self.trade.close()
            self.market.close()
            self.hub.registry.leave(self)

    def free_of_charge(self, text: str | bytes) -> bool:
        """Peeks cost nothing: a refused one would silence the client for good."""
        return text in PEEKS

    def on_breach(self, code: int) -> None:
        reason = "too many bytes" if code == TOO_MANY_BYTES else "too many messages"
        self.notify(TOO_MANY_REQUESTS, "ERROR", f"{text_of(TOO_MANY_REQUESTS, None, CHINESE)}: {reason}")

    def on_text(self, text: str | bytes) -> None:
        if text in PEEKS:
            self._peek()
            return
        try:
            message = messages.decode(text)
        except messages.Malformed as error:
            self._refuse(error, text)
            return
        if isinstance(message, messages.PeekMessage):
            self._peek()
        elif isinstance(message, messages.Ping):
            self.push(_PONG)
        elif isinstance(message, messages.SetChart):
            self.market.charts.handle(message, messages.members(text))
        elif isinstance(message, messages.MarketMessage):
            self.market.handle(message)
        else:
            self.trade.handle(message)

    def _refuse(self, error: messages.Malformed, text: str | bytes) -> None:
        """Say what could not be read; the socket stays open (D-4, W-1)."""
        if error.aid == "insert_order":
            self.trade.orders.refuse_malformed(messages.members(text))
        what = f"{error.aid}: {error}" if error.is_known else error.aid or str(error)
        self.notify(MALFORMED_MESSAGE, "ERROR", f"{text_of(MALFORMED_MESSAGE, None, CHINESE)}: {what}")

    def usernames(self) -> set[str]:
        return {branch.credential.username for branch in self.trade.branches.values()}

    def subscriptions(self) -> int:
        return self.market.following

    def waiting_messages(self) -> int:
        return len(self._roots) + len(self._notifies)

    # ------------------------------------------------------------------ the loop

    def _peek(self) -> None:
        self.peeking = True
        self.flush()

    def on_resume(self) -> None:
        self.flush()

    def notify(self, code: int, level: str, content: str, error_code: int = 0, **more: Any) -> None:
        """Queue a notify; its id is never used again (D-3)."""
        body = {"type": "MESSAGE", "level": level, "code": code, "content": content, **more}
        if error_code:
            body["error_code"] = error_code
        self._notifies.append((uuid.uuid4().hex, body))
        self.flush()

    def refuse(self, code: int, params: dict[str, Any] | None = None) -> None:
        """An ERROR notify with a code of the one table."""
        self.notify(code, "ERROR", text_of(code, params, CHINESE), code)

    def root(self, patch: bytes) -> None:
        """Queue a patch of the tree's root as it is."""
        self._roots.append(patch)
        if len(self._roots) > MOST_ROOTS:
            del self._roots[1]  # the first is the connection's own, which every client needs
        self.flush()

    def market_changed(self) -> None:
        """Something of the market is to be sent, when its time has come."""
        if self.peeking and self._timer is None:
            self.flush()

    def flush(self) -> None:
        """Answer the peek if there is something to say, the reader reads and the time has come."""
        if not self.peeking or not self.can_push:
            FIGURES.merged += 1
            return
        if not (self._roots or self._notifies or self.trade.is_dirty or self.market.is_urgent):
            if not self.market.is_dirty or self._must_wait():
                return
        parts = self._take()
        if parts:
            self.peeking = False
            FIGURES.differences += 1
            self.push(b'{"aid":"rtn_data","data":[' + b",".join(parts) + b"]}")

    def _must_wait(self) -> bool:
        now = self.loop.time()
        if now >= self._market_due:
            return False
        if self._timer is None:
            self._timer = self.loop.call_at(self._market_due, self._due)
        return True

    def _due(self) -> None:
        self._timer = None
        self.flush()

    def _take(self) -> list[bytes]:
        """Patches of one answer, in the order clients need them."""
        parts, self._roots = self._roots, []
        if self._notifies:
            notices = [pair(name, _encode(body)) for name, body in self._notifies]
            self._notifies.clear()
            parts.append(b'{"notify":' + braces(notices) + b"}")
        budget = CHUNK
        if self.trade.is_dirty:
            patch = self.trade.take(budget)
            budget -= len(patch)
            parts.append(patch)
        if budget > 0 and self.market.is_dirty:
            parts += self.market.take(budget)
            self._market_due = self.loop.time() + self.hub.pace.interval_s
        return parts
