"""Withdrawals that wait for a second person (T-100, O-4)."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import MoneyRequest
from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import Operation, OperationsMixin, Result
from exchange_site.exceptions import ExchangeError, message
from trading import approval_services as services
from trading.admin.accounts import UserNames

STATES = {
    "pending": "warning",
    "approved": "info",
    "completed": "success",
    "failed": "danger",
    "cancelled": "default",
}


class Decision(Operation):
    permission = "trading.move_money"
    service: ClassVar[Callable[..., Any]]

    def venue(self, row: Any) -> str:
        return str(row.venue) if row is not None else ""

    def before(self, row: MoneyRequest) -> dict[str, Any]:
        return {"state": row.state, "amount": str(row.amount), "account_id": row.account_id}

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        return [self.decide(request, row) for row in rows]

    def decide(self, request: HttpRequest, row: MoneyRequest) -> Result:
        """Decide one request; a refusal is its result."""
        try:
            answer = type(self).service(venue=row.venue, user=request.user, request_id=row.pk)
        except ExchangeError as error:
            text = error.extra.get("reason") or message(error.code, error.params)
            return Result(str(row), error.code, text, self.before(row), row=row)
        pending = answer.status == 202
        return Result(str(row), before=self.before(row), after=answer.data, pending=pending, row=row)


class Approve(Decision):
    name, label, icon = "approve", _("Approve"), "check"
    explanation = _("Pays the sum out. Nobody approves what they asked for themselves.")
    service = staticmethod(services.approve)


class Reject(Decision):
    name, label, icon, variant = "reject", _("Reject"), "close", "danger"
    service = staticmethod(services.reject)


@admin.register(MoneyRequest)
class MoneyRequestAdmin(UserNames, OperationsMixin, ReadOnlyAdmin):
    operations = (Approve, Reject)
    user_column = "asked_by"
    list_display = ("account_id", "amount", "state_shown", "user_shown", "asked_at", "remark", "flow_id")
    list_filter = ("state",)
    ordering = ("-id",)
    search_help_text = _("account")
    search_rules: ClassVar[Any] = ((r".+", ("account_id",)),)

    @display(description=_("state"), label=STATES, ordering="state")
    def state_shown(self, row: MoneyRequest) -> tuple[str, Any]:
        return row.state, row.get_state_display()

    @display(description=_("asked by"))
    def user_shown(self, row: Any) -> str:
        return super().user_shown(row)
