"""Back-pressure of sockets: whoever writes to a reader that stopped reading learns of it (W-7).

Daphne writes whatever an application sends into the transport's buffer, without end. Here
each socket's transport gets a producer that is told when the buffer is full. The ASGI scope
carries it as ``scope["extensions"]["exchange.flow"]``.
"""

import functools
import time
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

EXTENSION = "exchange.flow"


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
        self._protocol.sendMessage(data, False)

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


class FlowMiddleware:
    """ASGI middleware that puts the transport of Daphne's sockets into their scope."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        protocol = send.args[0] if isinstance(send, functools.partial) and send.args else None
        if hasattr(protocol, "sendMessage") and hasattr(protocol, "transport"):
            scope = {**scope, "extensions": {**scope.get("extensions", {}), EXTENSION: Flow(protocol)}}
        await self.application(scope, receive, send)
