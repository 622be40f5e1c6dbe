"""The watch over calendar and phases, and the import of holidays (T-20, T-24)."""

import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.db.support import follow
from trading.calendar import DATA, BadHolidays, read_holidays
from trading.commands import send
from trading.engine.messages import HaltVenue, SetCalendar
from trading.engine.units import NS_PER_SECOND
from trading.models import TradingDay, Venue
from trading.selectors import whole_calendar
from trading.session_watch import days_ahead, findings

pytestmark = pytest.mark.django_db(transaction=True)
HOUR_NS = 3600 * NS_PER_SECOND
HOLIDAYS = "date,name,basis\n2027-01-01,New Year's Day,announced\n"


@pytest.fixture
def real(worker: str) -> str:
    """A venue in the exchanges' hours, projected."""
    call_command("seed", "--venue", worker, "--mode", "real", "--admin-password", "x-1", stdout=StringIO())
    follow(worker)
    return worker


def kinds(venue: str, ahead_ns: int = 0) -> set[str]:
    return {finding.kind for finding in findings(venue, time.time_ns() + ahead_ns)}


def test_a_seeded_venue_keeps_its_calendar(real: str) -> None:
    assert kinds(real) == set()


def test_a_venue_that_stood_still_for_days_is_found(real: str) -> None:
    assert "day" in kinds(real, 10 * 24 * HOUR_NS)


def test_a_missed_boundary_is_found(real: str) -> None:
    hours = [kinds(real, n * HOUR_NS // 2) for n in range(7 * 48)]
    assert any("phase" in found for found in hours)


def test_a_short_calendar_is_told_in_days(real: str) -> None:
    row = Venue.objects.get()
    later = TradingDay.objects.filter(day__gt=row.trading_day).order_by("day")
    days = whole_calendar(row, later.values_list("day", flat=True)[:29])
    assert send(real, SetCalendar(days), wait_s=10).ok
    follow(real)
    assert days_ahead(row) == 29
    assert [finding.kind for finding in findings(real, time.time_ns())] == ["calendar"]
    assert "29" in findings(real, time.time_ns())[0].text


def test_a_halted_venue_is_closed_on_purpose(real: str) -> None:
    assert send(real, HaltVenue("drill"), wait_s=10).ok
    follow(real)
    assert kinds(real) == set()


def test_holidays_are_imported_from_a_file(real: str, tmp_path: Path) -> None:
    file = tmp_path / "holidays.csv"
    file.write_text(HOLIDAYS)
    call_command("import_calendar", file, "--venue", real, "--until", 20270131, stdout=StringIO())
    follow(real)
    days = set(TradingDay.objects.values_list("day", flat=True))
    assert 20261231 in days and 20270101 not in days and 20270104 in days
    assert max(days) == 20270129


def test_a_bad_file_is_refused_with_every_bad_line(real: str, tmp_path: Path) -> None:
    file = tmp_path / "holidays.csv"
    file.write_text(HOLIDAYS + "yesterday,x,announced\n2027-02-30,y,announced\n2027-05-01,z,guessed\n")
    before = TradingDay.objects.count()
    with pytest.raises(CommandError, match="bad lines: 3, 4, 5"):
        call_command("import_calendar", file, "--venue", real, "--until", 20270131)
    assert TradingDay.objects.count() == before


@pytest.mark.parametrize("text", ["", "day,name\n", "date;name;basis\n"])
def test_a_file_with_another_head_is_refused(text: str) -> None:
    with pytest.raises(BadHolidays) as caught:
        read_holidays(text)
    assert caught.value.lines == [1]


def test_a_file_of_a_spreadsheet_may_begin_with_a_mark() -> None:
    assert len(read_holidays("\ufeff" + HOLIDAYS)) == 1
    assert len(read_holidays((DATA / "holidays.csv").read_text())) > 20
