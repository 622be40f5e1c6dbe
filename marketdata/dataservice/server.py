"""The data service's port: sockets, `/health`, `/metrics` and their limits (G-30, G-33)."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Any, ClassVar

import msgspec
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from marketdata.dataservice.config import Config
from marketdata.dataservice.router import Router
from marketdata.dataservice.sources import SECONDS, Source, SourceUnavailable
from marketdata.feeds.ticks import bare_symbol
from marketdata.gateway.server import HIGH_WATER, MAX_MESSAGE, OVERLOAD, SLOW_S, Wire
from marketdata.gateway.service import KLINE, DataSession, Message
from marketdata.gateway.session import Authenticate, Refused, names_of
from trading.engine.codes import INVALID_FIELD, NOT_FOUND, SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS

PATHS = ("/", "/ws/data")
MOST_BARS = 5_000
HISTORY_S = 30.0
_quiet = logging.getLogger("exchange.dataservice")
_quiet.setLevel(logging.WARNING)
_encode = msgspec.json.Encoder().encode


class Figures:
    """The service's own metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = {"registry": self.registry}
        self.connections = Counter("websocket_connections_total", "Sockets opened.", **own)
        self.open = Gauge("websocket_open_connections", "Sockets open now.", **own)
        self.sent = Counter("websocket_messages_sent_total", "Messages sent.", **own)
        self.errors = Counter("websocket_errors_total", "ERROR messages and refused sockets.", **own)
        self.latency = Histogram(
            "websocket_latency_seconds", "From asking the source to the write of its figures.", **own
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)


class CountingWire(Wire):
    """A socket whose messages are counted."""

    def __init__(self, connection: ServerConnection, figures: Figures) -> None:
        super().__init__(connection)
        self.figures = figures

    def push(self, data: bytes) -> None:
        self.figures.sent.inc()
        super().push(data)


class ServiceSession(DataSession):
    """One client: the envelope of G-30, and `HISTORY {symbol, period, start, end}` besides."""

    own: ClassVar[dict[str, Callable[[Any, Message], None]]] = {}

    def __init__(
        self, router: Router, wire: CountingWire, config: Config, check: Authenticate | None
    ) -> None:
        super().__init__(router.hub, wire, check, config.max_subscriptions_per_client)
        self.router, self.figures = router, wire.figures

    def handler(self, kind: str) -> Callable[[Any, Message], None] | None:
        return self.own.get(kind) or super().handler(kind)

    def refuse(self, error: Refused) -> None:
        self.figures.errors.inc()
        super().refuse(error)

    def source_of(self, symbol: str) -> Source:
        """Refused with 9007 where no rule matches, with 9005 where the source cannot work here."""
        source = self.router.source_of(bare_symbol(symbol))
        if source is None:
            raise Refused(NOT_FOUND, f"no source has {symbol}")
        if source.missing():
            raise Refused(SERVICE_UNAVAILABLE, source.missing())
        return source

    def subscribe(self, data: Message) -> None:
        for symbol in names_of(data.get("symbols")):
            self.source_of(symbol)
        self._subscribe(data)

    def history(self, data: Message) -> None:
        """Bars of some days; a bad name, period or day is refused before the source is asked."""
        symbols = names_of([data.get("symbol")])
        period = data.get("period", "1d")
        if period not in SECONDS:
            raise Refused(INVALID_FIELD, f"period of {', '.join(SECONDS)}")
        first, last = day(data.get("start"), "start"), day(data.get("end"), "end")
        if last < first:
            raise Refused(INVALID_FIELD, "end lies before start")
        if ((last - first).days + 1) * 86_400 // SECONDS[period] > MOST_BARS:
            raise Refused(TOO_MANY_REQUESTS, f"at most {MOST_BARS} bars at once")
        source = self.source_of(symbols[0])
        self.transport.spawn(self._tell_history(source, symbols[0], period, first, last))

    async def _tell_history(self, source: Source, symbol: str, period: str, first: date, last: date) -> None:
        try:
            asked = asyncio.to_thread(source.history, bare_symbol(symbol), period, first, last)
            bars = await asyncio.wait_for(asked, HISTORY_S)
        except (SourceUnavailable, TimeoutError) as error:
            self.refuse(Refused(SERVICE_UNAVAILABLE, str(error) or "the source does not answer"))
            return
        rows = [{"period": period, **row} for row in bars[-MOST_BARS:]]
        self.say("HISTORY", {"symbol": symbol, "type": KLINE, "period": period, "klines": rows})

    def on_outage(self, symbols: set[str], reason: str) -> None:
        """A source stopped answering: told once to those who follow it."""
        if symbols & set(self._wanted):
            self.refuse(Refused(SERVICE_UNAVAILABLE, reason))


ServiceSession.own = {"SUBSCRIBE": ServiceSession.subscribe, "HISTORY": ServiceSession.history}


def day(value: Any, name: str) -> date:
    """A day as yyyy-mm-dd; Refused with 9008 for anything else."""
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise Refused(INVALID_FIELD, f"{name} is no day like 2026-11-20") from error


class DataServer:
    """Serves a router on a port: `start`, then `stop`."""

    def __init__(self, router: Router, config: Config, authenticate: Authenticate | None = None) -> None:
        self.router, self.config, self.authenticate = router, config, authenticate
        self.figures = Figures()
        self.clients: dict[CountingWire, ServiceSession] = {}
        self.began = time.monotonic()
        router.hub.on_sent = lambda ns: self.figures.latency.observe(ns / 1e9)
        self._server: Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        """Listen and begin to ask the sources; the port it got."""
        origins: Any = [*self.config.allowed_origins, None] if self.config.allowed_origins else None
        self._server = await serve(
            self._client, self.config.host, self.config.port, process_request=self._request,
            max_size=MAX_MESSAGE, origins=origins, logger=_quiet, ping_interval=20, ping_timeout=60,
            write_limit=HIGH_WATER, open_timeout=10,
        )  # fmt: skip
        self._tasks = [asyncio.create_task(work) for work in (self.router.run(), self._watch_readers())]
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close(code=1012)
            await self._server.wait_closed()

    def health(self) -> dict[str, Any]:
        """Sources with what they lack, and sockets; `degraded` while a source does not answer."""
        sources = {
            name: self.router.outages.get(name) or source.missing() or "ok"
            for name, source in self.router.sources.items()
        }
        return {
            "status": "ok" if set(sources.values()) <= {"ok"} else "degraded", "sources": sources,
            "sockets": len(self.clients), "uptime": round(time.monotonic() - self.began, 1),
        }  # fmt: skip

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/health":
            return _response(HTTPStatus.OK, "application/json", _encode(self.health()))
        if path == "/metrics":
            return _response(HTTPStatus.OK, CONTENT_TYPE_LATEST, self.figures.text())
        if path not in PATHS:
            return _response(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")
        if len(self.clients) >= self.config.max_connections:
            self.figures.errors.inc()
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"too many connections\n")
        return None

    async def _client(self, connection: ServerConnection) -> None:
        wire = CountingWire(connection, self.figures)
        self.figures.connections.inc()
        session = self.clients[wire] = ServiceSession(self.router, wire, self.config, self.authenticate)
        self.figures.open.set(len(self.clients))
        try:
            session.greet()
            async for text in connection:
                session.on_text(text)
        except ConnectionClosed:
            pass
        finally:
            del self.clients[wire]
            self.figures.open.set(len(self.clients))
            session.end()

    async def _watch_readers(self) -> None:
        """Readers that read again get the newest; those that never do are let go."""
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            for wire, session in list(self.clients.items()):
                if wire.can_push:
                    if wire.behind_since:
                        wire.behind_since = 0.0
                        session.on_resume()
                elif now - wire.behind_since > SLOW_S:
                    wire.spawn(wire.connection.close(OVERLOAD, "the reader does not read"))


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)
