"""Trading days: weekends, holidays, years that nobody announced (T-20)."""

from datetime import date

from trading.calendar import Holiday, TradingCalendar, from_int, load_holidays, to_int

CALENDAR = TradingCalendar(load_holidays())


def test_monday_follows_friday() -> None:
    assert CALENDAR.following(date(2026, 11, 20)) == date(2026, 11, 23)


def test_the_day_after_a_holiday_follows_the_day_before_it() -> None:
    assert CALENDAR.following(date(2026, 9, 30)) == date(2026, 10, 8)
    assert CALENDAR.following(date(2026, 2, 13)) == date(2026, 2, 24)
    assert CALENDAR.following(date(2026, 12, 31)) == date(2027, 1, 4)


def test_a_weekend_that_makes_up_for_a_holiday_is_no_trading_day() -> None:
    assert not CALENDAR.is_trading(date(2026, 2, 28))


def test_every_holiday_of_the_list_is_a_weekday_and_listed_once() -> None:
    days = [holiday.day for holiday in load_holidays()]
    assert all(day.weekday() < 5 for day in days)
    assert days == sorted(set(days))


def test_the_years_have_as_many_trading_days_as_the_exchanges_do() -> None:
    for year in (2026, 2027):
        count = len(list(CALENDAR.between(date(year, 1, 1), date(year, 12, 31))))
        assert 240 <= count <= 246


def test_a_venue_open_around_the_clock_trades_every_calendar_day() -> None:
    always = TradingCalendar(load_holidays(), every_day=True)
    assert always.following(date(2026, 9, 30)) == date(2026, 10, 1)
    assert always.warnings(date(2026, 1, 1), date(2030, 1, 1)) == []


def test_it_warns_of_years_without_an_announced_list() -> None:
    texts = CALENDAR.warnings(date(2026, 6, 1), date(2028, 6, 1))
    assert [text[:4] for text in texts] == ["2027", "2028"]
    assert "weekends only" in texts[1]


def test_days_are_ints_and_back() -> None:
    assert from_int(to_int(date(2026, 11, 21))) == date(2026, 11, 21)
    assert TradingCalendar([Holiday(date(2026, 1, 2), "", "announced")]).known_years == {2026}
