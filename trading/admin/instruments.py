"""Instruments, products, rates: seen here, changed by commands in the log (T-13, T-14, T-56)."""

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import OperationsMixin
from trading.admin.accounts import plain
from trading.admin.delisting import Delist
from trading.admin.filters import ExchangeFilter
from trading.admin.instrument_base import InstrumentOperation
from trading.admin.instrument_file import ImportInstruments
from trading.admin.market_forms import (
    RATES,
    HolderRatesForm,
    InstrumentForm,
    NewInstrumentForm,
    NewProductForm,
    ProductForm,
    RatesForm,
    instrument_initial,
    instrument_to_core,
    rates_initial,
    rates_of,
)
from trading.admin.operations import CommandOperation
from trading.admin.rate_columns import RATES_SHOWN, RatesColumnsShown, shown_rate
from trading.choices import Phase
from trading.engine import messages as core
from trading.models import Instrument, Product, RateRow, SessionTemplate

STATUS_LABELS = {
    "CREATED": "info",
    "TRADING": "success",
    "SUSPENDED": "warning",
    "DELISTED": "danger",
    "EXPIRED": "danger",
}


class Suspend(InstrumentOperation):
    name = "suspend"
    label = _("Suspend")
    icon = "pause"
    variant = "warning"
    explanation = _("Resting orders stay and may be cancelled; no new order is taken.")

    def effect(self, row: Instrument, data: dict[str, Any]) -> Any:
        return _("%(status)s → Suspended; %(count)s working orders stay") % {
            "status": row.get_status_display(),
            "count": self.working_orders(row),
        }

    def command(self, row: Instrument, data: dict[str, Any]) -> core.SuspendInstrument:
        return core.SuspendInstrument(row.symbol, data["reason"])


class Resume(InstrumentOperation):
    name = "resume"
    label = _("Resume")
    icon = "play_arrow"

    def effect(self, row: Instrument, data: dict[str, Any]) -> Any:
        return _("%(status)s → Trading") % {"status": row.get_status_display()}

    def command(self, row: Instrument, data: dict[str, Any]) -> core.ResumeInstrument:
        return core.ResumeInstrument(row.symbol, data["reason"])


class CancelInstrumentOrders(InstrumentOperation):
    name = "cancel-orders"
    label = _("Cancel all orders")
    icon = "playlist_remove"
    variant = "warning"
    permission = "trading.cancel_any_order"

    def effect(self, row: Instrument, data: dict[str, Any]) -> Any:
        return _("%(count)s working orders are cancelled") % {"count": self.working_orders(row)}

    def command(self, row: Instrument, data: dict[str, Any]) -> core.CancelAll:
        return core.CancelAll("", row.symbol, by_operator=True)


class ChangeInstrument(InstrumentOperation):
    name = "change"
    label = _("Change")
    icon = "edit"
    one_row = True
    form_class = InstrumentForm
    explanation = _("Holds from the next command; the worker is not restarted.")

    def initial(self, rows: Any) -> dict[str, Any]:
        return instrument_initial(rows[0]) if rows else {}

    def changes(self, row: Instrument, data: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Fields that differ: name → before, after, as people write them."""
        before = instrument_initial(row)
        return {
            name: (before[name], data[name]) for name in before if name in data and before[name] != data[name]
        }

    def before(self, row: Instrument) -> dict[str, Any]:
        return {name: plain(value) for name, value in instrument_initial(row).items()}

    def effect(self, row: Instrument, data: dict[str, Any]) -> Any:
        fields = InstrumentForm(rows=[row]).fields
        changes = self.changes(row, data)
        lines = [f"{fields[name].label}: {old} → {new}" for name, (old, new) in changes.items()]
        return "\n".join(lines) or _("Nothing changes.")

    def command(self, row: Instrument, data: dict[str, Any]) -> core.UpdateInstrument:
        changed = {
            name: instrument_to_core(name, new) for name, (_old, new) in self.changes(row, data).items()
        }
        return core.UpdateInstrument(row.symbol, changed, data["reason"])


class SetRates(InstrumentOperation):
    name = "rates"
    label = _("Set rates")
    icon = "percent"
    one_row = True
    form_class = RatesForm
    explanation = _("Left empty, a rate is the product's. Fees hold from the next fill.")

    def initial(self, rows: Any) -> dict[str, Any]:
        return rates_initial(rows[0]) if rows else {}

    def before(self, row: Any) -> dict[str, Any]:
        return {name: plain(value) for name, value in self.initial([row]).items()}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        before = self.initial([row] if row is not None else [])
        lines = [
            f"{rate.label}: {shown_rate(before.get(name))} → {shown_rate(data[name])}"
            for name, rate in RATES.items()
            if before.get(name) != data[name]
        ]
        return "\n".join(lines) or _("Nothing changes.")

    def command(self, row: Any, data: dict[str, Any]) -> core.SetRates:
        return core.SetRates("", row.symbol, rates_of(data), data["apply_now"], data["reason"])


class SetHolderRates(SetRates):
    name = "set"
    label = _("Set rates")
    icon = "add"
    one_row = False
    needs_rows = False
    in_list = True
    form_class = HolderRatesForm
    explanation = _("Left empty, a rate is inherited; with all of them empty the row is removed.")

    def name_of(self, row: Any, data: dict[str, Any]) -> str:
        return f"{data['holder']} {data['target']}"

    def command(self, row: Any, data: dict[str, Any]) -> core.SetRates:
        target, rates = data["target"], rates_of(data)
        return core.SetRates(data["holder"], target, rates, data["apply_now"], data["reason"])


class CreateInstrument(InstrumentOperation):
    name = "create"
    label = _("Create instrument")
    icon = "add"
    needs_rows = False
    in_list = True
    form_class = NewInstrumentForm

    def name_of(self, row: Any, data: dict[str, Any]) -> str:
        return f"{data['exchange_id']}.{data['instrument_id']}"

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        return _("%(symbol)s is created in venue %(venue)s.") % {
            "symbol": self.name_of(row, data),
            "venue": data["venue"].code,
        }

    def command(self, row: Any, data: dict[str, Any]) -> core.CreateInstrument:
        given = {
            name: instrument_to_core(name, data[name])
            for name in core.InstrumentRow._fields
            if name in data and name != "rates"
        }
        rates = rates_of(data)
        given["rates"] = rates if any(rate is not None for rate in rates) else None
        return core.CreateInstrument(list(core.InstrumentRow(instrument_class="FUTURE", **given)))


@admin.register(Instrument)
class InstrumentAdmin(RatesColumnsShown, OperationsMixin, ReadOnlyAdmin):
    operations = (
        Suspend,
        Resume,
        Delist,
        CancelInstrumentOrders,
        ChangeInstrument,
        SetRates,
        CreateInstrument,
        ImportInstruments,
    )
    list_display = (
        "symbol",
        "name_shown",
        "status_shown",
        "phase_shown",
        "price_tick",
        "volume_multiple",
        "pre_settlement",
        "lower_limit",
        "upper_limit",
        "open_interest",
        "expire_date_shown",
    )
    list_filter = ("status", ExchangeFilter)
    list_select_related = ("venue",)
    ordering = ("symbol",)
    search_help_text = _("symbol, instrument or product")
    search_rules: ClassVar[Any] = (
        (
            r".+",
            (
                "symbol__startswith",
                "instrument_id__startswith",
                "name_zh__startswith",
                "product_id",
            ),
        ),
    )

    @display(description=_("name"))
    def name_shown(self, row: Instrument) -> str:
        return row.name_zh or row.name_en

    @display(description=_("status"), label=STATUS_LABELS, ordering="status")
    def status_shown(self, row: Instrument) -> tuple[str, str]:
        return row.status, row.get_status_display()

    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("symbol", "venue"),
                    ("name_zh", "name_en"),
                    ("product_id", "instrument_class"),
                    ("status_shown", "phase_shown"),
                    ("list_date", "expire_date_shown"),
                )
            },
        ),
        (
            _("Prices"),
            {
                "fields": (
                    ("lower_limit", "upper_limit"),
                    ("pre_settlement", "pre_close"),
                    ("open_interest", "pre_open_interest"),
                    ("listing_price", "price_tick"),
                )
            },
        ),
        (
            _("Terms"),
            {
                "fields": (
                    ("volume_multiple", "session_template"),
                    ("limit_up_shown", "limit_down_shown"),
                    ("min_limit_volume", "max_limit_volume"),
                    ("min_market_volume", "max_market_volume"),
                    ("position_limit", "self_trade_mode"),
                    ("breaker_shown", "seq"),
                )
            },
        ),
        (_("Rates of its own; where empty, the product's hold"), {"fields": RATES_SHOWN}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instrument]:
        """Rows with the phase of the timetable they follow."""
        template = SessionTemplate.objects.filter(venue=OuterRef("venue"), name=OuterRef("session_template"))
        return super().get_queryset(request).annotate(template_phase=Subquery(template.values("phase")[:1]))

    @display(description=_("phase"))
    def phase_shown(self, row: Any) -> Any:
        """Its own phase while a circuit breaker holds it, else the timetable's (T-20, T-44)."""
        phase = row.phase or row.template_phase
        return Phase(phase).label if phase and row.status == "TRADING" else "–"

    @display(description=_("limit up (%)"))
    def limit_up_shown(self, row: Instrument) -> str:
        return shown_rate(Decimal(row.limit_up_ppm) / 10_000)

    @display(description=_("limit down (%)"))
    def limit_down_shown(self, row: Instrument) -> str:
        return shown_rate(Decimal(row.limit_down_ppm) / 10_000)

    @display(description=_("circuit breaker"))
    def breaker_shown(self, row: Instrument) -> Any:
        if not row.breaker_move_ppm:
            return _("off")
        return _("%(move)s %% in %(window)s s, then an auction of %(auction)s s") % {
            "move": shown_rate(Decimal(row.breaker_move_ppm) / 10_000),
            "window": row.breaker_window_ns // 10**9,
            "auction": row.breaker_auction_ns // 10**9,
        }

    @display(description=_("expires"), ordering="expire_date")
    def expire_date_shown(self, row: Instrument) -> str:
        return str(row.expire_date) if row.expire_date else "–"


class ChangeProduct(CommandOperation):
    name = "change"
    label = _("Change")
    icon = "edit"
    one_row = True
    permission = "trading.operate_instruments"
    form_class = ProductForm
    explanation = _("Fees hold from the next fill, margin for new orders at once.")

    def initial(self, rows: Any) -> dict[str, Any]:
        if not rows:
            return {}
        row = rows[0]
        own = {name: getattr(row, name) for name in ("name_zh", "name_en", "larger_side_margin")}
        return {**own, **rates_initial(row)}

    def before(self, row: Any) -> dict[str, Any]:
        return {name: plain(value) for name, value in self.initial([row]).items()}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        fields = self.form_class(rows=[row] if row else []).fields
        before = self.initial([row]) if row else {}
        lines = [
            f"{fields[name].label}: {before.get(name, '–')} → {data[name]}"
            for name in fields
            if name in data and name not in ("reason", "token") and before.get(name) != data[name]
        ]
        return "\n".join(lines) or _("Nothing changes.")

    def key(self, row: Any, data: dict[str, Any]) -> tuple[str, str]:
        """Exchange and product."""
        return row.exchange_id, row.product_id

    def command(self, row: Any, data: dict[str, Any]) -> core.SetProduct:
        names = (data["name_zh"], data["name_en"])
        larger = data["larger_side_margin"]
        return core.SetProduct(list(core.ProductRow(*self.key(row, data), *names, rates_of(data), larger)))


class CreateProduct(ChangeProduct):
    name = "create"
    label = _("Create product")
    icon = "add"
    one_row = False
    needs_rows = False
    in_list = True
    form_class = NewProductForm

    def key(self, row: Any, data: dict[str, Any]) -> tuple[str, str]:
        return data["exchange_id"], data["product_id"]

    def name_of(self, row: Any, data: dict[str, Any]) -> str:
        return ".".join(self.key(row, data))


@admin.register(Product)
class ProductAdmin(RatesColumnsShown, OperationsMixin, ReadOnlyAdmin):
    operations = (ChangeProduct, CreateProduct)
    list_display = (
        "__str__",
        "name_zh",
        "name_en",
        "margin_shown",
        "open_ratio_shown",
        "open_per_lot",
        "close_ratio_shown",
        "close_per_lot",
    )
    list_filter = (ExchangeFilter,)
    list_select_related = ("venue",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("exchange_id", "product_id"),
                    ("name_zh", "name_en"),
                    ("larger_side_margin", "venue"),
                )
            },
        ),
        (_("Rates"), {"fields": RATES_SHOWN}),
    )
    search_help_text = _("product or name")
    search_rules: ClassVar[Any] = ((r".+", ("product_id", "name_zh__startswith", "name_en__istartswith")),)


@admin.register(RateRow)
class RateRowAdmin(RatesColumnsShown, OperationsMixin, ReadOnlyAdmin):
    operations = (SetHolderRates,)
    list_display = (
        "target",
        "holder",
        "margin_shown",
        "open_ratio_shown",
        "open_per_lot",
        "close_ratio_shown",
        "close_per_lot",
        "reason",
    )
    list_select_related = ("venue",)
    ordering = ("target", "holder")
    fieldsets = (
        (None, {"fields": (("target", "holder"), ("reason", "venue"))}),
        (_("Rates"), {"fields": RATES_SHOWN}),
    )
    search_help_text = _("target or holder")
    search_rules: ClassVar[Any] = ((r".+", ("target", "holder")),)
