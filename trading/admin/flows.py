"""Cash flows, settlement days, refusals: the books, read-only (T-100, T-94)."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin, shanghai
from exchange_site.admin_operations import OperationsMixin
from exchange_site.exceptions import message
from trading.admin.accounts import AccountColumn, UserNames
from trading.admin.filters import FLOW_KINDS, FlowKindFilter, TradingDayFilter
from trading.admin.operations import CommandOperation
from trading.codec import to_units
from trading.engine import messages as core
from trading.models import CashFlow, RejectCount, SettlementDay

STATE_LABELS = {
    "DONE": "success",
    "RUNNING": "info",
    "FAILED": "danger",
    "PRICED": "warning",
    "DRAFT": "info",
}


class Reverse(CommandOperation):
    name = "reverse"
    label = _("Reverse")
    icon = "undo"
    variant = "warning"
    permission = "trading.move_money"
    explanation = _("Books a contrary flow that names this one. A flow can be reversed once.")

    def before(self, row: CashFlow) -> dict[str, Any]:
        return {"account_id": row.account_id, "kind": row.kind, "amount": str(row.amount)}

    def effect(self, row: CashFlow, data: dict[str, Any]) -> Any:
        return _("Account %(account)s: %(amount)s") % {
            "account": row.account_id,
            "amount": f"{-row.amount:+,.2f}",
        }

    def command(self, row: CashFlow, data: dict[str, Any]) -> core.ReverseFlow:
        return core.ReverseFlow(
            row.flow_id,
            row.account_id,
            to_units(row.amount),
            self.reference(row, data),
            data["reason"],
        )


@admin.register(CashFlow)
class CashFlowAdmin(AccountColumn, UserNames, OperationsMixin, ReadOnlyAdmin):
    operations = (Reverse,)
    user_column = "operator_id"
    list_display = (
        "flow_id",
        "account_shown",
        "kind_shown",
        "amount",
        "balance_after",
        "status",
        "user_shown",
        "time",
    )
    list_filter = (TradingDayFilter, FlowKindFilter, "status")
    list_select_related = ("venue",)
    ordering = ("-id",)
    search_help_text = _("flow or account")
    search_rules: ClassVar[Any] = ((r"TXN\d+", ("flow_id",)), (r".+", ("account_id",)))
    readonly_fields = ("user_shown",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("flow_id", "account_id"),
                    ("kind_shown", "status"),
                    ("amount", "trading_day"),
                    ("balance_before", "balance_after"),
                    ("method", "reference"),
                    ("remark", "user_shown"),
                    ("reverses", "time"),
                )
            },
        ),
    )

    @display(description=_("kind"), ordering="kind")
    def kind_shown(self, row: CashFlow) -> Any:
        return FLOW_KINDS.get(row.kind, row.kind)

    @display(description=_("operator"))
    def user_shown(self, row: Any) -> str:
        return super().user_shown(row)


@admin.register(SettlementDay)
class SettlementDayAdmin(ReadOnlyAdmin):
    list_display = (
        "trading_day",
        "state_shown",
        "settled",
        "total_commission",
        "total_profit",
        "begun",
        "finished",
        "problem",
    )
    list_filter = ("state",)
    list_select_related = ("venue",)
    ordering = ("-trading_day",)
    readonly_fields = (
        "settled",
        "begun",
        "finished",
        "problem",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("trading_day", "next_trading_day"),
                    ("state", "run_id"),
                    ("settled", "problem"),
                    ("total_commission", "total_profit"),
                    ("begun", "finished"),
                    ("force_closed_accounts",),
                )
            },
        ),
    )

    @display(description=_("state"), label=STATE_LABELS, ordering="state")
    def state_shown(self, row: SettlementDay) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("accounts settled"))
    def settled(self, row: SettlementDay) -> str:
        return f"{row.settled_accounts} / {row.total_accounts}"

    @display(description=_("begun"), ordering="begun_ns")
    def begun(self, row: SettlementDay) -> str:
        return shanghai(row.begun_ns)

    @display(description=_("finished"), ordering="finished_ns")
    def finished(self, row: SettlementDay) -> str:
        return shanghai(row.finished_ns)

    @display(description=_("problem"))
    def problem(self, row: SettlementDay) -> Any:
        return f"{row.code} {message(row.code, row.params)}" if row.code else ""


@admin.register(RejectCount)
class RejectCountAdmin(ReadOnlyAdmin):
    list_display = ("trading_day", "command_type", "code", "text", "count")
    list_filter = (TradingDayFilter,)
    list_select_related = ("venue",)
    ordering = ("-trading_day", "-count")
    search_help_text = _("code")
    search_rules: ClassVar[Any] = ((r"\d{4}", ("code",)), (r".+", ("command_type",)))

    @display(description=_("meaning"))
    def text(self, row: RejectCount) -> Any:
        return message(row.code, {})
