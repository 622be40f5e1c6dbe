"""Orders, trades, positions: read-only; an operator may cancel an order (O-2, T-62)."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import OperationsMixin
from exchange_site.exceptions import message
from trading.admin.accounts import AccountColumn
from trading.admin.filters import HeldFilter, TradingDayFilter, WorkingFilter
from trading.admin.operations import CommandOperation
from trading.engine import messages as core
from trading.models import Order, Position, Trade

STATUS_LABELS = {
    "Submitted": "info",
    "PartiallyFilled": "warning",
    "Filled": "success",
    "Cancelled": "primary",
    "PendingRisk": "info",
    "Rejected": "danger",
}
SYMBOL = r"[A-Z]{3,5}\.[A-Za-z0-9-]+"
ACCOUNT = r"ACC_[0-9a-f]{32}"
MOST_NAMED = 500  # orders of one name that a search shows


def orders_named(name: str) -> list[Order]:
    """The newest orders with an id: a query for each of the two partial indexes that begin with it.

    One condition with `OR` would make the planner walk the newest rows for one that matches.
    """
    own = Order.objects.filter(order_id=name).order_by("-id").only("id", "account_id", "trading_day")
    accepted, refused = own.filter(exchange_order_id__gt=0), own.filter(exchange_order_id=0)
    return [*accepted[:MOST_NAMED], *refused[:MOST_NAMED]]


def order_or_account(term: str) -> Q:
    """Orders with the id; when there are none, orders of the account."""
    named = orders_named(term)
    return Q(pk__in=[order.pk for order in named]) if named else Q(account_id=term)


def trade_of_order_or_account(term: str) -> Q:
    """Trades of such orders, found by account and day, for which trades have an index."""
    keys = {(order.account_id, order.trading_day) for order in orders_named(term)}
    found = Q(account_id=term)
    if keys:
        accounts, days = zip(*keys, strict=True)
        found = Q(order_id=term, account_id__in=accounts, trading_day__in=set(days))
    return found


class CancelOrder(CommandOperation):
    name = "cancel"
    label = _("Cancel order")
    icon = "cancel"
    variant = "warning"
    permission = "trading.cancel_any_order"
    explanation = _("Works in every phase. An order that has ended stays as it is.")

    def target(self, row: Order) -> str:
        return f"{row.symbol} {row.order_id}"

    def before(self, row: Order) -> dict[str, Any]:
        return {"status": row.status, "volume_left": row.volume_left}

    def effect(self, row: Order, data: dict[str, Any]) -> Any:
        return _("%(direction)s %(left)s of %(volume)s at %(price)s (%(status)s) → Cancelled") % {
            "direction": row.get_direction_display(),
            "left": row.volume_left,
            "volume": row.volume,
            "price": f"{row.limit_price:,.2f}",
            "status": row.get_status_display(),
        }

    def command(self, row: Order, data: dict[str, Any]) -> core.CancelOrder:
        return core.CancelOrder(row.account_id, row.order_id, by_operator=True)


@admin.register(Order)
class OrderAdmin(AccountColumn, OperationsMixin, ReadOnlyAdmin):
    operations = (CancelOrder,)
    list_display = (
        "order_id",
        "insert_time",
        "account_shown",
        "symbol",
        "direction_shown",
        "offset",
        "limit_price",
        "volume",
        "volume_left",
        "status_shown",
        "reason_shown",
    )
    list_filter = (TradingDayFilter, WorkingFilter, "status", "direction", "offset")
    list_select_related = ("venue",)
    ordering = ("-id",)
    search_help_text = _("order, account or symbol")
    search_rules: ClassVar[Any] = (
        (ACCOUNT, ("account_id",)),
        (SYMBOL, ("symbol",)),
        (r".+", (order_or_account,)),
    )
    readonly_fields = ("reason_shown",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("order_id", "account_id"),
                    ("symbol", "trading_day"),
                    ("direction", "offset"),
                    ("price_type", "limit_price"),
                    ("volume", "volume_left"),
                    ("time_condition", "volume_condition"),
                    ("min_volume", "gtd_date"),
                    ("status", "reason_shown"),
                )
            },
        ),
        (
            _("Figures and ids"),
            {
                "fields": (
                    ("filled_value", "frozen_margin"),
                    ("frozen_commission", "hedge_flag"),
                    ("client_tag", "exchange_order_id"),
                    ("uid", "seq"),
                    ("insert_time", "update_time"),
                )
            },
        ),
    )

    @display(description=_("direction"), label={"BUY": "danger", "SELL": "success"})
    def direction_shown(self, row: Order) -> tuple[str, str]:
        return row.direction, row.get_direction_display()

    @display(description=_("status"), label=STATUS_LABELS, ordering="status")
    def status_shown(self, row: Order) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("reason"))
    def reason_shown(self, row: Order) -> Any:
        if row.code:
            return f"{row.code} {message(row.code, row.params)}"
        return row.get_end_reason_display() if row.end_reason else ""


@admin.register(Trade)
class TradeAdmin(AccountColumn, ReadOnlyAdmin):
    list_display = (
        "trade_id",
        "account_shown",
        "symbol",
        "direction_shown",
        "offset",
        "price",
        "volume",
        "commission",
        "close_profit",
        "time",
    )
    list_filter = (TradingDayFilter, "direction", "offset", "is_taker", "in_auction")
    list_select_related = ("venue",)
    ordering = ("-id",)
    search_help_text = _("account, symbol or order")
    search_rules: ClassVar[Any] = (
        (ACCOUNT, ("account_id",)),
        (SYMBOL, ("symbol",)),
        (r".+", (trade_of_order_or_account,)),
    )
    readonly_fields = ("trade_id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("trade_id", "symbol"),
                    ("account_id", "counter_account_id"),
                    ("direction", "offset"),
                    ("price", "volume"),
                    ("commission", "close_profit"),
                    ("is_taker", "in_auction"),
                    ("open_interest", "trading_day"),
                    ("exchange_order_id", "order_uid"),
                    ("time", "seq"),
                )
            },
        ),
    )

    @display(description=_("trade"))
    def trade_id(self, row: Trade) -> str:
        return row.trade_id

    @display(description=_("direction"), label={"BUY": "danger", "SELL": "success"})
    def direction_shown(self, row: Trade) -> tuple[str, str]:
        return row.direction, row.get_direction_display()


@admin.register(Position)
class PositionAdmin(AccountColumn, ReadOnlyAdmin):
    list_display_links = ("symbol",)
    list_display = (
        "account_shown",
        "symbol",
        "long_lots",
        "long_margin",
        "short_lots",
        "short_margin",
        "trading_day",
    )
    list_filter = (HeldFilter,)
    list_select_related = ("venue",)
    ordering = ("-id",)
    search_help_text = _("account or symbol")
    search_rules: ClassVar[Any] = (
        (SYMBOL, ("symbol", "account_id")),
        (r".+", ("account_id",)),
    )

    @display(description=_("long: today + history"))
    def long_lots(self, row: Position) -> str:
        return f"{row.long_today} + {row.long_his}"

    @display(description=_("short: today + history"))
    def short_lots(self, row: Position) -> str:
        return f"{row.short_today} + {row.short_his}"
