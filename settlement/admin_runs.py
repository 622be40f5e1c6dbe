"""The settlement wizard: prices → check → preview per account → run → result (O-6, T-90 … T-95)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin, figure
from exchange_site.admin_operations import Operation, OperationForm, OperationsMixin, Result, button
from exchange_site.exceptions import ExchangeError, message
from settlement import run_selectors as selectors
from settlement import run_services as services
from settlement.models import SettlementRun
from settlement.wizard import stand
from trading.admin.flows import STATE_LABELS
from trading.admin.forms import long_text_field, money_field, switch_field, text_field
from trading.codec import to_units
from trading.models import SettlementDay

SHOWN = 50
PRICES_SHOWN = 60
PRICE_COLUMNS = ("pre_settlement", "computed", "chosen", "price")
PRICE_TITLES = (
    _("Instrument"), _("held"), _("previous settlement"), _("computed price"), _("operator's price"),
    _("settlement price"),
)  # fmt: skip
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
    wizard_label: ClassVar[Any] = ""

    def venue(self, row: Any) -> str:
        return str(row.venue) if row is not None else settings.VENUE

    def before(self, row: SettlementRun) -> dict[str, Any]:
        return {"state": row.state, "trading_day": row.trading_day}

    def initial(self, rows: Sequence[Any]) -> dict[str, Any]:
        """A reason to begin with: every day has its settlement."""
        day = rows[0].trading_day if rows else ""
        return {"reason": (_("Settlement of %(day)s") % {"day": day}) if day else _("Daily settlement")}

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        """Do it to the run; ExchangeError is shown."""
        raise NotImplementedError

    def onward(self, results: Sequence[Result]) -> tuple[str, Any] | None:
        run = results[0].row
        return (run_url(run), _("To the run")) if run is not None else None

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        run = rows[0] if rows else None
        try:
            run = services.follow(run) if run else services.current_run(venue=settings.VENUE)
            return self.act(request, run, data)
        except ExchangeError as error:
            return [Result(str(run or settings.VENUE), error.code, refusal(error), row=run)]


def run_url(run: SettlementRun) -> str:
    return reverse("admin:settlement_settlementrun_change", args=[run.pk])


def result_links(run: Any) -> list[tuple[Any, str, str]]:
    """(title, icon, address) of what a settled day left behind."""
    days = reverse("admin:trading_accountday_changelist")
    found: list[tuple[Any, str, str]] = [(_("Statements"), "description", f"{days}?day={run.trading_day}")]
    if run.day_id is not None:  # it may have been written after the run was read
        day = reverse("admin:trading_settlementday_change", args=[run.day_id])
        found.append((_("Result of the day"), "summarize", day))
    return found


def refusal(error: ExchangeError) -> str:
    """A refusal in words, with the instruments that lack a price."""
    missing = ", ".join(error.extra.get("missing", []))
    return f"{message(error.code, error.params)} {missing}".strip()


def warning(fault: dict[str, Any], confirmed: bool) -> str:
    """A fault before it is one: taken all the same when it only wants to be confirmed."""
    text = f"{fault['instrument_id']}: {fault['code']} {fault['message']}"
    if not fault.get("confirm"):
        return text
    said = _("It is taken all the same.") if confirmed else _("It is refused unless you confirm it.")
    return f"{text} {said}"


def fault_results(run: SettlementRun, faults: list[dict[str, Any]]) -> list[Result]:
    """One line for every bad entry; nothing was set."""
    return [
        Result(f"{fault['index']}: {fault['instrument_id']}", fault["code"], fault["message"], row=run)
        for fault in faults
    ]


class OpenRun(RunOperation):
    name, label, icon = "open", _("Open today's run"), "event_available"
    needs_rows, one_row, in_list = False, False, True
    explanation = _("Opens the run of the present trading day without any price.")

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        return [Result(str(run), text=run.get_state_display(), row=run)]


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

    def effect(self, row: SettlementRun, data: dict[str, Any]) -> Any:
        """The price, and why it wants a second look."""
        entries = [(data["instrument_id"], to_units(data["settlement_price"]))]
        faults = services.price_faults(run=row, entries=entries)
        text = f"{data['instrument_id']}: {figure(data['settlement_price'])}"
        return "\n".join([text, *(warning(fault, data["confirm"]) for fault in faults)])

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

    def effect(self, row: SettlementRun, data: dict[str, Any]) -> Any:
        """What is wrong with the file, line by line."""
        faults = services.file_faults(run=row, text=data["prices"])
        text = _("%(count)s prices") % {"count": len(services.read_csv(data["prices"]).entries)}
        lines = [f"{fault['index']}: {warning(fault, data['confirm'])}" for fault in faults[:SHOWN]]
        return "\n".join([str(text), *lines])

    def act(self, request: HttpRequest, run: SettlementRun, data: dict[str, Any]) -> list[Result]:
        faults = services.import_prices(
            run=run, text=data["prices"], user_id=request.user.pk.hex, confirmed=data["confirm"]
        )
        return fault_results(run, faults) or [Result(str(run), after={"imported": True}, row=run)]


class Settle(RunOperation):
    name, label, icon, variant = "settle", _("Settle"), "gavel", "warning"
    wizard_label = _("Preview and settle")
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
    operations = (OpenRun, ComputePrices, SetPrice, ImportPrices, Settle)
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
    change_form_outer_before_template = "admin/exchange/settlement_steps.html"
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

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, runs under way brought to where their events have them."""
        for run in SettlementRun.objects.filter(state=SettlementRun.RUNNING):
            services.follow(run)
        return super().changelist_view(request, extra_context)

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A run as its events have it by now."""
        run = super().get_object(request, *args, **kwargs)
        return services.follow(run) if run is not None else None

    def buttons(self, request: HttpRequest, object_id: str | None) -> list[dict[str, Any]]:
        """Above the list; on a run's page the wizard has them, the next thing to do first."""
        return super().buttons(request, None) if object_id is None else []

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        response = super().changeform_view(request, object_id, *args, **kwargs)
        run = getattr(response, "context_data", {}).get("original")
        if run is not None:
            response.context_data.update(wizard=stand(run), wizard_buttons=self.wizard_buttons(request, run))
        return response

    def wizard_buttons(self, request: HttpRequest, run: Any) -> list[dict[str, Any]]:
        """What may be done to the run now, the next thing first."""
        if run.state == SettlementRun.DONE:
            return [{"title": title, "icon": icon, "path": path} for title, icon, path in result_links(run)]
        wanted = [self.operation(name) for name in stand(run).operations]
        return [
            {**button(one, self.operate_url(one.name), str(run.pk)), "title": one.wizard_label or one.label}
            for one in wanted
            if one.allowed(request)
        ]

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
        if row.state == SettlementRun.RUNNING:
            return format_html(
                '<progress max="{0}" value="{1}">{1} / {0}</progress> {1} / {0}',
                row.total_accounts, row.settled_accounts,
            )  # fmt: skip
        texts = (_("Statements"), f"{row.settled_accounts} / {row.total_accounts}")
        links = [(path, text) for text, (_title, _icon, path) in zip(texts, result_links(row), strict=True)]
        return format_html_join(" · ", '<a class="text-primary-600 underline" href="{}">{}</a>', links)

    @display(description=_("settlement prices"))
    def prices_shown(self, row: SettlementRun) -> Any:
        """Held instruments and those an operator set first, at most PRICES_SHOWN."""
        rows = selectors.price_rows(row)
        rows.sort(key=lambda one: (not one["held"], one["chosen"] is None, one["symbol"]))
        lines = [
            (one["symbol"], _("yes") if one["held"] else "", *(
                figure(one[name]) if one[name] is not None else "–" for name in PRICE_COLUMNS
            ))
            for one in rows[:PRICES_SHOWN]
        ]  # fmt: skip
        cells = "<td>{}</td>" * (2 + len(PRICE_COLUMNS))
        body = format_html_join("", f"<tr>{cells}</tr>", lines)
        more = len(rows) - len(lines)
        note = _("and %(count)s more") % {"count": more} if more > 0 else ""
        head = format_html_join("", "<th>{}</th>", [(title,) for title in PRICE_TITLES])
        return format_html(
            '<div class="exchange-scroll"><table class="exchange-prices"><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table>{}</div>",
            head, body, note,
        )  # fmt: skip
