"""The stand-alone gateway's own port: sockets, `/health` and `/metrics` (G-20 … G-23)."""

import asyncio
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from exchange_site.metrics.meter import Meter
from marketdata.gateway.hub import Hub
from marketdata.gateway.session import Authenticate, Session

MAX_MESSAGE = 1 << 20
HIGH_WATER = 256 << 10
"""More unsent bytes than this and a reader is behind."""
SLOW_S = 10.0
"""A reader that takes nothing for so long is let go."""
MAX_SESSIONS = 5_000
OVERLOAD = 1013
PATHS = ("/", "/md")
_quiet = logging.getLogger("exchange.gateway")
_quiet.setLevel(logging.WARNING)


class Wire:
    """One socket of the `websockets` library as a session's transport.

    What is pushed in one turn of the loop leaves in one write: at thousands of ticks a second
    the calls to the system cost more than the ticks. A connection that compresses goes
    through the library.
    """

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.behind_since = 0.0
        self.is_given_up = False
        self._is_plain = not connection.protocol.extensions
        self._frames: list[bytes] = []
        self._size = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def can_push(self) -> bool:
        if self._size + self.connection.transport.get_write_buffer_size() < HIGH_WATER:
            return True
        self.behind_since = self.behind_since or time.monotonic()
        return False

    def push(self, data: bytes) -> None:
        if not self._is_plain:
            broadcast((self.connection,), data, text=True)
            return
        if not self._frames:
            self.connection.loop.call_soon(self.flush)
        head = frame_head(len(data))
        self._frames += (head, data)
        self._size += len(head) + len(data)

    def flush(self) -> None:
        """Write what was pushed; nothing after a closing frame."""
        frames, self._frames = self._frames, []
        self._size = 0
        if frames and self.connection.protocol.state is State.OPEN:
            self.connection.transport.write(b"".join(frames))

    async def drained(self) -> None:
        """Wait until the reader has taken its answers: who does not read is not heard."""
        if not self.can_push:
            self.flush()
            await self.connection.drain()

    def spawn(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def frame_head(size: int) -> bytes:
    """The head of a whole, unmasked text frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


class GatewayServer:
    """Serves a hub on a port; `start`, then `stop`."""

    def __init__(
        self,
        hub: Hub,
        health: Callable[[], dict[str, Any]],
        meter: Meter,
        authenticate: Authenticate | None = None,
    ) -> None:
        self.hub = hub
        self.health = health
        self.meter = meter
        self.authenticate = authenticate
        self.server: Server | None = None
        self.clients: dict[Wire, Session] = {}
        self.slow_closed = 0
        self._watch: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port it got."""
        self.server = await serve(
            self._client, host, port, process_request=self._request, max_size=MAX_MESSAGE,
            logger=_quiet, ping_interval=20, ping_timeout=60, write_limit=HIGH_WATER, open_timeout=10,
        )  # fmt: skip
        self._watch = asyncio.create_task(self._watch_readers())
        return int(next(iter(self.server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self.server is not None:
            self.server.close(code=1012)
            await self.server.wait_closed()

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path in ("/health", "/md/health"):
            report = self.health()
            status = HTTPStatus.OK if report["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
            return _response(status, "application/json", msgspec.json.encode(report))
        if path == "/metrics":
            return _response(HTTPStatus.OK, CONTENT_TYPE_LATEST, self.meter.text())
        if path not in PATHS:
            return _response(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")
        if len(self.clients) >= MAX_SESSIONS:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"too many sessions\n")
        return None

    async def _client(self, connection: ServerConnection) -> None:
        wire = Wire(connection)
        session = self.clients[wire] = Session(self.hub, wire, self.authenticate)
        try:
            session.greet()
            async for text in connection:
                session.on_text(text)
                await wire.drained()
        except (ConnectionClosed, OSError):
            pass
        finally:
            del self.clients[wire]
            session.end()

    async def _watch_readers(self) -> None:
        """Let readers that came back have the newest, and those that do not come back go."""
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            for wire, session in list(self.clients.items()):
                if wire.can_push:
                    if wire.behind_since:
                        wire.behind_since = 0.0
                        session.on_resume()
                elif now - wire.behind_since > SLOW_S and not wire.is_given_up:
                    wire.is_given_up = True
                    self.slow_closed += 1
                    wire.spawn(wire.connection.close(OVERLOAD, "the reader does not read"))


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)
