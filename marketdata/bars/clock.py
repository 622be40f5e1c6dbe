"""Which bar a moment belongs to: trading time of one trading day (M-11, M-12).

Buckets count trading time from the open of the night and, anew, of the day session; a bar
may span a break, never the night's end. Around the clock they follow the UTC+8 clock and end
with the trading day (T-23).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from trading.engine.messages import Phase
from trading.engine.sessions import (
    ALWAYS_SECTIONS,
    has_night,
    midnight_ns,
    next_trading_day,
    previous_trading_day,
    shift,
)
from trading.engine.units import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND

GRACE_NS = 5 * NS_PER_SECOND
"""Trades logged so long after the end of a section belong to its last bar."""
DAY_NS = NS_PER_DAY
_CONTINUOUS = int(Phase.CONTINUOUS)


class Section(NamedTuple):
    """A stretch without a pause; `offset_ns` is the trading time of its part before it."""

    start_ns: int
    end_ns: int
    offset_ns: int

    @property
    def end_offset_ns(self) -> int:
        return self.offset_ns + self.end_ns - self.start_ns


Part = tuple[Section, ...]
"""The night, the day, or one calendar day of a market that is open around the clock."""


class Calendar(Protocol):
    """What the engine's calendar functions read."""

    mode: int
    trading_days: list[int]


class DayClock:
    """The parts of one trading day and the buckets in them."""

    def __init__(self, trading_day: int, previous_day: int, parts: Sequence[Part], is_open_before: bool):
        self.trading_day = trading_day
        self.previous_day = previous_day
        self.parts = tuple(parts)
        self.label_ns = midnight_ns(trading_day)
        self._is_open_before = is_open_before

    @property
    def open_ns(self) -> int:
        return self.parts[0][0].start_ns if self.parts else self.label_ns

    @property
    def end_ns(self) -> int:
        return self.parts[-1][-1].end_ns if self.parts else self.label_ns + DAY_NS

    def bucket(self, time_ns: int, duration_ns: int) -> tuple[int, int]:
        """(start, end) of the bar that a trade of this trading day belongs to.

        The start is the label: 00:00 UTC+8 of the trading day for bars of a day and more.
        What was traded before a part's open belongs to its first bar, what was logged up to
        5 s after the end of a section to its last one, later than that to the next.
        """
        if duration_ns >= DAY_NS or not self.parts:
            return self.label_ns, self.end_ns
        if self._is_open_before and time_ns < self.open_ns:
            return _by_the_clock(time_ns, duration_ns)
        part, offset = self._place(time_ns)
        number = offset // duration_ns
        first, last = number * duration_ns, (number + 1) * duration_ns
        return _begins(part, max(first, part[0].offset_ns)), _ends(part, min(last, part[-1].end_offset_ns))

    def closes_ns(self, end_ns: int) -> int:
        """When a bar that ends then is over: at the end of a section a grace later."""
        is_end = any(section.end_ns == end_ns for part in self.parts for section in part)
        return end_ns + GRACE_NS if is_end else end_ns

    def _place(self, time_ns: int) -> tuple[Part, int]:
        """The part and the trading time in it at which a trade counts."""
        part = self.parts[0]
        for part in self.parts:
            for section in part:
                if time_ns < section.start_ns:
                    return part, section.offset_ns
                if time_ns < section.end_ns:
                    return part, section.offset_ns + time_ns - section.start_ns
                if time_ns <= section.end_ns + GRACE_NS and not self._continues(section.end_ns):
                    return part, section.end_offset_ns - 1
        return part, part[-1].end_offset_ns - 1

    def _continues(self, time_ns: int) -> bool:
        """Does a section begin at this moment?"""
        return any(section.start_ns == time_ns for part in self.parts for section in part)


def _begins(part: Part, offset_ns: int) -> int:
    """The moment when so much of the part's trading time is over and the next begins."""
    for section in part:
        if offset_ns < section.end_offset_ns:
            return section.start_ns + offset_ns - section.offset_ns
    return part[-1].end_ns


def _ends(part: Part, offset_ns: int) -> int:
    """The first moment when so much of the part's trading time is over."""
    for section in part:
        if offset_ns <= section.end_offset_ns:
            return section.start_ns + offset_ns - section.offset_ns
    return part[-1].end_ns


def _by_the_clock(time_ns: int, duration_ns: int) -> tuple[int, int]:
    midnight = time_ns - (time_ns + 8 * 3_600 * NS_PER_SECOND) % DAY_NS
    start = midnight + (time_ns - midnight) // duration_ns * duration_ns
    return start, min(start + duration_ns, midnight + DAY_NS)


# ----------------------------------------------------------------- from the tables


def day_clock(
    calendar: Calendar, template: list[list[int]], trading_day: int, settlement_minute: int
) -> DayClock:
    """The clock of a trading day for a session template: sections [night, phase, start, end]."""
    previous = previous_trading_day(calendar, trading_day)  # type: ignore[arg-type]
    if template == ALWAYS_SECTIONS:
        parts = _always(previous, trading_day, settlement_minute * NS_PER_MINUTE)
        return DayClock(trading_day, previous, parts, is_open_before=True)
    parts = []
    for is_night, day in ((1, previous), (0, trading_day)):
        if is_night and not has_night(previous, trading_day):
            continue
        part = _part(template, is_night, midnight_ns(day))
        if part:
            parts.append(part)
    return DayClock(trading_day, previous, parts, is_open_before=False)


def _part(template: list[list[int]], is_night: int, midnight: int) -> Part:
    found: list[Section] = []
    offset = 0
    for night, phase, start, end in template:
        if bool(night) == bool(is_night) and phase == _CONTINUOUS:
            section = Section(midnight + start * NS_PER_MINUTE, midnight + end * NS_PER_MINUTE, offset)
            found.append(section)
            offset = section.end_offset_ns
    return tuple(found)


def _always(previous: int, trading_day: int, settlement_ns: int) -> list[Part]:
    """From settlement to settlement, one part a calendar day, counted from midnight."""
    open_ns, end_ns = midnight_ns(previous) + settlement_ns, midnight_ns(trading_day) + settlement_ns
    parts: list[Part] = []
    day = previous
    while day <= trading_day:
        midnight = midnight_ns(day)
        start, end = max(open_ns, midnight), min(end_ns, midnight + DAY_NS)
        if start < end:
            parts.append((Section(start, end, start - midnight),))
        day = shift(day, 1)
    return parts


class Clocks:
    """Clocks of a venue by template and trading day; the tables they follow may change."""

    def __init__(self) -> None:
        self.mode = 0
        self.settlement_minute = 0
        self.trading_days: list[int] = []
        self.templates: dict[str, list[list[int]]] = {}
        self._made: dict[tuple[str, int], DayClock] = {}

    def clock(self, template: str, trading_day: int) -> DayClock:
        """The clock of a day; of an unknown template one without a session."""
        key = (template, trading_day)
        found = self._made.get(key)
        if found is None:
            if len(self._made) > 1_000:
                self._made.clear()
            sections = self.templates.get(template, [])
            found = day_clock(self, sections, trading_day, self.settlement_minute)
            self._made[key] = found
        return found

    def set(self, **tables: Any) -> None:
        """Replace mode, settlement_minute, trading_days or templates."""
        for name, value in tables.items():
            setattr(self, name, value)
        self._made.clear()

    def next_day(self, trading_day: int) -> int:
        return next_trading_day(self, trading_day)  # type: ignore[arg-type]

    def dump(self) -> list[Any]:
        return [self.mode, self.settlement_minute, self.trading_days, self.templates]

    def load(self, values: list[Any]) -> None:
        """Take what `dump` gave."""
        names = ("mode", "settlement_minute", "trading_days", "templates")
        self.set(**dict(zip(names, values, strict=True)))
