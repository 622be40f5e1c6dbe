"""Commands about the venue as a whole: creation, calendar, sessions, settings, kill switch."""

from trading.engine import codes
from trading.engine.clock import (
    close_venue,
    lay_out,
    rebuild_boundaries,
    restore_phases,
)
from trading.engine.messages import (
    ClockMode,
    CreateVenue,
    EndReason,
    HaltVenue,
    ResumeVenue,
    SetCalendar,
    SetSessions,
    SetSettings,
)
from trading.engine.orders import queue_end
from trading.engine.rates import refuse
from trading.engine.sessions import is_day, previous_trading_day, sessions_fault
from trading.engine.settings import SETTINGS
from trading.engine.state import Context

_MINUTES_A_DAY = 1440


def create_venue(context: Context, command: CreateVenue) -> int:
    """The first command of a log."""
    state = context.state
    sound = (
        command.venue and 0 < command.number < 2**10 and is_day(command.trading_day)
        and command.mode in (ClockMode.REAL, ClockMode.ALWAYS)
        and 0 <= command.settlement_minute < _MINUTES_A_DAY
    )  # fmt: skip
    if state.venue or not sound:
        return refuse(context, command, codes.INVALID_FIELD, {"field": "venue"})
    state.venue = command.venue
    state.number = command.number
    state.mode = command.mode
    state.settlement_minute = command.settlement_minute
    state.begin_day(command.trading_day)
    state.previous_day = previous_trading_day(state, command.trading_day)
    context.emit("VenueCreated", *command, state.engine_version)
    return codes.OK


def set_calendar(context: Context, command: SetCalendar) -> int:
    """Replace the trading days; the past and the current day stay as they were (T-24)."""
    state = context.state
    days = command.trading_days
    if not days or not all(is_day(day) for day in days) or sorted(set(days)) != days:
        return refuse(context, command, codes.INVALID_FIELD, {"field": "trading_days"})
    if state.trading_day not in days:
        return refuse(context, command, codes.INVALID_FIELD, {"field": "trading_days"})
    state.trading_days = list(days)
    state.previous_day = previous_trading_day(state, state.trading_day)
    context.emit("CalendarSet", list(days))
    rebuild_boundaries(context)
    return codes.OK


def set_sessions(context: Context, command: SetSessions) -> int:
    """Set the session templates; those in use may change but not go away."""
    state = context.state
    fault = sessions_fault(command.templates)
    names: set[str] = set()
    if not fault:
        names = {entry[0] for entry in command.templates}
        used = (instrument.session_template for instrument in state.instruments.values())
        fault = next((name for name in used if name not in names), "")
    if fault:
        return refuse(context, command, codes.INVALID_FIELD, {"field": fault})
    state.templates = {
        name: [[int(value) for value in section] for section in sections]
        for name, sections in command.templates
    }
    for name in [name for name in state.phases if name not in names]:
        del state.phases[name]
    context.emit("SessionsSet", command.templates)
    rebuild_boundaries(context)
    return codes.OK


def set_settings(context: Context, command: SetSettings) -> int:
    """Change venue settings; every one must be known and within its range (O-8)."""
    for name, value in command.values.items():
        setting = SETTINGS.get(name)
        if setting is None or not setting.minimum <= value <= setting.maximum:
            return refuse(context, command, codes.INVALID_FIELD, {"field": name})
    context.state.settings.update(command.values)
    context.state.derive_from_settings()
    context.emit("SettingsChanged", dict(command.values), command.reason)
    return codes.OK


def halt_venue(context: Context, command: HaltVenue) -> int:
    """Kill switch: every order ends, nothing more is taken until resumed (T-62)."""
    state = context.state
    if state.halted:
        return refuse(context, command, codes.INVALID_FIELD, {"field": "halted"})
    state.halted = True
    context.emit("VenueHalted", command.reason)
    close_venue(context)
    queue_end(state, list(state.orders), EndReason.VENUE_HALTED, "")
    return codes.OK


def resume_venue(context: Context, command: ResumeVenue) -> int:
    """Take orders again, in the phase that the day's table names for now."""
    state = context.state
    if not state.halted or state.work:
        return refuse(context, command, codes.INVALID_FIELD, {"field": "halted"})
    state.halted = False
    context.emit("VenueResumed", command.reason)
    lay_out(state)
    if state.settlement is None:
        restore_phases(context)
    return codes.OK
