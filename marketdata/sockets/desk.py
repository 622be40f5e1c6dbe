"""What other processes may ask of this one's sockets, over the process bus (O-6)."""

from typing import Any

from exchange_site import ipc
from marketdata.sockets.figures import FIGURES, describe

MOST = 1_000
"""Sockets told at once: a message of the bus holds 1 MiB. Those behind come first."""
SENT_AWAY = 4001


async def list_sockets(payload: dict[str, Any]) -> dict[str, Any]:
    """`{total, sockets: […]}` of this process."""
    opened = sorted(FIGURES.open, key=lambda socket: (not socket.paused_at, -socket.since_ms))
    return {"total": len(opened), "sockets": [describe(socket) for socket in opened[:MOST]]}


async def close_sockets(payload: dict[str, Any]) -> dict[str, Any]:
    """Close the socket of `socket_id`, or all of `username`."""
    socket_id, username = str(payload.get("socket_id", "")), str(payload.get("username", ""))
    chosen = [
        socket
        for socket in FIGURES.open
        if (socket_id and socket.socket_id == socket_id) or (username and username in socket.usernames())
    ]
    for socket in chosen:
        socket.end(SENT_AWAY, "closed by an operator")
    return {"closed": len(chosen)}


def join_bus(venue: str) -> ipc.Bus:
    """Put a web process on the bus; called on its event loop."""
    handlers: dict[str, ipc.Handler] = {"list_sockets": list_sockets, "close_sockets": close_sockets}
    return ipc.serve("web", venue, handlers)
