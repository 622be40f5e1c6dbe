"""Notifications as users were told them (W-11), read-only."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin, shanghai
from trading.admin.filters import TradingDayFilter, fixed_filter
from trading.models import Notification
from trading.notification_texts import text_of

KindFilter = fixed_filter(
    _("kind"),
    "kind",
    {
        "order_rejected": _("order refused"),
        "cancel_rejected": _("cancel refused"),
        "trade_executed": _("trade"),
        "cash_flow": _("cash flow"),
        "risk_alert": _("risk"),
        "margin_call": _("margin call"),
        "liquidation": _("liquidation"),
        "market_halt": _("halt"),
        "system_notice": _("notice"),
    },
)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("told_at", "kind", "account_id", "text", "priority_shown")
    list_filter = (TradingDayFilter, KindFilter)
    ordering = ("-id",)
    search_help_text = _("account or user id")
    search_rules: ClassVar[Any] = ((r"[0-9a-f]{32}", ("user_id",)), (r".+", ("account_id",)))
    fields = ("told_at", "kind", "user_id", "account_id", "trading_day", "text", "payload")
    readonly_fields = ("told_at", "text")

    @display(description=_("time"))
    def told_at(self, row: Notification) -> Any:
        return shanghai(row.time_ns)

    @display(description=_("text"))
    def text(self, row: Notification) -> str:
        return text_of(row.kind, row.account_id, row.payload)

    @display(description=_("priority"))
    def priority_shown(self, row: Notification) -> int:
        return row.priority
