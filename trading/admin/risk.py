"""Conditional orders, risk notices, liquidations: read-only; an operator may cancel the first (O-2)."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin, shanghai
from exchange_site.admin_operations import OperationsMixin
from exchange_site.exceptions import message
from trading.admin.accounts import AccountColumn
from trading.admin.filters import TradingDayFilter
from trading.admin.operations import CommandOperation
from trading.admin.risk_desk import RiskDeskMixin
from trading.condition_selectors import table_data
from trading.engine import messages as core
from trading.models import ConditionalOrder, LiquidationRecord, LiquidationStep, RiskNotice
from trading.representations import ratio_of

ACCOUNT = r"ACC_[0-9a-f]{32}"
CONDITIONAL_LABELS = {
    "WAITING": "info", "SUSPENDED": "warning", "TRIGGERED": "success", "CANCELLED": "primary",
    "EXPIRED": "primary", "FAILED": "danger",
}  # fmt: skip
LEVEL_LABELS = {
    "Normal": "success", "Warning": "info", "High": "warning", "Critical": "danger", "Liquidation": "danger",
}  # fmt: skip
LIQUIDATION_LABELS = {
    "WAITING": "warning", "RUNNING": "danger", "DONE": "primary", "CURED": "success", "HELD": "info",
}  # fmt: skip


def percent(ppm: int) -> str:
    """A risk ratio as people read it; above every threshold it has no number."""
    return "∞" if ppm < 0 else f"{ratio_of(ppm):.2%}"


class CancelConditional(CommandOperation):
    name = "cancel"
    label = _("Cancel conditional order")
    icon = "cancel"
    variant = "warning"
    permission = "trading.cancel_any_order"
    explanation = _("Only what waits or sleeps can be cancelled; orders it has placed stay.")

    def target(self, row: ConditionalOrder) -> str:
        return f"{row.account_id} {row.order_id}"

    def before(self, row: ConditionalOrder) -> dict[str, Any]:
        return {"status": row.status}

    def effect(self, row: ConditionalOrder, data: dict[str, Any]) -> Any:
        return _("%(kind)s (%(status)s) → Cancelled") % {
            "kind": row.label,
            "status": row.get_status_display(),
        }

    def command(self, row: ConditionalOrder, data: dict[str, Any]) -> core.ChangeConditional:
        return core.ChangeConditional(row.account_id, row.order_id, 0, by_operator=True)


@admin.register(ConditionalOrder)
class ConditionalOrderAdmin(AccountColumn, OperationsMixin, ReadOnlyAdmin):
    operations = (CancelConditional,)
    list_display = (
        "order_id", "inserted", "account_shown", "label", "when_shown", "then_shown", "time_condition",
        "status_shown", "reason_shown",
    )  # fmt: skip
    list_filter = (TradingDayFilter, "status")
    list_select_related = ("venue",)
    ordering = ("-id",)
    search_help_text = _("account or order")
    search_rules: ClassVar[Any] = ((ACCOUNT, ("account_id",)), (r".+", ("order_id",)))
    fields = (
        ("order_id", "account_id"), ("label", "status"), ("when_shown", "then_shown"),
        ("time_condition", "gtd_date"), ("inserted", "changed"), ("trading_day", "reason_shown"),
        ("client_tag", "uid"),
    )  # fmt: skip
    readonly_fields = ("when_shown", "then_shown", "inserted", "changed", "reason_shown")

    @display(description=_("time"))
    def inserted(self, row: ConditionalOrder) -> str:
        return shanghai(row.insert_time_ns)

    @display(description=_("status changed"))
    def changed(self, row: ConditionalOrder) -> str:
        return shanghai(row.touched_time_ns)

    @display(description=_("when"))
    def when_shown(self, row: ConditionalOrder) -> str:
        parts = [
            f"{one['instrument_id']} {one['kind']} {one['relation']} {one['price']:,.2f}"
            + (f" … {one['price2']:,.2f}" if one["price2"] else "")
            for one in table_data(row)["conditions"]
        ]
        return (" & " if row.needs_all else " | ").join(parts)

    @display(description=_("then"))
    def then_shown(self, row: ConditionalOrder) -> str:
        return ", ".join(
            f"{one['direction']} {one['offset']} {one['volume'] or '*'} {one['order_type']}"
            for one in table_data(row)["orders"]
        )

    @display(description=_("status"), label=CONDITIONAL_LABELS, ordering="status")
    def status_shown(self, row: ConditionalOrder) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("reason"))
    def reason_shown(self, row: ConditionalOrder) -> str:
        return f"{row.code} {message(row.code, {})}" if row.code else ""


@admin.register(RiskNotice)
class RiskNoticeAdmin(AccountColumn, RiskDeskMixin, ReadOnlyAdmin):
    list_display = (
        "time", "account_shown", "kind", "level_shown", "ratio", "balance", "margin", "amount", "remark",
    )  # fmt: skip
    list_filter = ("kind", "level")
    ordering = ("-id",)
    search_help_text = _("account")
    search_rules: ClassVar[Any] = ((r".+", ("account_id",)),)

    @display(description=_("level"), label=LEVEL_LABELS, ordering="level")
    def level_shown(self, row: RiskNotice) -> tuple[str, str]:
        return row.level, f"{row.get_level_before_display()} → {row.get_level_display()}"

    @display(description=_("risk ratio"), ordering="risk_ratio_ppm")
    def ratio(self, row: RiskNotice) -> str:
        return percent(row.risk_ratio_ppm)


@admin.register(LiquidationRecord)
class LiquidationRecordAdmin(AccountColumn, ReadOnlyAdmin):
    list_display = (
        "record_id", "started", "account_shown", "status_shown", "cause", "ratios", "pre_balance",
        "post_balance", "orders", "lots", "reason",
    )  # fmt: skip
    list_filter = (TradingDayFilter, "status", "cause")
    ordering = ("-id",)
    search_help_text = _("account or record")
    search_rules: ClassVar[Any] = ((r"LIQ\d+", ("record_id",)), (r".+", ("account_id",)))

    @display(description=_("begun"))
    def started(self, row: LiquidationRecord) -> str:
        return shanghai(row.started_ns)

    @display(description=_("status"), label=LIQUIDATION_LABELS, ordering="status")
    def status_shown(self, row: LiquidationRecord) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("risk ratio"))
    def ratios(self, row: LiquidationRecord) -> str:
        return f"{percent(row.risk_ratio_before_ppm)} → {percent(row.risk_ratio_after_ppm)}"


@admin.register(LiquidationStep)
class LiquidationStepAdmin(AccountColumn, ReadOnlyAdmin):
    list_display = (
        "time", "record_id", "account_shown", "order_id", "symbol", "direction", "offset", "volume",
        "closed", "value", "ratio", "code",
    )  # fmt: skip
    ordering = ("-id",)
    search_help_text = _("account or record")
    search_rules: ClassVar[Any] = ((r"LIQ\d+", ("record_id",)), (r".+", ("account_id",)))

    @display(description=_("risk ratio after"))
    def ratio(self, row: LiquidationStep) -> str:
        return percent(row.risk_ratio_after_ppm)
