"""Calendar, session templates and the phase boundaries of a trading day (T-20 … T-24)."""

from datetime import date, timedelta
from typing import Any

from trading.engine.messages import ClockMode, Phase
from trading.engine.state import State
from trading.engine.units import NS_PER_DAY, NS_PER_MINUTE, SHANGHAI_OFFSET_NS

_EPOCH = date(1970, 1, 1).toordinal()
_CLOSED, _BREAK = int(Phase.CLOSED), int(Phase.BREAK)
_CONTINUOUS, _AUCTION_ORDER = int(Phase.CONTINUOUS), int(Phase.AUCTION_ORDER)
ALWAYS_SECTIONS = [[0, _CONTINUOUS, 0, 1440]]
"""A template that is open around the clock, from settlement to settlement (T-23)."""
MAX_MINUTE = 2 * 1440
_FIRST_DAY, _LAST_DAY = 1970_01_01, 9998_12_31


def to_date(day: int) -> date:
    """The date of a yyyymmdd int; ValueError when there is none."""
    return date(day // 10_000, day // 100 % 100, day % 100)


def to_day(value: date) -> int:
    return value.year * 10_000 + value.month * 100 + value.day


def is_day(day: int) -> bool:
    """Is it a yyyymmdd of this calendar?"""
    if not _FIRST_DAY <= day <= _LAST_DAY:
        return False
    try:
        to_date(day)
    except ValueError:
        return False
    return True


def midnight_ns(day: int) -> int:
    """UTC nanoseconds of 00:00 Shanghai time of a day."""
    return (to_date(day).toordinal() - _EPOCH) * NS_PER_DAY - SHANGHAI_OFFSET_NS


def day_of_ns(time_ns: int) -> int:
    """Calendar day in Shanghai of a time."""
    return to_day(date.fromordinal(_EPOCH + (time_ns + SHANGHAI_OFFSET_NS) // NS_PER_DAY))


def shift(day: int, days: int) -> int:
    return to_day(to_date(day) + timedelta(days=days))


def next_trading_day(state: State, day: int) -> int:
    """The calendar's next trading day; beyond its end the next weekday (every day in `always`)."""
    following = [known for known in state.trading_days if known > day]
    return following[0] if following else _weekday(state, day, 1)


def previous_trading_day(state: State, day: int) -> int:
    """The calendar's trading day before; before its start the previous weekday."""
    earlier = [known for known in state.trading_days if known < day]
    return earlier[-1] if earlier else _weekday(state, day, -1)


def _weekday(state: State, day: int, step: int) -> int:
    found = shift(day, step)
    while state.mode != ClockMode.ALWAYS and to_date(found).weekday() >= 5:
        found = shift(found, step)
    return found


def has_night(previous: int, day: int) -> bool:
    """Does the trading day begin on the evening before? Not after a holiday (T-20)."""
    gap = to_date(previous) + timedelta(days=1)
    end = to_date(day)
    while gap < end:
        if gap.weekday() < 5:
            return False
        gap += timedelta(days=1)
    return True


def sessions_fault(templates: list[Any]) -> str:
    """What is wrong with a session table, "" when it is sound."""
    names = set()
    for entry in templates:
        if not _has_shape(entry, 2) or not isinstance(entry[0], str) or not isinstance(entry[1], list):
            return "template"
        name, sections = entry
        if not name or name in names or not sections:
            return str(name) or "template"
        names.add(name)
        ends = {0: -1, 1: -1}
        for section in sections:
            if not _has_shape(section, 4) or not all(isinstance(value, int) for value in section):
                return str(name)
            night, phase, start, end = section
            known = int(night) in ends and Phase.AUCTION_ORDER <= phase <= Phase.CONTINUOUS
            if not known or not 0 <= start < end <= MAX_MINUTE or start < ends[int(night)]:
                return str(name)
            ends[int(night)] = end
    return ""


def _has_shape(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


def build_boundaries(state: State) -> list[tuple[int, str, int]]:
    """All phase changes of the state's trading day, ascending; ties in template order."""
    found: list[tuple[int, str, int]] = []
    for name, sections in state.templates.items():
        if sections == ALWAYS_SECTIONS:
            settlement = state.settlement_minute * NS_PER_MINUTE
            found.append((0, name, _CONTINUOUS))
            found.append((midnight_ns(state.trading_day) + settlement, name, _CLOSED))
        else:
            found.extend(_template_boundaries(state, name, sections))
    found.sort(key=lambda entry: entry[0])
    return found


def _template_boundaries(state: State, name: str, sections: list[list[int]]) -> list[tuple[int, str, int]]:
    night = [section for section in sections if section[0]]
    day = [section for section in sections if not section[0]]
    if night and not has_night(state.previous_day, state.trading_day):
        # The night's auction is held in the morning then (T-24).
        auctions = [s for s in state.templates.get("day", []) if s[1] != _CONTINUOUS]
        night, day = [], [*auctions, *day]
    found = _part_boundaries(name, night, midnight_ns(state.previous_day))
    found += _part_boundaries(name, day, midnight_ns(state.trading_day))
    return found


def _part_boundaries(name: str, sections: list[list[int]], midnight: int) -> list[tuple[int, str, int]]:
    """Changes of one night or one day: gaps inside are breaks, its end closes."""
    found = []
    for index, (_, phase, start, end) in enumerate(sections):
        found.append((midnight + start * NS_PER_MINUTE, name, phase))
        last = index + 1 == len(sections)
        if last or sections[index + 1][2] > end:
            after = _CLOSED if last else _BREAK
            found.append((midnight + end * NS_PER_MINUTE, name, after))
    return found


def phase_at(boundaries: list[tuple[int, str, int]], name: str, time_ns: int) -> int:
    """Phase of a template at a time of its trading day."""
    phase = _CLOSED
    for at_ns, template, value in boundaries:
        if at_ns > time_ns:
            break
        if template == name:
            phase = value
    return phase
