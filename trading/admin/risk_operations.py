"""What the risk desk does to an account: liquidate it, hold it back, let it go (T-82, O-2)."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from exchange_site.admin_operations import Result
from trading import risk_selectors as reads
from trading import selectors
from trading.admin.operations import CommandOperation
from trading.engine import messages as core
from trading.models import TradingAccount

RIGHT = "trading.manage_risk"


class RiskOperation(CommandOperation):
    """An operation of the risk desk on trading accounts."""

    permission = RIGHT
    variant = "warning"

    def before(self, row: TradingAccount) -> dict[str, Any]:
        return {
            "margin": str(row.margin),
            "realised_balance": str(row.realised_balance),
            "held_back": self.held.get(row.account_id, ""),
        }

    def send(
        self, request: HttpRequest, venue: str, rows: Sequence[Any], data: dict[str, Any]
    ) -> list[Result]:
        """Read who is held back before the commands change it."""
        self.held = reads.held_back(venue, [row.account_id for row in rows])
        return super().send(request, venue, rows, data)


class Liquidate(RiskOperation):
    name = "liquidate"
    label = _("Liquidate")
    icon = "gpp_bad"
    variant = "danger"
    explanation = _(
        "Cancels the account's orders and closes every position at the market, whatever its risk ratio. "
        "Holding the account back stops what is not closed yet."
    )

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        rows = selectors.open_positions(row.venue.code, [row.account_id])[row.account_id]
        if not rows:
            return _("Refused: the account holds no position.")
        lots = (f"{one.symbol} {'/'.join(map(str, reads.lots(one)))}" for one in rows)
        return _("Closes (long/short): %(positions)s") % {"positions": ", ".join(lots)}

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.ForceLiquidate:
        return core.ForceLiquidate(row.account_id, data["reason"])


class HoldBack(RiskOperation):
    name = "hold-back"
    label = _("Hold back")
    icon = "pan_tool"
    explanation = _(
        "The account is not liquidated until it is let go; a liquidation that runs stops. The reason is kept."
    )

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        return _("Not liquidated any more, whatever its risk ratio")

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.HoldLiquidation:
        return core.HoldLiquidation(row.account_id, True, data["reason"])


class LetGo(RiskOperation):
    name = "let-go"
    label = _("Let go")
    icon = "play_arrow"
    explanation = _("An account at its liquidation level is liquidated at once.")

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        return _("Liquidated again when its risk ratio asks for it")

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.HoldLiquidation:
        return core.HoldLiquidation(row.account_id, False, data["reason"])


OPERATIONS = (Liquidate, HoldBack, LetGo)
