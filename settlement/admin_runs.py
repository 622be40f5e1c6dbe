"""The settlement wizard: prices → check → preview per account → run → result (O-6, T-90 … T-95)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import Operation, OperationForm, OperationsMixin, Result
from exchange_site.exceptions import ExchangeError, message
from settlement import run_selectors as selectors
from settlement import run_services as services
from settlement.models import SettlementRun
from trading.admin.flows import STATE_LABELS
from trading.admin.forms import long_text_field, money_field, switch_field, text_field
from trading.codec import to_units
from trading.models import SettlementDay

SHOWN = 50
CSV_LENGTH = 512 * 1024


class SetPriceForm(OperationForm):
    instrument_id = text_field(_("Instrument"), 64)
    settlement_price = money_field(_("Settlement price"), "0.0001")
    confirm = switch_field(_("Take it also when it is off the tick or outside the limits"))


class ImportForm(OperationForm):
    prices = long_text_field(_("CSV: instrument_id,settlement_price"), CSV_LENGTH)
    confirm = switch_field(_("Take prices also when they are off the tick or outside the limits"))


class RunOperation(Operation):
    """An operation on one run; refusals become its result."""

    permission = "settlement.settle"
    one_row = True

    def venue(self, row: Any) -> str:
        return str(row.venue) if row is not None else settings.VENUE

    def before(self, row: SettlementRun) -> dict[str, Any]:
        return {"state": row.state, "trading_day": row.trading_day}

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        """Do it to the run; ExchangeError is shown."""
        raise NotImplementedError

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        run = rows[0] if rows else None
        try:
            run = services.follow(run) if run else services.current_run(venue=settings.VENUE)
            return self.act(request, run, data)
        except ExchangeError as error:
            return [Result(str(run or settings.VENUE), error.code, refusal(error), row=run)]


def refusal(error: ExchangeError) -> str:
    """A refusal in words, with the instruments that lack a price."""
    missing = ", ".join(error.extra.get("missing", []))
    return f"{message(error.code, error.params)} {missing}".strip()


def fault_results(run: SettlementRun, faults: list[dict[str, Any]]) -> list[Result]:
    """One line for every bad entry; nothing was set."""
    return [
        Result(f"{fault['index']}: {fault['instrument_id']}", fault["code"], fault["message"], row=run)
        for fault in faults
    ]


class ComputePrices(RunOperation):
    name, label, icon = "prices", _("Compute today's prices"), "calculate"
    needs_rows, one_row, in_list = False, False, True
    explanation = _("Opens the run of the present trading day; prices set by operators stay.")

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        count = services.compute_prices(run=run)
        missing = ", ".join(selectors.missing_prices(run)) or _("none")
        text = _("%(count)s prices; held without one: %(missing)s") % {"count": count, "missing": missing}
        return [Result(str(run), text=text, after={"prices": count}, row=run)]


class SetPrice(RunOperation):
    name, label, icon = "set-price", _("Set a price"), "edit"
    form_class = SetPriceForm

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        entries = [(data["instrument_id"], to_units(data["settlement_price"]))]
        faults = services.set_prices(
            run=run, entries=entries, user_id=request.user.pk.hex, confirmed=data["confirm"]
        )
        after = {"instrument_id": entries[0][0], "settlement_price": str(data["settlement_price"])}
        return fault_results(run, faults) or [Result(str(run), after=after, row=run)]


class ImportPrices(RunOperation):
    name, label, icon = "import", _("Import prices"), "upload"
    form_class = ImportForm
    explanation = _("All or none: every line that is wrong is named.")

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        faults = services.import_prices(
            run=run, text=data["prices"], user_id=request.user.pk.hex, confirmed=data["confirm"]
        )
        return fault_results(run, faults) or [Result(str(run), after={"imported": True}, row=run)]


class Settle(RunOperation):
    name, label, icon, variant = "settle", _("Settle"), "gavel", "warning"
    explanation = _("Closes the trading day for good. Where two persons are wanted, the first one asks.")

    def effect(self, row: SettlementRun, data: dict[str, Any]) -> Any:
        """The preview: what becomes of each account with positions."""
        lines = [
            f"{one['account_id']}: {one['position_profit']:+,.2f} → {one['balance']:,.2f}"
            f" ({one['risk_ratio']:.1%}){' !' if one['force_close'] else ''}"
            for one, _n in zip(selectors.previews(row), range(SHOWN), strict=False)
        ]
        missing = selectors.missing_prices(row)
        if missing:
            lines.insert(0, _("Without a price: %(symbols)s") % {"symbols": ", ".join(missing)})
        return "\n".join(map(str, lines)) or _("Nobody holds a position.")

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        done = services.execute(run=run, user_id=request.user.pk.hex)
        return [Result(str(run), text=done.get_state_display(), after={"state": done.state}, row=run)]


@admin.register(SettlementRun)
class SettlementRunAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (ComputePrices, SetPrice, ImportPrices, Settle)
    list_display = (
        "trading_day",
        "venue",
        "state_shown",
        "problem",
        "asked_at",
        "started_at",
        "result_shown",
    )
    list_filter = ("state",)
    ordering = ("-trading_day",)
    readonly_fields = ("problem", "result_shown", "prices_shown")
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("trading_day", "venue"),
                    ("state", "problem"),
                    ("asked_at", "started_at"),
                    ("result_shown",),
                    ("prices_shown",),
                )
            },
        ),
    )

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A run as its events have it by now."""
        run = super().get_object(request, *args, **kwargs)
        return services.follow(run) if run is not None else None

    @display(description=_("state"), label=STATE_LABELS, ordering="state")
    def state_shown(self, row: SettlementRun) -> tuple[str, Any]:
        return row.state, row.get_state_display()

    @display(description=_("problem"))
    def problem(self, row: SettlementRun) -> Any:
        return f"{row.code} {message(row.code, row.params)}" if row.code else ""

    def get_queryset(self, request: HttpRequest) -> Any:
        """Runs with what the log has of their days, in one query."""
        day = SettlementDay.objects.filter(venue__code=OuterRef("venue"), trading_day=OuterRef("trading_day"))
        return (
            super()
            .get_queryset(request)
            .annotate(
                day_id=Subquery(day.values("pk")[:1]),
                settled_accounts=Subquery(day.values("settled_accounts")[:1]),
                total_accounts=Subquery(day.values("total_accounts")[:1]),
            )
        )

    @display(description=_("result"))
    def result_shown(self, row: Any) -> Any:
        if row.day_id is None:
            return ""
        url = reverse("admin:trading_settlementday_change", args=[row.day_id])
        return format_html('<a href="{}">{} / {}</a>', url, row.settled_accounts, row.total_accounts)

    @display(description=_("settlement prices"))
    def prices_shown(self, row: SettlementRun) -> str:
        return "; ".join(
            f"{one.symbol} {one.price:,.2f}" for one in row.prices.all() if one.price is not None
        )
