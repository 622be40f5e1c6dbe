"""A tick in the words of the `aid` dialect: D-22's market fields (G-20)."""

from typing import Any

from marketdata.feeds.ticks import Tick

NONE = "-"
_PLAIN = {
    "last_price": "last_price", "highest": "highest_price", "lowest": "lowest_price", "open": "open_price",
    "close": "close_price", "average": "average_price", "amount": "turnover",
    "open_interest": "open_interest", "settlement": "settlement_price", "upper_limit": "upper_limit_price",
    "lower_limit": "lower_limit_price", "pre_open_interest": "pre_open_interest",
    "pre_settlement": "pre_settlement_price", "pre_close": "pre_close_price",
    **{f"{side}_price{n}": f"{side}_price{n}" for side in ("ask", "bid") for n in range(1, 6)},
}  # fmt: skip
_LOTS = tuple(f"{side}_volume{n}" for side in ("ask", "bid") for n in range(1, 6))


def quote_of(tick: Tick) -> dict[str, Any]:
    """Every field; "-" where there is no value."""
    found: dict[str, Any] = {"datetime": tick.datetime}
    for name, source in _PLAIN.items():
        value = getattr(tick, source)
        found[name] = NONE if value is None else value
    for name in _LOTS:
        found[name] = getattr(tick, name)
    found["volume"] = tick.volume
    found["timestamp"] = tick.timestamp
    return found


def changes(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Fields that differ; all of them at first."""
    if old is None:
        return new
    return {name: value for name, value in new.items() if old.get(name) != value}
