"""One model of a tick, and the one place where a front's figures become it (M-1, G-3).

A front's struct is copied to a tuple of `RAW_FIELDS` in the library's thread; everything
else happens here: values that mean "none" become None, dates are put right, names decoded.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec

RAW_FIELDS = (
    "InstrumentID", "ExchangeID", "TradingDay", "ActionDay", "UpdateTime", "UpdateMillisec",
    "LastPrice", "PreSettlementPrice", "PreClosePrice", "PreOpenInterest", "OpenPrice",
    "HighestPrice", "LowestPrice", "Volume", "Turnover", "OpenInterest", "ClosePrice",
    "SettlementPrice", "UpperLimitPrice", "LowerLimitPrice", "PreDelta", "CurrDelta",
    *(f"BidPrice{n}" for n in range(1, 6)), *(f"BidVolume{n}" for n in range(1, 6)),
    *(f"AskPrice{n}" for n in range(1, 6)), *(f"AskVolume{n}" for n in range(1, 6)),
    "AveragePrice",
)  # fmt: skip
"""What is copied of a struct, by the names of the CTP library."""
copy_struct: Callable[[Any], tuple[Any, ...]] = attrgetter(*RAW_FIELDS)

LARGEST = 1e15
"""Larger amounts are no amounts; DBL_MAX, which stands for none, is one of them."""
LARGEST_VOLUME = 1 << 40
EXCHANGES = ("SHFE", "DCE", "CZCE", "CFFEX", "INE", "GFEX", "SSE", "SZSE")
_UTC8_MS = 8 * 3_600_000
_DAY_MS = 86_400_000
_EVENING_MS = 18 * 3_600_000
_MORNING_MS = 6 * 3_600_000
_EPOCH = date(1970, 1, 1).toordinal()

PreviousDay = Callable[[str], str]
"""yyyymmdd of the trading day before a trading day."""


class Tick(msgspec.Struct, tag_field="type", tag="market_data", gc=False):
    """A snapshot of one symbol. Prices in yuan, None where there is none; totals of the day.

    ``timestamp`` is the natural time in ms, ``datetime`` the same in words (UTC+8),
    ``action_day`` the calendar day it belongs to whatever the front said, ``seq`` counts the
    symbol's ticks without a gap.
    """

    instrument_id: str
    exchange_id: str
    trading_day: str
    action_day: str
    update_time: str
    update_millisec: int
    last_price: float | None
    pre_settlement_price: float | None
    pre_close_price: float | None
    pre_open_interest: float | None
    open_price: float | None
    highest_price: float | None
    lowest_price: float | None
    volume: int
    turnover: float | None
    open_interest: float | None
    close_price: float | None
    settlement_price: float | None
    upper_limit_price: float | None
    lower_limit_price: float | None
    pre_delta: float | None
    curr_delta: float | None
    bid_price1: float | None
    bid_price2: float | None
    bid_price3: float | None
    bid_price4: float | None
    bid_price5: float | None
    bid_volume1: int
    bid_volume2: int
    bid_volume3: int
    bid_volume4: int
    bid_volume5: int
    ask_price1: float | None
    ask_price2: float | None
    ask_price3: float | None
    ask_price4: float | None
    ask_price5: float | None
    ask_volume1: int
    ask_volume2: int
    ask_volume3: int
    ask_volume4: int
    ask_volume5: int
    average_price: float | None
    timestamp: int
    datetime: str
    seq: int = 0
    source: str = "ctp"
    connection_id: str = ""


class BadTick(ValueError):
    """Figures that are no tick: no name, no time, no day."""


def weekday_before(day: str) -> str:
    """The weekday before a day: a calendar for who has none of their own."""
    at = date(int(day[:4]), int(day[4:6]), int(day[6:])) - timedelta(days=1)
    while at.weekday() > 4:
        at -= timedelta(days=1)
    return f"{at:%Y%m%d}"


def bare_symbol(symbol: str) -> str:
    """A symbol as a front names it: without the exchange in front."""
    head, dot, rest = symbol.partition(".")
    return rest if dot and head in EXCHANGES else symbol


def number(value: Any) -> float | None:
    """A price or amount; None for DBL_MAX, NaN, infinities and what is absurd."""
    if type(value) is float and -LARGEST < value < LARGEST:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -LARGEST < value < LARGEST else None


def price(value: Any) -> float | None:
    """Like `number`, and None for 0: no contract costs nothing."""
    if type(value) is float and 0.0 < value < LARGEST:
        return value
    return number(value) or None


def volume(value: Any) -> int:
    """Lots; 0 for nonsense."""
    if type(value) is int and 0 <= value < LARGEST_VOLUME:
        return value
    return 0


def text(value: Any) -> str:
    """A name, decoded once: bytes of a front are GB18030."""
    return value.decode("gb18030", "replace") if isinstance(value, bytes) else str(value or "")


def millis_of_day(update_time: str, millisec: int) -> int:
    """ "HH:MM:SS" and ms as ms of the day; BadTick for nonsense."""
    try:
        hours, minutes, seconds = int(update_time[:2]), int(update_time[3:5]), int(update_time[6:8])
    except ValueError as error:
        raise BadTick(f"time {update_time!r}") from error
    if not (hours < 24 and minutes < 60 and seconds < 60):
        raise BadTick(f"time {update_time!r}")
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000 + (millisec if 0 <= millisec < 1_000 else 0)


class Days:
    """Calendar days of ticks from their trading day; remembers what it worked out."""

    def __init__(self, previous: PreviousDay = weekday_before) -> None:
        self._previous = previous
        self._known: dict[str, tuple[int, int, int]] = {}

    def ordinal(self, trading_day: str, millis: int) -> int:
        """Days since 1970 of a time in a trading day.

        Evenings lie on the day before the trading day, early mornings on the day after
        that evening; what the front says of the action day differs from exchange to exchange.
        """
        evening, morning, day = self._known.get(trading_day) or self._learn(trading_day)
        if millis >= _EVENING_MS:
            return evening
        return morning if millis < _MORNING_MS else day

    def _learn(self, trading_day: str) -> tuple[int, int, int]:
        day = days_of(trading_day)
        evening = days_of(self._previous(trading_day))
        found = self._known[trading_day] = (evening, evening + 1, day)
        return found


def days_of(day: str) -> int:
    """Days since 1970 of yyyymmdd; BadTick for nonsense."""
    try:
        return date(int(day[:4]), int(day[4:6]), int(day[6:8])).toordinal() - _EPOCH
    except ValueError as error:
        raise BadTick(f"day {day!r}") from error


_day_names: dict[int, tuple[str, str]] = {}


def day_names(days: int) -> tuple[str, str]:
    """(yyyymmdd, yyyy-mm-dd) of days since 1970."""
    found = _day_names.get(days)
    if found is None:
        at = date.fromordinal(days + _EPOCH)
        found = _day_names[days] = (f"{at:%Y%m%d}", f"{at:%Y-%m-%d}")
    return found


class Sanitiser:
    """Makes ticks of raw tuples; `exchange_of` names the exchange where the front does not."""

    def __init__(
        self,
        days: Days | None = None,
        exchange_of: Callable[[str], str] = lambda name: "",
        source: str = "ctp",
    ) -> None:
        self.days = days or Days()
        self.exchange_of = exchange_of
        self.source = source

    def tick(self, raw: tuple[Any, ...], connection_id: str = "") -> Tick:
        """A tick; BadTick when the figures are none."""
        name, trading_day, clock = text(raw[0]), text(raw[2]), text(raw[4])
        if not name:
            raise BadTick("no instrument")
        millisec = raw[5] if isinstance(raw[5], int) and 0 <= raw[5] < 1_000 else 0
        millis = millis_of_day(clock, millisec)
        if len(trading_day) != 8:
            trading_day = text(raw[3])
        days = self.days.ordinal(trading_day, millis)
        action_day, iso_day = day_names(days)
        return Tick(
            name, text(raw[1]) or self.exchange_of(name), trading_day, action_day, clock, millisec,
            price(raw[6]), price(raw[7]), price(raw[8]), number(raw[9]), price(raw[10]),
            price(raw[11]), price(raw[12]), volume(raw[13]), number(raw[14]), number(raw[15]),
            price(raw[16]), price(raw[17]), price(raw[18]), price(raw[19]),
            number(raw[20]), number(raw[21]),
            price(raw[22]), price(raw[23]), price(raw[24]), price(raw[25]), price(raw[26]),
            volume(raw[27]), volume(raw[28]), volume(raw[29]), volume(raw[30]), volume(raw[31]),
            price(raw[32]), price(raw[33]), price(raw[34]), price(raw[35]), price(raw[36]),
            volume(raw[37]), volume(raw[38]), volume(raw[39]), volume(raw[40]), volume(raw[41]),
            price(raw[42]),
            days * _DAY_MS + millis - _UTC8_MS,
            f"{iso_day} {clock}.{millisec:03d}000",
            0, self.source, connection_id,
        )  # fmt: skip


def trading_day_of(at: datetime) -> str:
    """The trading day of a moment in UTC+8 when weekdays are the calendar."""
    day = at.date() + timedelta(days=1 if at.hour >= 18 else 0)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return f"{day:%Y%m%d}"


def every_day_of(at: datetime) -> str:
    """The same for a market that trades at weekends too."""
    return f"{at.date() + timedelta(days=1 if at.hour >= 18 else 0):%Y%m%d}"


def day_before(day: str) -> str:
    """The calendar day before a day."""
    return f"{date(int(day[:4]), int(day[4:6]), int(day[6:])) - timedelta(days=1):%Y%m%d}"
