"""Trading days from a list of weekday holidays: pure functions, days as dates (T-20).

`holidays.csv` tells for each closed weekday whether it was announced, is fixed by law, or
is expected by the usual pattern; years without a row are weekends only.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"
ONE_DAY = timedelta(days=1)


def to_int(day: date) -> int:
    """The day as yyyymmdd."""
    return day.year * 10_000 + day.month * 100 + day.day


def from_int(day: int) -> date:
    """The date of a yyyymmdd; ValueError when there is none."""
    return date(day // 10_000, day // 100 % 100, day % 100)


class Holiday(NamedTuple):
    """One weekday without trading."""

    day: date
    name: str
    basis: str  # announced, statutory or expected


COLUMNS = ("date", "name", "basis")
BASES = ("announced", "statutory", "expected")


class BadHolidays(ValueError):
    """A file of holidays cannot be used; `lines` are the numbers of the bad ones, 1 the head."""

    def __init__(self, lines: list[int]) -> None:
        super().__init__(f"bad lines: {', '.join(map(str, lines[:20]))}")
        self.lines = lines


def read_holidays(text: str) -> list[Holiday]:
    """Holidays as CSV with the columns date (yyyy-mm-dd), name, basis; BadHolidays names all faults."""
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff").replace("\x00", ""))))
    if not lines or tuple(cell.strip() for cell in lines[0]) != COLUMNS:
        raise BadHolidays([1])
    found: list[Holiday] = []
    bad: list[int] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            day, name, basis = (cell.strip() for cell in line)
            if basis not in BASES:
                raise ValueError(basis)
            found.append(Holiday(date.fromisoformat(day), name, basis))
        except ValueError:
            if line:
                bad.append(number)
    if bad:
        raise BadHolidays(bad)
    return found


def load_holidays(path: Path = DATA / "holidays.csv") -> list[Holiday]:
    """The holidays of a file; BadHolidays as `read_holidays`."""
    return read_holidays(path.read_text(encoding="utf-8"))


class TradingCalendar:
    """Which days are trading days: every one, or weekdays that are not holidays."""

    def __init__(self, holidays: list[Holiday], every_day: bool = False) -> None:
        self.closed = frozenset(holiday.day for holiday in holidays)
        self.every_day = every_day
        self.known_years = {holiday.day.year for holiday in holidays}
        self.unannounced_years = {h.day.year for h in holidays if h.basis != "announced"}

    def is_trading(self, day: date) -> bool:
        """Whether the day is a trading day."""
        return self.every_day or (day.weekday() < 5 and day not in self.closed)

    def on_or_after(self, day: date) -> date:
        """The day itself or the next trading day."""
        while not self.is_trading(day):
            day += ONE_DAY
        return day

    def following(self, day: date) -> date:
        """The trading day after a day."""
        return self.on_or_after(day + ONE_DAY)

    def between(self, first: date, last: date) -> Iterator[date]:
        """Trading days from first to last, both included."""
        day = first
        while day <= last:
            if self.is_trading(day):
                yield day
            day += ONE_DAY

    def warnings(self, first: date, last: date) -> list[str]:
        """What an operator should know about the years of a period."""
        found = []
        for year in range(first.year, last.year + 1):
            if self.every_day:
                continue
            if year not in self.known_years:
                found.append(f"{year}: no holidays known, weekends only")
            elif year in self.unannounced_years:
                found.append(f"{year}: holidays by law and custom, not yet as announced")
        return found


def days_between(holidays: list[Holiday], first: date, last: date, every_day: bool = False) -> list[int]:
    """The trading days from first to last as `SetCalendar` takes them, yyyymmdd ascending."""
    return [to_int(day) for day in TradingCalendar(holidays, every_day).between(first, last)]
