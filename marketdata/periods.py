"""Periods of bars by all the names clients use (H-9)."""

from marketdata.bars.book import MINUTE, SECOND
from marketdata.bars.clock import DAY_NS
from marketdata.bars.fold import is_duration

WEEK, MONTH = "week", "month"
_MINUTES = (1, 5, 15, 30, 60)
NAMES: dict[str, int | str] = {
    "3s": 3 * SECOND,
    **{f"{n}min": n * MINUTE for n in _MINUTES},
    **{f"min{n}": n * MINUTE for n in _MINUTES},
    **{f"{n}m": n * MINUTE for n in (1, 5, 15, 30)},
    "1h": 60 * MINUTE,
    "day": DAY_NS,
    "1d": DAY_NS,
    WEEK: WEEK,
    MONTH: MONTH,
    # HQChart's numbers.
    "0": DAY_NS,
    "3": 3 * SECOND,
    **{str(number): n * MINUTE for number, n in zip(range(4, 9), _MINUTES, strict=True)},
}


def period_of(text: str) -> int | str:
    """Nanoseconds, "week" or "month"; ValueError for a name nobody knows."""
    found = NAMES.get(text.lower())
    if found is not None:
        return found
    if text.isascii() and text.isdigit() and len(text) < 20 and is_duration(int(text)):
        return int(text)
    raise ValueError("3s, 1min … 60min, 1h, day, week, month, an HQChart number, or nanoseconds")
