"""What answers at `/ws`: the typed protocol, or DIFF to a client that begins with it (D-5)."""

import asyncio
from typing import Any

from marketdata.sockets.base import UNAUTHENTICATED
from marketdata.sockets.diff.socket import DiffSocket
from marketdata.sockets.typed.messages import has_aid
from marketdata.sockets.typed.socket import LOGIN_S, TypedSocket


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accept, look at the first message, and let its protocol serve the socket."""
    opening = await receive()
    if opening["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})
    try:
        first = await asyncio.wait_for(receive(), LOGIN_S)
    except TimeoutError:
        await send({"type": "websocket.close", "code": UNAUTHENTICATED})
        return
    if first["type"] == "websocket.disconnect":
        return
    waiting = [first, opening]

    async def replay() -> Any:
        return waiting.pop() if waiting else await receive()

    async def accepted(message: dict[str, Any]) -> None:
        if message["type"] != "websocket.accept":
            await send(message)

    text = first.get("text")
    kind = DiffSocket if has_aid(text if text is not None else first.get("bytes") or b"") else TypedSocket
    await kind(scope, replay, accepted).run()
