"""What the operations on one instrument share."""

from typing import Any

from trading.admin.filters import HeldFilter
from trading.admin.operations import CommandOperation
from trading.models import Instrument, Order, Position


class InstrumentOperation(CommandOperation):
    permission = "trading.operate_instruments"

    def before(self, row: Instrument) -> dict[str, Any]:
        return {"status": row.status}

    def working_orders(self, row: Instrument) -> int:
        """Orders that rest in its book."""
        return Order.objects.filter(
            venue=row.venue, symbol=row.symbol, status__in=["Submitted", "PartiallyFilled"]
        ).count()

    def holders(self, row: Instrument) -> int:
        """Accounts with lots in it."""
        flat = dict.fromkeys(HeldFilter.SIDES, 0)
        held = Position.objects.filter(venue=row.venue, symbol=row.symbol)
        return held.exclude(**flat).count()
