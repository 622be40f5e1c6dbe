"""Statements, passwords and transfers over DIFF (D-12)."""

from typing import TYPE_CHECKING, Any

from trading.engine.codes import SERVICE_UNAVAILABLE

if TYPE_CHECKING:
    from marketdata.sockets.diff.trade import TradeDesk


async def serve(desk: "TradeDesk", message: Any) -> None:
    """Carry out a message that needs the tables."""
    desk.refuse(SERVICE_UNAVAILABLE)
