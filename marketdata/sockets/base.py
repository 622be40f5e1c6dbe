"""A socket as a plain ASGI loop: limits in, back-pressure out, closing with a reason (W-1 … W-7).

A protocol derives from `Socket` and implements `on_text`; what it sends goes through `push`,
only while `can_push` is true. Everything runs on the event loop.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Coroutine
from typing import Any, ClassVar

from marketdata.sockets.figures import FIGURES
from marketdata.sockets.limits import BYTE_BURST, MESSAGE_BURST, Inbound

POLICY, OVERLOAD, RESTART, INTERNAL = 1008, 1013, 1012, 1011
UNAUTHENTICATED, TOO_MANY_MESSAGES, TOO_MANY_BYTES = 4001, 4008, 4009
"""Codes we close with; never 1000 or 1001, which clients take for a wish to stay away (W-2)."""
PAUSED_S = 10.0
"""A reader that takes nothing for so long is let go."""
_FLOW = "exchange.flow"
_log = logging.getLogger(__name__)


class Closed(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Socket:
    """One connection; `user_id`s it speaks for are the registry's business."""

    protocol: ClassVar[str]

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scope = scope
        self.is_open = False
        self.inbound = Inbound()
        self.socket_id = uuid.uuid4().hex
        self.since_ms = time.time_ns() // 1_000_000
        self.received = self.sent = self.refused = 0
        self._traffic = FIGURES.traffic[self.protocol]
        self.loop = asyncio.get_running_loop()
        self._receive = receive
        self._send = send
        self._flow: Any = scope.get("extensions", {}).get(_FLOW)
        self._queue: asyncio.Queue[bytes] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._paused_timer: asyncio.TimerHandle | None = None
        self._early: list[str | bytes] | None = []
        """Messages that came before the socket was ready; None afterwards."""

    # ---------------------------------------------------------- for protocols

    async def on_open(self) -> None:
        """The socket was accepted."""

    def on_text(self, text: str | bytes) -> None:
        """A message within the limits; may raise Closed. Must not wait: `spawn` what does."""
        raise NotImplementedError

    def on_breach(self, code: int) -> None:
        """A message was refused for its rate or size; tell the client."""

    def on_resume(self) -> None:
        """The reader takes data again."""

    def on_close(self) -> None:
        """The socket is gone: forget it everywhere. Must not wait."""

    def free_of_charge(self, text: str | bytes) -> bool:
        """Does this message not count against the rate?"""
        return False

    # ---------------------------------------------------------- for the admin

    @property
    def paused_at(self) -> float:
        """Monotonic seconds since which the reader takes nothing; 0 while it does."""
        return 0.0 if self._flow is None else float(self._flow.paused_at)

    def usernames(self) -> set[str]:
        """Names of the users the socket speaks for."""
        return set()

    def subscriptions(self) -> int:
        """How many series of the market it follows."""
        return 0

    def waiting_messages(self) -> int:
        """Messages that wait for the reader."""
        return 0 if self._queue is None else self._queue.qsize()

    def dropped(self) -> int:
        """Messages that were refused, dropped or merged."""
        return self.refused

    # ---------------------------------------------------------------- running

    @classmethod
    async def application(cls, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The ASGI application: one instance a connection."""
        await cls(scope, receive, send).run()

    async def run(self) -> None:
        """Serve until either side ends it."""
        if (await self._receive())["type"] != "websocket.connect":
            return
        try:
            if self._flow is not None:
                self._flow.listen(self._hear)
            await self._send({"type": "websocket.accept"})
            self.is_open = True
            FIGURES.open[self] = None
            if self._flow is not None:
                self._flow.open(self._resumed)
            await self.on_open()
            self._hear_early()
            await self._serve()
        except Closed as error:
            await self.close(error.code, error.reason)
        except asyncio.CancelledError:
            await self.close(RESTART)
            raise
        except Exception:  # noqa: BLE001  no fault of one socket may end the process
            _log.exception("a socket failed")
            await self.close(INTERNAL)
        finally:
            self._end()

    async def _serve(self) -> None:
        while True:
            message = await self._receive()
            kind = message["type"]
            if kind == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                text = message.get("bytes") or b""
            self._hear(text)

    def _hear(self, text: str | bytes) -> None:
        """A message came; whatever it does wrong ends this socket alone."""
        if self._early is not None:
            self._keep(self._early, text)
            return
        try:
            if self.is_open and self._admits(text):
                self.on_text(text)
        except Closed as error:
            self.end(error.code, error.reason)
        except Exception:  # noqa: BLE001  no fault of one socket may end the process
            _log.exception("a socket failed")
            self.end(INTERNAL)

    def _keep(self, early: list[str | bytes], text: str | bytes) -> None:
        """Hold a message until the socket is ready, and no more than it may send at once."""
        early.append(text)
        if len(early) > MESSAGE_BURST or sum(map(len, early)) > BYTE_BURST:
            early.clear()
            self.end(TOO_MANY_MESSAGES, "too much was sent")

    def _hear_early(self) -> None:
        """Take what came before the socket was ready, in order."""
        early, self._early = self._early or [], None
        for text in early:
            self._hear(text)

    def _admits(self, text: str | bytes) -> bool:
        self.received += 1
        self._traffic.received += 1
        if not self.inbound.takes_bytes(len(text)):
            code = TOO_MANY_BYTES
        elif self.free_of_charge(text) or self.inbound.takes_message():
            return True
        else:
            code = TOO_MANY_MESSAGES
        if not self.inbound.strike():
            raise Closed(code, "too much was sent")
        self.refused += 1
        FIGURES.drops["message refused"] += 1
        self.on_breach(code)
        return False

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the loop; it ends with the socket, and its failure ends the socket."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Closed):
            self.end(error.code, error.reason)
        elif error is not None:
            _log.error("a socket's work failed", exc_info=error)
            self.end(INTERNAL)

    # ---------------------------------------------------------------- sending

    @property
    def can_push(self) -> bool:
        """Is the socket open and its reader reading?"""
        if not self.is_open:
            return False
        if self._flow is not None:
            return not self._flow.paused_at
        return self._queue is None or self._queue.qsize() < 4

    def push(self, data: bytes) -> None:
        """Send one text message."""
        if not self.is_open:
            return
        self.sent += 1
        self._traffic.sent += 1
        self._traffic.bytes_sent += len(data)
        if self._flow is None:
            self._push_queued(data)
            return
        self._flow.push(data)
        if self._flow.paused_at and self._paused_timer is None:
            self._paused_timer = self.loop.call_later(PAUSED_S, self._still_paused)

    def _push_queued(self, data: bytes) -> None:
        """Without Daphne's transport: through the server's own `send`, in order."""
        if self._queue is None:
            self._queue = asyncio.Queue()
            self.spawn(self._write(self._queue))
        self._queue.put_nowait(data)

    async def _write(self, queue: "asyncio.Queue[bytes]") -> None:
        while True:
            data = await queue.get()
            await self._send({"type": "websocket.send", "text": data.decode()})
            if queue.empty():
                self.on_resume()

    def _resumed(self) -> None:
        if self._paused_timer is not None:
            self._paused_timer.cancel()
            self._paused_timer = None
        if self.is_open:
            self.on_resume()

    def _still_paused(self) -> None:
        """Ten seconds without taking a byte: whatever waits for this reader is given up."""
        self._paused_timer = None
        if self._flow.paused_at and time.monotonic() - self._flow.paused_at >= PAUSED_S - 0.1:
            self.end(OVERLOAD, "the reader does not read")
        elif self._flow.paused_at:
            self._paused_timer = self.loop.call_later(PAUSED_S, self._still_paused)

    # ---------------------------------------------------------------- closing

    async def close(self, code: int, reason: str = "") -> None:
        """Say why and close; a second time does nothing."""
        if not self.is_open:
            return
        self.is_open = False
        FIGURES.open.pop(self, None)
        if code == OVERLOAD:
            FIGURES.drops["socket closed"] += 1
        self.on_close()
        if self._flow is not None:
            self._flow.close(code, reason)
        else:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def end(self, code: int, reason: str = "") -> None:
        """`close` from where nothing can be awaited."""
        if self.is_open:
            task = asyncio.create_task(self.close(code, reason))
            _closing.add(task)
            task.add_done_callback(_closing.discard)

    def _end(self) -> None:
        FIGURES.open.pop(self, None)
        if self.is_open:
            self.is_open = False
            self.on_close()
        if self._paused_timer is not None:
            self._paused_timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()


_closing: set[asyncio.Task[None]] = set()
"""Closings under way; asyncio keeps no strong reference of its own."""


async def no_such_socket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuse the handshake (403): nothing is served at this path."""
    await receive()
    await send({"type": "websocket.close", "code": POLICY})
