"""When to be connected and when ticks are due, by calendar and the usual hours (G-2)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from trading.calendar import TradingCalendar, load_holidays

UTC8 = timedelta(hours=8)
CONNECT = ((8 * 60 + 30, 15 * 60 + 30), (20 * 60 + 30, 24 * 60))
"""Minutes of the day in which to be connected: around the day and the night session."""
CONNECT_MORNING = (0, 2 * 60 + 45)
FRESH = ((541, 614), (631, 689), (811, 899), (21 * 60 + 1, 22 * 60 + 59))
"""Minutes in which a liquid market is never silent for half a minute."""


class Windows:
    """`is_open()` and `is_fresh()` for an engine; `now` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float], calendar: TradingCalendar | None = None) -> None:
        self.now = now
        self.calendar = calendar or TradingCalendar(load_holidays())

    def _moment(self) -> tuple[date, int]:
        at = datetime.fromtimestamp(self.now(), UTC) + UTC8
        return at.date(), at.hour * 60 + at.minute

    def _has_night(self, day: date) -> bool:
        """Does trading go on in the evening of this day? Not before a holiday."""
        if not self.calendar.is_trading(day):
            return False
        gap = (self.calendar.following(day) - day).days
        return gap == 1 or (day.weekday() == 4 and gap == 3)

    def _sessions(self, day: date, minute: int, spans: tuple[tuple[int, int], ...]) -> bool:
        if not any(start <= minute < end for start, end in spans):
            return False
        return self._has_night(day) if minute >= 18 * 60 else self.calendar.is_trading(day)

    def is_open(self) -> bool:
        """Is this a time to be connected?"""
        day, minute = self._moment()
        if CONNECT_MORNING[0] <= minute < CONNECT_MORNING[1]:
            return self._has_night(day - timedelta(days=1))
        return self._sessions(day, minute, CONNECT)

    def is_fresh(self) -> bool:
        """Is silence a fault now?"""
        return self._sessions(*self._moment(), FRESH)

    def previous_day(self, trading_day: str) -> str:
        """yyyymmdd of the trading day before one."""
        day = datetime.strptime(trading_day, "%Y%m%d").date() - timedelta(days=1)  # noqa: DTZ007
        while not self.calendar.is_trading(day):
            day -= timedelta(days=1)
        return f"{day:%Y%m%d}"
