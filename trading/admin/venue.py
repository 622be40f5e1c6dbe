"""The venue: its clock and switches, the kill switch, its settings (T-62, O-8)."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import OperationsMixin
from trading.admin import settings_page
from trading.admin.operations import CommandOperation
from trading.admin.settings_page import ChangeSettings
from trading.admin.timetable import clock
from trading.engine import messages as core
from trading.models import Order, Venue


class VenueOperation(CommandOperation):
    permission = "trading.halt_venue"

    def venue(self, row: Any) -> str:
        return str(row.code) if row is not None else ""

    def before(self, row: Venue) -> dict[str, Any]:
        return {"is_halted": row.is_halted, "halt_reason": row.halt_reason}

    def working_orders(self, row: Venue) -> int:
        """Orders that rest in any book of the venue."""
        working = Order.objects.filter(venue=row, status__in=["Submitted", "PartiallyFilled"])
        return working.count()


class Halt(VenueOperation):
    name = "halt"
    label = _("Halt the venue")
    icon = "emergency_home"
    variant = "danger"
    explanation = _("Kill switch: cancels every working order and takes no more.")

    def effect(self, row: Venue, data: dict[str, Any]) -> Any:
        return _("%(count)s working orders are cancelled; no order is taken until it resumes.") % {
            "count": self.working_orders(row)
        }

    def command(self, row: Venue, data: dict[str, Any]) -> core.HaltVenue:
        return core.HaltVenue(data["reason"])


class ResumeVenue(VenueOperation):
    name = "resume"
    label = _("Resume the venue")
    icon = "play_circle"
    variant = "success"

    def effect(self, row: Venue, data: dict[str, Any]) -> Any:
        return _("Orders are taken again, by the phase of each timetable.")

    def command(self, row: Venue, data: dict[str, Any]) -> core.ResumeVenue:
        return core.ResumeVenue(data["reason"])


class CancelEverything(VenueOperation):
    name = "cancel-all"
    label = _("Cancel every order")
    icon = "playlist_remove"
    variant = "warning"
    permission = "trading.cancel_any_order"

    def effect(self, row: Venue, data: dict[str, Any]) -> Any:
        return _("%(count)s working orders are cancelled") % {"count": self.working_orders(row)}

    def command(self, row: Venue, data: dict[str, Any]) -> core.CancelAll:
        return core.CancelAll("", "", by_operator=True)


@admin.register(Venue)
class VenueAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (Halt, ResumeVenue, CancelEverything, ChangeSettings)
    list_display = ("code", "state_shown", "mode", "trading_day", "settles_at", "halt_reason")
    ordering = ("id",)
    readonly_fields = ("state_text", "settles_at")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("code", "state_text"),
                    ("mode", "trading_day"),
                    ("settles_at", "halt_reason"),
                    ("engine_version", "seq"),
                )
            },
        ),
    )

    @display(
        description=_("state"),
        label={"open": "success", "halted": "danger", "settling": "warning"},
    )
    def state_shown(self, row: Venue) -> tuple[str, Any]:
        if row.is_halted:
            return "halted", _("Halted")
        return ("settling", _("Settling")) if row.is_settling else ("open", _("In operation"))

    @display(description=_("state"))
    def state_text(self, row: Venue) -> Any:
        return self.state_shown(row)[1]

    @display(description=_("settles at"))
    def settles_at(self, row: Venue) -> str:
        return clock(row.settlement_minute)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.settings_view)
        return [path("settings/", view, name="trading_venue_settings"), *super().get_urls()]

    def settings_view(self, request: HttpRequest) -> HttpResponse:
        """Every setting of a venue with its value, default and clause (O-8)."""
        if not request.user.has_perm("accounts.view_venuesetting"):
            raise PermissionDenied("settings need accounts.view_venuesetting")
        venue = self.asked_venue(request)
        change = ChangeSettings(self)
        return TemplateResponse(
            request,
            "admin/exchange/settings.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Settings"),
                "opts": self.opts,
                "venue": venue,
                "venues": list(Venue.objects.order_by("id")),
                "lines": settings_page.table(venue.code),
                "change_url": f"{self.operate_url(change.name)}?ids={venue.pk}"
                if change.allowed(request)
                else "",
            },
        )

    def asked_venue(self, request: HttpRequest) -> Venue:
        """The venue of `?venue=`, else the first."""
        code = request.GET.get("venue", "").replace("\x00", "")
        venues = Venue.objects.order_by("id")
        found = venues.filter(code=code).first() if code else venues.first()
        if found is None:
            raise Http404("venue")
        return found
