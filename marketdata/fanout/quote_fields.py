"""A quote view as DIFF's quote fields (D-22); a missing value is "-" (D-2)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from trading.engine.units import NS_PER_SECOND, SCALE

LEVELS = 5
NONE = "-"
Number = float | int | str
_UTC8 = timedelta(hours=8)
_PRICES = (
    ("last_price", "last_price"), ("highest", "high"), ("lowest", "low"), ("open", "open"),
    ("average", "average"), ("upper_limit", "upper_limit"), ("lower_limit", "lower_limit"),
    ("pre_settlement", "pre_settlement"), ("pre_close", "pre_close"),
    ("close", "close"), ("settlement", "settlement"),
)  # fmt: skip


def price(units: int | None) -> Number:
    """A price of a view as a number; "-" where there is none."""
    return units / SCALE if units else NONE


def moment(time_ns: int) -> str:
    """A time as DIFF writes it: UTC+8 with microseconds."""
    seconds, rest = divmod(time_ns, NS_PER_SECOND)
    at = datetime.fromtimestamp(seconds, UTC) + _UTC8
    return f"{at:%Y-%m-%d %H:%M:%S}.{rest // 1_000:06d}"


def _levels(side: str, levels: list[list[int]]) -> dict[str, Number]:
    found: dict[str, Number] = {}
    for number in range(1, LEVELS + 1):
        level = levels[number - 1] if number <= len(levels) else None
        found[f"{side}_price{number}"] = level[0] / SCALE if level else NONE
        found[f"{side}_volume{number}"] = level[1] if level else 0
    return found


def quote_fields(view: dict[str, Any]) -> dict[str, Any]:
    """The fields that change with the market."""
    auction = view.get("auction")
    return {
        "datetime": moment(view["time_ns"]),
        **_levels("ask", view["asks"]),
        **_levels("bid", view["bids"]),
        **{name: price(view.get(source)) for name, source in _PRICES},
        "volume": view["volume"],
        "amount": view["turnover"] / SCALE,
        "open_interest": view["open_interest"],
        "pre_open_interest": view["pre_open_interest"],
        "auction": NONE if not auction else {**auction, "price": price(auction["price"])},
    }
