"""Delisting, and the wishes to delist that wait for a second person (T-13, O-4)."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import Operation, OperationsMixin, Result
from exchange_site.exceptions import ExchangeError, message
from trading import delisting_services as services
from trading.admin.accounts import UserNames
from trading.admin.instrument_base import InstrumentOperation
from trading.engine import messages as core
from trading.models import DelistingRequest, Instrument


class Delist(InstrumentOperation):
    name = "delist"
    label = _("Delist")
    icon = "delete_forever"
    variant = "danger"
    explanation = _(
        "Final. Refused while any account holds a position. Where the venue wants two persons, the first "
        "one's wish waits until another delists the same instrument."
    )

    def effect(self, row: Instrument, data: dict[str, Any]) -> Any:
        return _("%(status)s → Delisted; %(count)s accounts hold positions now") % {
            "status": row.get_status_display(),
            "count": self.holders(row),
        }

    def command(self, row: Instrument, data: dict[str, Any]) -> core.DelistInstrument:
        return core.DelistInstrument(row.symbol, data["reason"])

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        """Delist what this person may delist now; the rest waits for another."""
        waiting = {row.pk: self.waits(request, row, data) for row in rows}
        free = [row for row in rows if waiting[row.pk] is None]
        done = dict(zip((row.pk for row in free), super().perform(request, free, data), strict=True))
        for row in free:
            if not done[row.pk].code and not done[row.pk].pending:
                services.drop(venue=row.venue.code, symbol=row.symbol)
        return [done.get(row.pk) or waiting[row.pk] for row in rows]  # type: ignore[misc]

    def waits(self, request: HttpRequest, row: Instrument, data: dict[str, Any]) -> Result | None:
        """The refusal of a delisting that waits for a second person."""
        try:
            services.confirm(
                venue=row.venue.code,
                user=request.user,
                symbol=row.symbol,
                reason=data["reason"],  # type: ignore[arg-type]
            )
        except ExchangeError as error:
            text = message(error.code, error.params)
            return Result(self.target(row), error.code, text, self.before(row), row=row)
        return None


class KeepListed(Operation):
    name = "withdraw"
    label = _("Keep listed")
    icon = "undo"
    permission = "trading.operate_instruments"
    explanation = _("Drops the wish; the instrument stays as it is.")

    def venue(self, row: Any) -> str:
        return str(row.venue) if row is not None else ""

    def before(self, row: DelistingRequest) -> dict[str, Any]:
        return {"symbol": row.symbol, "asked_by": row.asked_by, "reason": row.reason}

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        for row in rows:
            services.drop(venue=row.venue, symbol=row.symbol)
        return [Result(row.symbol, before=self.before(row), row=row) for row in rows]


@admin.register(DelistingRequest)
class DelistingRequestAdmin(UserNames, OperationsMixin, ReadOnlyAdmin):
    operations = (KeepListed,)
    user_column = "asked_by"
    list_display = ("symbol", "venue", "user_shown", "asked_at", "reason")
    ordering = ("-id",)
    search_fields = ("symbol__startswith",)
    search_help_text = _("instrument")

    @display(description=_("asked by"))
    def user_shown(self, row: Any) -> str:
        return super().user_shown(row)
