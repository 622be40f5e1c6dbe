"""Filters that keep lists small from the start (O-5)."""

from typing import Any

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from trading.choices import SettlementState
from trading.models import SettlementDay, Venue

DAYS_OFFERED = 10
EVERY_DAY = "all"


def current_days(request: HttpRequest) -> list[int]:
    """The trading day of each venue, looked up once a request."""
    days = getattr(request, "current_trading_days", None)
    if days is None:
        days = sorted(set(Venue.objects.values_list("trading_day", flat=True)), reverse=True)
        request.current_trading_days = days  # type: ignore[attr-defined]
    return days


class TradingDayFilter(admin.SimpleListFilter):
    """The current trading day unless another one, or every day, is chosen."""

    title = _("trading day")
    parameter_name = "day"
    usual_label = _("Current (%(day)s)")

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.current = self.usual_days(request)
        super().__init__(request, *args)

    def usual_days(self, request: HttpRequest) -> list[int]:
        """The days shown when none is chosen."""
        return current_days(request)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        settled = SettlementDay.objects.order_by("-trading_day").values_list("trading_day", flat=True)
        days = [day for day in settled[:DAYS_OFFERED] if day not in self.current]
        return [*((str(day), str(day)) for day in days), (EVERY_DAY, _("Every day"))]

    def choices(self, changelist: Any) -> Any:
        current = ", ".join(map(str, self.current))
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": self.usual_label % {"day": current or "–"},
        }
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == EVERY_DAY:
            return queryset
        if value is None:
            return queryset.filter(trading_day__in=self.current or [0])  # no day is 0
        if not (value.isascii() and value.isdigit() and len(value) == 8):
            return queryset.none()
        return queryset.filter(trading_day=int(value))


class SettledDayFilter(TradingDayFilter):
    """The last settled day unless another is chosen: the current one has no statement yet."""

    usual_label = _("Last settled (%(day)s)")

    def usual_days(self, request: HttpRequest) -> list[int]:
        settled = SettlementDay.objects.filter(state=SettlementState.DONE).values("venue_id")
        return sorted(
            set(settled.annotate(day=Max("trading_day")).values_list("day", flat=True)), reverse=True
        )


def fixed_filter(label: Any, column: str, values: dict[str, Any]) -> type[admin.SimpleListFilter]:
    """A filter on a text column with known values; Django's own would scan for distinct ones."""

    class FixedFilter(admin.SimpleListFilter):
        title = label
        parameter_name = column

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
            return list(values.items())

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{column: self.value()}) if self.value() in values else queryset

    return FixedFilter


AccountTypeFilter = fixed_filter(
    _("type"),
    "account_type",
    {"individual": _("individual"), "institutional": _("institutional")},
)
FLOW_KINDS = {
    "deposit": _("deposit"),
    "withdrawal": _("withdrawal"),
    "transfer": _("transfer"),
    "commission": _("commission"),
    "pnl": _("profit and loss"),
    "settlement": _("settlement"),
    "reversal": _("reversal"),
}
FlowKindFilter = fixed_filter(_("kind"), "kind", FLOW_KINDS)
ExchangeFilter = fixed_filter(
    _("exchange"),
    "exchange_id",
    {name: name for name in ("SHFE", "INE", "DCE", "CZCE", "GFEX", "CFFEX")},
)


class WorkingFilter(admin.SimpleListFilter):
    """Orders that rest in a book, or that have ended."""

    title = _("in the book")
    parameter_name = "working"
    WORKING = ("Submitted", "PartiallyFilled")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Working")), ("no", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(status__in=self.WORKING)
        if self.value() == "no":
            return queryset.exclude(status__in=self.WORKING)
        return queryset


class HeldFilter(admin.SimpleListFilter):
    """Positions with lots; flat rows are hidden until asked for."""

    title = _("lots")
    parameter_name = "held"
    SIDES = ("long_today", "long_his", "short_today", "short_his")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(EVERY_DAY, _("Flat ones too"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("With lots")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == EVERY_DAY:
            return queryset
        flat = dict.fromkeys(self.SIDES, 0)
        return queryset.exclude(**flat)
