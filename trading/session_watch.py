"""Does the market keep its calendar? Compares tables and clock, and changes nothing (T-20, T-24).

The core carries out the boundaries by log time; this look from outside finds a worker that
stands still, a timetable that was not reached and a calendar that runs out.
"""

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from exchange_site.admin_base import shanghai
from trading import choices
from trading.engine.messages import ClockMode, Phase
from trading.engine.sessions import build_boundaries, midnight_ns, phase_at, previous_trading_day
from trading.engine.state import State
from trading.engine.units import NS_PER_SECOND
from trading.models import SessionSection, SessionTemplate, TradingDay, Venue

LEAST_DAYS_AHEAD = 30
TOLERANCE_NS = 5 * NS_PER_SECOND
"""A boundary takes effect with the first command after it; ticks come each second (T-24)."""
_MODES = {text: number for number, text in choices.CLOCK_MODE.items()}
_PHASES = {text: number for number, text in choices.PHASE.items()}


class Finding(NamedTuple):
    """One thing an operator should see to; `kind` is calendar, phase or day."""

    kind: str
    text: str


def findings(venue: str, now_ns: int) -> list[Finding]:
    """What is wrong with the venue's calendar and phases now; halted or settling it is closed."""
    row = Venue.objects.get(code=venue)
    found = calendar_findings(row)
    if not (row.is_settling or row.is_halted):
        found += phase_findings(row, now_ns)
    return found


def days_ahead(row: Venue) -> int:
    """Trading days that the calendar knows after the current one."""
    return TradingDay.objects.filter(venue=row, day__gt=row.trading_day).count()


def calendar_findings(row: Venue) -> list[Finding]:
    """A calendar that is short; beyond its end every weekday is taken for a trading day."""
    left = days_ahead(row)
    if left >= LEAST_DAYS_AHEAD:
        return []
    text = _("The calendar ends in %(days)s trading days; import the next ones.") % {"days": left}
    return [Finding("calendar", text)]


def timetable(row: Venue) -> State:
    """The core's calendar as the tables tell it: enough to compute the day's boundaries."""
    state = State()
    state.mode = ClockMode(_MODES[row.mode])
    state.trading_day = row.trading_day
    state.settlement_minute = row.settlement_minute
    known = TradingDay.objects.filter(venue=row, day__lt=row.trading_day).order_by("-day")
    state.trading_days = list(known.values_list("day", flat=True)[:1])
    state.previous_day = previous_trading_day(state, row.trading_day)
    for section in SessionSection.objects.filter(venue=row).order_by("template", "-is_night", "start_minute"):
        entry = [int(section.is_night), _PHASES[section.phase], section.start_minute, section.end_minute]
        state.templates.setdefault(section.template, []).append(entry)
    return state


def phase_findings(row: Venue, now_ns: int) -> list[Finding]:
    """Templates whose phase is not the calendar's, and a trading day that should be over."""
    boundaries = build_boundaries(timetable(row))
    moments = [at_ns for at_ns, _name, _phase in boundaries]
    if any(0 <= now_ns - at_ns < TOLERANCE_NS for at_ns in moments):
        return []  # it may not have arrived in the tables yet
    found = []
    for template in SessionTemplate.objects.filter(venue=row).order_by("name"):
        due = phase_at(boundaries, template.name, now_ns)
        if _PHASES[template.phase] != due:
            texts = {"name": template.name, "is": template.get_phase_display(), "due": _label(due)}
            found.append(Finding("phase", _("%(name)s is in %(is)s, by the calendar %(due)s") % texts))
    over_ns = midnight_ns(row.trading_day) + row.settlement_minute * 60 * NS_PER_SECOND
    if now_ns > over_ns + 3600 * NS_PER_SECOND:
        texts = {"day": row.trading_day, "time": shanghai(over_ns)}
        found.append(Finding("day", _("Trading day %(day)s was to be settled from %(time)s on") % texts))
    return found


def _label(phase: int) -> str:
    return choices.Phase[Phase(phase).name].label
