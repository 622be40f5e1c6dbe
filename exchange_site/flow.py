"""Back-pressure of sockets, and a short way in and out of them (W-7).

Daphne writes whatever an application sends into the transport's buffer, without end. Here
each socket's transport gets a producer that is told when the buffer is full. The ASGI scope
carries it as ``scope["extensions"]["exchange.flow"]``.

Whole, short frames are read and written here: autobahn's own way with a frame, the
application's queue and the reactor's turn for writing cost several times what answering a
peek does. Whatever is not a plain frame in an idle connection goes autobahn's way.
"""

import functools
import struct
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.tcp import Connection
from zope.interface import implementer

EXTENSION = "exchange.flow"
_TEXT, _MASKED = 0x81, 0x80
"""First byte of a whole text frame without extensions; bit of a client's length byte."""
_SHORT, _MEDIUM, _LONGEST = 126, 127, 1 << 16
_SEND_AT_ONCE = 128 * 1024
"""Longer messages take the reactor's turns, as its own sockets do."""


@implementer(IPushProducer)
class Flow:
    """The transport of one socket: ``paused_at`` is 0 while it takes what is written."""

    def __init__(self, protocol: Any) -> None:
        self.paused_at = 0.0
        self.is_gone = False
        self.heard_at = time.monotonic()
        """When the peer last answered a ping."""
        self._protocol = protocol
        self._on_resume: Any = None
        self._on_message: Any = None

    def listen(self, on_message: Callable[[str | bytes], None]) -> None:
        """Hand every message to `on_message` instead of the application's queue, from now on."""
        self._on_message = on_message
        self._protocol.onMessage = self._message
        self._protocol.dataReceived = self._received

    def _message(self, payload: bytes, _is_binary: bool) -> None:
        """Autobahn's call."""
        self._protocol.last_ping = time.time()
        self._on_message(payload)

    def _received(self, data: bytes) -> None:
        """Bytes of the transport: one whole text frame goes straight on, all else to autobahn."""
        protocol = self._protocol
        if data[0] == _TEXT and _is_idle(protocol):
            text = unmasked(data)
            if text is not None:
                protocol.last_ping = time.time()
                self._on_message(text)
                return
        type(protocol).dataReceived(protocol, data)

    def open(self, on_resume: Any) -> None:
        """Begin to watch the transport; `on_resume` is called whenever it takes data again."""
        self._on_resume = on_resume
        self._protocol.onPong = self._pong
        transport = self._protocol.transport
        transport.unregisterProducer()  # the HTTP channel's, which the upgrade left behind
        transport.registerProducer(self, True)

    def ping(self) -> None:
        """Ask whether the peer is there; its answer moves `heard_at`."""
        self._protocol.sendPing()

    def _pong(self, _payload: bytes) -> None:
        self.heard_at = time.monotonic()

    def push(self, data: bytes) -> None:
        """Write one text message; a socket that is closing takes nothing."""
        protocol = self._protocol
        if protocol.state != protocol.STATE_OPEN:
            return
        transport = protocol.transport
        if len(data) > _SEND_AT_ONCE or protocol.send_queue or not _takes_bytes(transport):
            protocol.sendMessage(data, False)
            return
        frame = framed(data)
        try:
            sent = transport.socket.send(frame)
        except OSError:
            sent = 0  # full, or broken: the reactor will find out which
        if sent < len(frame):
            transport.write(frame[sent:])

    def close(self, code: int, reason: str) -> None:
        """Say why and close; a reader that does not answer is cut off after a second.

        Autobahn's own `sendClose` knows none of 1008 to 1014.
        """
        self._protocol.sendCloseFrame(code, reason.encode()[:123], False)

    def abort(self) -> None:
        """End the connection without waiting for the reader."""
        if not self.is_gone:
            self._protocol.transport.abortConnection()

    # -- IPushProducer

    def pauseProducing(self) -> None:
        """The buffer is full."""
        self.paused_at = time.monotonic()

    def resumeProducing(self) -> None:
        """The buffer is empty."""
        self.paused_at = 0.0
        if self._on_resume is not None:
            self._on_resume()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self.is_gone = True
        self._on_resume = None


def _is_idle(protocol: Any) -> bool:
    """Is a connection open, between two messages, and with no ping unanswered?"""
    return (
        protocol.state == protocol.STATE_OPEN
        and not protocol.data
        and protocol.current_frame is None
        and not protocol.inside_message
        and not protocol.muted
        and protocol.autoPingTimeoutCall is None
    )


def _takes_bytes(transport: Any) -> bool:
    """May bytes go to the socket itself: plain TCP with nothing written before them?"""
    return (
        isinstance(transport, Connection)
        and bool(transport.connected)
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
        and not transport.TLS
    )


def unmasked(data: bytes) -> str | None:
    """The text of a client's frame if the bytes are exactly one, shorter than 64 KiB; else None."""
    if len(data) < 6 or not data[1] & _MASKED:
        return None
    size, head = data[1] & 0x7F, 2
    if size == _SHORT and len(data) >= 8:
        size, head = int.from_bytes(data[2:4], "big"), 4
    elif size >= _SHORT:
        return None
    body = data[head + 4 :]
    if len(body) != size:
        return None
    mask = data[head : head + 4] * (size // 4 + 1)
    plain = int.from_bytes(body, "big") ^ int.from_bytes(mask[:size], "big")
    try:
        return plain.to_bytes(size, "big").decode()
    except UnicodeDecodeError:
        return None  # autobahn closes with 1007


def framed(data: bytes) -> bytes:
    """A server's text frame."""
    size = len(data)
    if size < _SHORT:
        return bytes((_TEXT, size)) + data
    if size < _LONGEST:
        return struct.pack("!BBH", _TEXT, _SHORT, size) + data
    return struct.pack("!BBQ", _TEXT, _MEDIUM, size) + data


class FlowMiddleware:
    """ASGI middleware that puts the transport of Daphne's sockets into their scope."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        protocol = send.args[0] if isinstance(send, functools.partial) and send.args else None
        if hasattr(protocol, "sendMessage") and hasattr(protocol, "transport"):
            scope = {**scope, "extensions": {**scope.get("extensions", {}), EXTENSION: Flow(protocol)}}
        await self.application(scope, receive, send)
