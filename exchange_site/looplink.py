"""One connection of an event loop to a Valkey server, without threads in between (A-10).

A thread of its own costs two wake-ups a call, each waiting for the interpreter's lock; a
client library's stream reader costs more than the answers it reads. Here a call is written
at once and its answer resolves a future in the loop that reads the bytes.
"""

import asyncio
import ssl
from collections import deque
from typing import Any

import hiredis
import redis
from redis.connection import SSLConnection, parse_url

_CONNECT_S = 5.0


class NotSent(redis.ConnectionError):
    """The call did not leave: nothing can have come of it."""


class LoopLink(asyncio.Protocol):
    """Calls in order over one connection, opened by the first.

    Errors: `NotSent`, redis.ConnectionError for an answer that is lost, redis.ResponseError
    for an answer that is an error.
    """

    def __init__(self, url: str) -> None:
        self._options: dict[str, Any] = dict(parse_url(url))
        self._reader = _new_reader()
        self._transport: asyncio.Transport | None = None
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._opening: asyncio.Task[None] | None = None

    async def call(self, *arguments: Any) -> Any:
        """Send one call and wait for its answer."""
        if self._transport is None or self._transport.is_closing():
            await self._open()
        return await self._send(arguments)

    def close(self) -> None:
        """End the connection; calls on the way fail, the next one opens another."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _send(self, arguments: tuple[Any, ...]) -> "asyncio.Future[Any]":
        if self._transport is None:
            raise NotSent("the connection is closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append(future)
        self._transport.write(hiredis.pack_command(arguments))
        return future

    # ---------------------------------------------------------------- opening

    async def _open(self) -> None:
        """Connect once for all who wait."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._connect())
        await asyncio.shield(self._opening)

    async def _connect(self) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._create(loop)
                if options.get("password"):
                    user = (options["username"],) if options.get("username") else ()
                    await self._send(("AUTH", *user, options["password"]))
                if options.get("db"):
                    await self._send(("SELECT", options["db"]))
        except (OSError, redis.RedisError) as error:
            self.close()
            raise NotSent(str(error)) from error

    async def _create(self, loop: asyncio.AbstractEventLoop) -> None:
        options = self._options
        if options.get("path"):
            await loop.create_unix_connection(lambda: self, options["path"])
            return
        secure = options.get("connection_class") is SSLConnection
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs")) if secure else None
        where = (options.get("host", "localhost"), options.get("port", 6379))
        await loop.create_connection(lambda: self, *where, ssl=context)

    # ------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._reader = _new_reader()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        while (answer := reader.gets()) is not False:
            future = self._pending.popleft()
            if future.done():
                continue  # whoever asked has given up
            if isinstance(answer, redis.ResponseError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        lost, self._pending = self._pending, deque()
        for future in lost:
            if not future.done():
                future.set_exception(redis.ConnectionError(str(error or "the connection ended")))


def fields_of(flat: list[bytes]) -> dict[bytes, bytes]:
    """A stream entry's fields, which come as name, value, name, value."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _new_reader() -> Any:
    return hiredis.Reader(protocolError=redis.InvalidResponse, replyError=_error)


def _error(text: str) -> redis.ResponseError:
    """An error answer as the exception that redis-py has for it."""
    kind, _, rest = text.partition(" ")
    if kind == "NOSCRIPT":
        return redis.exceptions.NoScriptError(rest)
    if kind == "OOM":
        return redis.exceptions.OutOfMemoryError(rest)
    if kind == "READONLY":
        return redis.ReadOnlyError(rest)
    return redis.ResponseError(text)
