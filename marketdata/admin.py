"""Feed connections: managed here, operated here, in and out as lists (G-1, O-6)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget

from accounts.admin import AuditedChanges
from exchange_site.admin_base import ExchangeModelAdmin
from exchange_site.admin_operations import Operation, OperationForm, OperationsMixin, Result
from exchange_site.exceptions import ExchangeError, message
from marketdata.admin_export import export_page
from marketdata.feeds import selectors, services
from marketdata.feeds.configuration import DUMPS, BadConfiguration, Found, read
from marketdata.feeds.models import FeedConnection
from marketdata.feeds.spread import STRATEGIES
from trading.selectors import current_venue

STATES = {
    "LOGGED_IN": "success", "CONNECTED": "info", "CONNECTING": "info", "DISCONNECTED": "warning",
    "ERROR": "danger", "DISABLED": "default",
}  # fmt: skip
FILES = {"config": "feed.json", "broker_data": "broker_data.json", "broker.xml": "broker.xml"}


class ConnectionForm(forms.ModelForm):
    """Secrets go in and never come out; an empty field keeps what is stored."""

    password = forms.CharField(
        label=_("Password"), max_length=40, required=False, widget=UnfoldAdminPasswordWidget,
        help_text=_("Stored encrypted, never shown. Empty: unchanged."),
    )  # fmt: skip
    auth_code = forms.CharField(
        label=_("Authentication code"), max_length=16, required=False, widget=UnfoldAdminPasswordWidget,
        help_text=_("Stored encrypted, never shown. Empty: unchanged."),
    )  # fmt: skip

    class Meta:
        model = FeedConnection
        fields = (
            "venue", "connection_id", "front_addr", "broker_id", "broker_name", "network", "user_id",
            "app_id", "max_subscriptions", "priority", "enabled",
        )  # fmt: skip

    def _post_clean(self) -> None:
        for name in ("password", "auth_code"):
            if self.cleaned_data.get(name):
                self.instance.set_secret(name, self.cleaned_data[name])
        super()._post_clean()  # type: ignore[misc]


class FeedOperation(Operation):
    """An operation on connections: the row, and the feed that runs."""

    permission = "marketdata.operate_feeds"
    verb: ClassVar[str] = ""

    def venue(self, row: Any) -> str:
        return str(row.venue) if row is not None else current_venue()

    def before(self, row: Any) -> dict[str, Any]:
        return {"enabled": row.enabled}

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        return [self.perform_one(row) for row in rows]

    def perform_one(self, row: Any) -> Result:
        before = self.before(row)
        try:
            after = services.operate(row.venue, row.connection_id, self.verb)
        except ExchangeError as error:
            return Result(str(row), error.code, message(error.code, error.params), before, before, row=row)
        text = _("done") if after["applied"] else _("stored; no feed runs now")
        return Result(str(row), 0, text, before, after, row=row)


class Enable(FeedOperation):
    name = verb = "enable"
    label = _("Enable")
    icon = "link"
    explanation = _("The connection connects, and takes symbols.")


class Disable(FeedOperation):
    name = verb = "disable"
    label = _("Disable")
    icon = "link_off"
    variant = "danger"
    explanation = _("The connection closes; its symbols go to the others.")


class Reconnect(FeedOperation):
    name = verb = "reconnect"
    label = _("Reconnect")
    icon = "refresh"
    explanation = _("Closes the connection and tries at once, whatever it was stopped for.")


class ListForm(OperationForm):
    """A list of connections as text, in any of the three formats."""

    content = forms.CharField(
        label=_("Configuration, broker_data.json or broker.xml"), max_length=400_000,
        widget=UnfoldAdminTextareaWidget,
    )  # fmt: skip

    def clean_content(self) -> Found:
        try:
            return read(self.cleaned_data["content"].encode("utf-8", "replace"))
        except BadConfiguration as error:
            raise forms.ValidationError(str(error)) from error


class Import(FeedOperation):
    name = "import"
    label = _("Import a list")
    icon = "upload"
    needs_rows = False
    in_list = True
    form_class = ListForm
    explanation = _("Adds connections and brings known ones up to date; secrets not given stay.")

    def target(self, row: Any) -> str:
        return current_venue()

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        found = data["content"]
        return _("%(count)s connections are stored, %(bad)s entries left out: %(names)s") % {
            "count": len(found.connections),
            "bad": len(found.bad),
            "names": "; ".join(found.bad) or "–",
        }

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        found = data["content"]
        text = services.import_found(current_venue(), found)
        bad = f" ({'; '.join(found.bad)})" if found.bad else ""
        return [Result(current_venue(), 0, text + bad, None, {"said": text})]


class StrategyForm(OperationForm):
    strategy = forms.ChoiceField(label=_("Strategy"), choices=[(name, name) for name in STRATEGIES])


class UseStrategy(FeedOperation):
    name = "strategy"
    label = _("Spread symbols by")
    icon = "shuffle"
    needs_rows = False
    in_list = True
    form_class = StrategyForm
    explanation = _("Holds for symbols placed from now on, until the feed is started anew.")

    def target(self, row: Any) -> str:
        return current_venue()

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        return data["strategy"]

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        answers = services.ask_feed(current_venue(), "use_strategy", {"strategy": data["strategy"]})
        text = _("done") if answers else _("no feed runs now")
        return [Result(current_venue(), 0, text, None, {"strategy": data["strategy"]})]


@admin.register(FeedConnection)
class FeedConnectionAdmin(AuditedChanges, OperationsMixin, ExchangeModelAdmin):
    operations = (Enable, Disable, Reconnect, Import, UseStrategy)
    form = ConnectionForm
    list_display = (
        "connection_id", "broker_name", "network", "state_shown", "quality_shown", "symbols_shown",
        "max_subscriptions", "priority", "last_tick_shown", "error_shown",
    )  # fmt: skip
    list_filter = ("enabled", "network")
    ordering = ("priority", "connection_id")
    search_help_text = _("connection, broker or broker's id")
    search_rules: ClassVar[Any] = (
        (r".+", ("connection_id__icontains", "broker_name__icontains", "broker_id")),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """The rows of the venue; what the running feed says of them is read once a page."""
        request.live_feed = selectors.live(current_venue())  # type: ignore[attr-defined]
        self._live = request.live_feed  # type: ignore[attr-defined]
        return super().get_queryset(request).filter(venue=current_venue())

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"venue": current_venue()}

    def _said(self, row: FeedConnection) -> dict[str, Any]:
        found: dict[str, Any] = self._live.get(row.connection_id, {})
        return found

    @display(description=_("state"), label=STATES)
    def state_shown(self, row: FeedConnection) -> str:
        return str(selectors.connection_data(row, self._said(row))["status"])

    @display(description=_("quality"))
    def quality_shown(self, row: FeedConnection) -> Any:
        said = self._said(row)
        costs = ", ".join(f"{name} −{cost}" for name, cost in said.get("quality_costs", {}).items() if cost)
        return f"{said['quality']} ({costs})" if costs else said.get("quality")

    @display(description=_("symbols"))
    def symbols_shown(self, row: FeedConnection) -> Any:
        return self._said(row).get("symbols")

    @display(description=_("last tick"))
    def last_tick_shown(self, row: FeedConnection) -> Any:
        seconds = self._said(row).get("last_tick_s")
        return None if seconds is None else f"{seconds} s"

    @display(description=_("error"))
    def error_shown(self, row: FeedConnection) -> Any:
        return self._said(row).get("error") or None

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export_view)
        return [
            path("export/<str:kind>/", view, name="marketdata_feedconnection_export"),
            path("rows/", self.admin_site.admin_view(export_page), name="marketdata_export"),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """The connections as a file, without secrets."""
        if not self.has_view_permission(request):
            raise PermissionDenied("feed connections are not yours to see")
        if kind not in DUMPS:
            raise Http404(kind)
        answer = HttpResponse(
            selectors.exported(current_venue(), kind), content_type="application/octet-stream"
        )
        answer["Content-Disposition"] = f'attachment; filename="{FILES[kind]}"'
        return answer
