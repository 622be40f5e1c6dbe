"""A DIFF client for tests: the ASGI application driven in the test's own loop."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from channels.routing import URLRouter

from exchange_site.routing import websocket_urlpatterns

_application = URLRouter(websocket_urlpatterns)
PEEK = {"aid": "peek_message"}


def merge(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    """JSON merge patch (RFC 7386)."""
    for key, value in patch.items():
        if value is None:
            tree.pop(key, None)
        elif isinstance(value, dict) and isinstance(tree.get(key), dict):
            merge(tree[key], value)
        elif isinstance(value, dict):
            tree[key] = {}
            merge(tree[key], value)
        else:
            tree[key] = value


class DiffClient:
    """One connection; ``tree`` is what the differences make, ``frames`` every message received."""

    def __init__(self, path: str = "/ws/diff", headers: dict[str, str] | None = None) -> None:
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope = {
            "type": "websocket",
            "path": path,
            "headers": pairs,
            "client": ["127.0.0.1", 50_000],
            "query_string": b"",
        }
        self.tree: dict[str, Any] = {}
        self.frames: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.closed: int | None = None
        self.accepted = asyncio.Event()
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._came = asyncio.Event()
        self._task = asyncio.create_task(_application(self.scope, self._in.get, self._take))

    async def __aenter__(self) -> "DiffClient":
        self._in.put_nowait({"type": "websocket.connect"})
        await self.until(lambda: self.frames or self.closed is not None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(self._task, 10)

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self.closed = message["code"]
            self._in.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        elif message["type"] == "websocket.accept":
            self.accepted.set()
        else:
            self.raw.append(message["text"])
            frame = json.loads(message["text"])
            self.frames.append(frame)
            for patch in frame.get("data", ()) if frame["aid"] == "rtn_data" else ():
                merge(self.tree, patch)
        self._came.set()

    def send(self, aid: str, **members: Any) -> None:
        """Send one message."""
        self.send_raw(json.dumps({"aid": aid, **members}))

    def send_raw(self, text: str) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def peek(self) -> None:
        self.send("peek_message")

    async def until(self, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        """Peek and merge until it is so; what it gave."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                assert self.closed is None or not self.frames, f"closed with {self.closed}"
                if self.frames and self.frames[-1]["aid"] == "rtn_data":
                    self.frames.append({"aid": ""})
                    self.peek()
                self._came.clear()
                if not condition():
                    await self._came.wait()
        return found

    async def run(self, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        """Begin to peek, then `until`."""
        self.peek()
        return await self.until(condition, seconds)

    # ------------------------------------------------------------------ trading

    def notices(self, code: int | None = None) -> list[dict[str, Any]]:
        """Notifies so far, of one code or all."""
        found = list(self.tree.get("notify", {}).values())
        return [one for one in found if code in (None, one["code"])]

    async def log_in(self, user_name: str, password: str) -> dict[str, Any]:
        """Log in and wait for the whole snapshot; the branch."""
        self.send("req_login", bid="x", user_name=user_name, password=password)
        await self.run(lambda: self.branch(user_name).get("trade_more_data") is False)
        return self.branch(user_name)

    def branch(self, user_name: str) -> dict[str, Any]:
        return self.tree.get("trade", {}).get(user_name, {})

    async def order_until(
        self, user_name: str, order_id: str, condition: Callable[[dict[str, Any]], Any]
    ) -> dict[str, Any]:
        """Wait until an order is so."""

        def found() -> Any:
            order = self.branch(user_name).get("orders", {}).get(order_id)
            return order if order is not None and condition(order) else None

        return await self.run(found)
