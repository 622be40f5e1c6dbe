"""A client of the typed protocol for tests: the ASGI application in the test's own loop."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from channels.routing import URLRouter

from exchange_site.routing import websocket_urlpatterns

_application = URLRouter(websocket_urlpatterns)


class TypedClient:
    """One connection; ``frames`` is every message received, in order."""

    def __init__(self, headers: dict[str, str] | None = None, path: str = "/ws") -> None:
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {"type": "websocket", "path": path, "headers": pairs, "client": ["127.0.0.1", 50_000]}
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._came = asyncio.Event()
        self._number = 0
        self._task = asyncio.create_task(_application(scope, self._in.get, self._take))

    async def __aenter__(self) -> "TypedClient":
        self._in.put_nowait({"type": "websocket.connect"})
        return self

    async def __aexit__(self, *_: object) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(self._task, 10)

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self.closed = message["code"]
            self._in.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        elif message["type"] == "websocket.send":
            self.frames.append(json.loads(message["text"]))
        self._came.set()

    def send(self, kind: str, **members: Any) -> None:
        self.send_raw(json.dumps({"type": kind, **members}))

    def send_raw(self, text: str) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, data: bytes) -> None:
        self._in.put_nowait({"type": "websocket.receive", "bytes": data})

    async def until(self, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        """Wait until it is so; what it gave."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                self._came.clear()
                await self._came.wait()
        return found

    async def ask(self, kind: str, **members: Any) -> dict[str, Any]:
        """Send a request with an id of its own and wait for its answer."""
        self._number += 1
        request_id = f"r{self._number}"
        self.send(kind, request_id=request_id, **members)
        return await self.until(lambda: self.first(request_id=request_id))

    def all(self, **wanted: Any) -> list[dict[str, Any]]:
        """Frames whose members are so."""
        return [one for one in self.frames if all(one.get(name) == value for name, value in wanted.items())]

    def first(self, **wanted: Any) -> dict[str, Any] | None:
        return next(iter(self.all(**wanted)), None)

    async def get(self, **wanted: Any) -> dict[str, Any]:
        """The first frame that is so, when it has come."""
        return await self.until(lambda: self.first(**wanted))

    async def gone(self) -> int:
        """The code that the server closed with."""
        await self.until(lambda: self.closed is not None)
        assert self.closed is not None
        return self.closed
