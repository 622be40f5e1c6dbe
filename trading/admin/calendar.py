"""Trading days and session templates: seen here, replaced by commands in the log (T-20, T-24)."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin, shanghai
from exchange_site.admin_operations import OperationsMixin
from trading.admin.forms import VenueForm, long_text_field, whole_field
from trading.admin.operations import CommandOperation
from trading.admin.timetable import MOST_DAYS, clock, parse_days, parse_sections, sections_text
from trading.calendar import BadHolidays, Holiday, days_between, from_int, read_holidays
from trading.choices import ClockMode
from trading.engine import messages as core
from trading.engine.sessions import is_day, to_date
from trading.models import SessionSection, SessionTemplate, TradingDay, Venue
from trading.selectors import whole_calendar

PHASE_LABELS = {
    "CONTINUOUS": "success",
    "AUCTION_ORDER": "info",
    "AUCTION_MATCH": "info",
    "BREAK": "warning",
    "CLOSED": "danger",
}


class DaysForm(VenueForm):
    days = long_text_field(_("Trading days, yyyymmdd, one a line"), 50_000)

    def clean_days(self) -> list[int]:
        return parse_days(self.cleaned_data["days"])


class HolidaysForm(VenueForm):
    """A list of holidays becomes the days of `SetCalendar`."""

    until = whole_field(_("Last day of the calendar, yyyymmdd"), 19700101, 99981231)
    holidays = long_text_field(
        _("Holidays as CSV: date,name,basis"),
        50_000,
        help_text=_("Dates are yyyy-mm-dd; the basis is announced, statutory or expected."),
    )

    def clean_until(self) -> int:
        if not is_day(self.cleaned_data["until"]):
            raise ValidationError(_("Not a day: %(words)s") % {"words": self.cleaned_data["until"]})
        return int(self.cleaned_data["until"])

    def clean_holidays(self) -> list[Holiday]:
        try:
            return read_holidays(self.cleaned_data["holidays"])
        except BadHolidays as error:
            lines = ", ".join(map(str, error.lines[:20]))
            raise ValidationError(_("Bad lines: %(lines)s") % {"lines": lines}) from error

    def clean(self) -> dict[str, Any]:
        """Adds `days`, the trading days from the venue's current one to the last."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if {"venue", "until", "holidays"} <= set(data):
            first, last = from_int(data["venue"].trading_day), from_int(data["until"])
            if not 0 < (last - first).days <= MOST_DAYS:
                raise ValidationError(_("The calendar may end 1 to 4000 days ahead."))
            data["days"] = days_between(data["holidays"], first, last, data["venue"].mode == ClockMode.ALWAYS)
        return data


class SessionsForm(VenueForm):
    sections = long_text_field(
        _("Sections as CSV"),
        50_000,
        help_text=_("Every template of the venue: what is left out here is gone."),
    )

    def clean_sections(self) -> list[Any]:
        return parse_sections(self.cleaned_data["sections"])


class SetCalendar(CommandOperation):
    name = "set"
    label = _("Set the calendar")
    icon = "edit_calendar"
    permission = "trading.operate_instruments"
    needs_rows = False
    in_list = True
    form_class = DaysForm
    explanation = _("Replaces the days after the current trading day.")

    def initial(self, rows: Any) -> dict[str, Any]:
        venue = Venue.objects.order_by("id").first()
        if venue is None:
            return {}
        days = TradingDay.objects.filter(venue=venue, day__gt=venue.trading_day)
        return {"days": "\n".join(map(str, days.order_by("day").values_list("day", flat=True)))}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        venue = data["venue"]
        new = [day for day in data["days"] if day > venue.trading_day]
        old = TradingDay.objects.filter(venue=venue, day__gt=venue.trading_day)
        known = set(old.values_list("day", flat=True))
        added = len(set(new) - known)
        gone = sorted(known - set(new))
        return _("%(added)s days are added, %(gone)s are removed: %(days)s") % {
            "added": added,
            "gone": len(gone),
            "days": ", ".join(map(str, gone[:20])) or "–",
        }

    def command(self, row: Any, data: dict[str, Any]) -> core.SetCalendar:
        return core.SetCalendar(whole_calendar(data["venue"], data["days"]))


class SetSessions(CommandOperation):
    name = "set"
    label = _("Set the sessions")
    icon = "edit"
    permission = "trading.operate_instruments"
    needs_rows = False
    in_list = True
    form_class = SessionsForm
    explanation = _("Replaces the whole session table; sections already over stay as they were.")

    def initial(self, rows: Any) -> dict[str, Any]:
        venue = Venue.objects.order_by("id").first()
        return {"sections": sections_text(SessionSection.objects.filter(venue=venue))}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        new = {name for name, _sections in data["sections"]}
        names = SessionTemplate.objects.filter(venue=data["venue"]).values_list("name", flat=True)
        gone = sorted(set(names) - new)
        return _("%(count)s templates are set; removed: %(gone)s") % {
            "count": len(new),
            "gone": ", ".join(gone) or "–",
        }

    def command(self, row: Any, data: dict[str, Any]) -> core.SetSessions:
        return core.SetSessions(data["sections"])


class ImportHolidays(SetCalendar):
    name = "import"
    label = _("Import holidays")
    icon = "upload_file"
    form_class = HolidaysForm
    explanation = _("Every weekday that is not in the list is a trading day; days known before are replaced.")

    def initial(self, rows: Any) -> dict[str, Any]:
        return {}


@admin.register(TradingDay)
class TradingDayAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (SetCalendar, ImportHolidays)
    list_display = ("day", "venue", "weekday")
    list_select_related = ("venue",)
    ordering = ("-day",)
    search_help_text = _("year, month or day: 2026, 202610, 20261001")
    search_fields = ("day__startswith",)

    @display(description=_("weekday"))
    def weekday(self, row: TradingDay) -> Any:
        return WEEKDAYS[to_date(row.day).weekday()]


@admin.register(SessionTemplate)
class SessionTemplateAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (SetSessions,)
    list_display = ("name", "venue", "phase_shown", "phase_since")
    list_select_related = ("venue",)
    ordering = ("name",)
    readonly_fields = (
        "phase_since",
        "timetable",
    )
    fieldsets = ((None, {"fields": (("name", "venue"), ("phase", "phase_since"), "timetable")}),)

    @display(description=_("phase"), label=PHASE_LABELS, ordering="phase")
    def phase_shown(self, row: SessionTemplate) -> tuple[str, str]:
        return row.phase, row.get_phase_display()

    @display(description=_("since"), ordering="phase_since_ns")
    def phase_since(self, row: SessionTemplate) -> str:
        return shanghai(row.phase_since_ns)

    @display(description=_("timetable"))
    def timetable(self, row: SessionTemplate) -> Any:
        sections = SessionSection.objects.filter(venue=row.venue, template=row.name)
        lines = (
            (row.get_phase_display(), clock(row.start_minute), clock(row.end_minute), night(row))
            for row in sections
        )
        return format_html_join("", "<div>{} {}–{} {}</div>", lines)


def night(section: SessionSection) -> Any:
    """Marks a section of the evening before."""
    return _("(evening before)") if section.is_night else ""
