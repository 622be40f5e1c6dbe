"""Trading days from a list of weekday holidays: pure functions, days as dates (T-20).

`holidays.csv` tells for each closed weekday whether it was announced, is fixed by law, or
is expected by the usual pattern; years without a row are weekends only.
"""

import csv
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


def load_holidays(path: Path = DATA / "holidays.csv") -> list[Holiday]:
    """Holidays of a CSV file with the columns date, name, basis; ValueError on a bad line."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            Holiday(date.fromisoformat(row["date"]), row["name"], row["basis"])
            for row in csv.DictReader(lines)
        ]


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
