"""The venue's own quote views as ticks: one model whatever the source (M-1)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from marketdata.feeds.ticks import Tick
from trading.engine.units import NS_PER_MS, SCALE

_UTC8 = timedelta(hours=8)


def _price(units: Any) -> float | None:
    return units / SCALE if units else None


def tick_of(view: dict[str, Any], symbol: str) -> Tick:
    """A tick of a quote view; `symbol` is the full one."""
    exchange, _, name = symbol.partition(".")
    at_ms = view["time_ns"] // NS_PER_MS
    at = datetime.fromtimestamp(at_ms / 1_000, UTC) + _UTC8
    bids, asks = ([*view[side][:5], *[[0, 0]] * 5][:5] for side in ("bids", "asks"))
    return Tick(
        name, exchange, str(view.get("trading_day", "")), f"{at:%Y%m%d}", f"{at:%H:%M:%S}", at_ms % 1_000,
        _price(view["last_price"]), _price(view["pre_settlement"]), _price(view["pre_close"]),
        view["pre_open_interest"], _price(view["open"]), _price(view["high"]), _price(view["low"]),
        view["volume"], view["turnover"] / SCALE, view["open_interest"], _price(view.get("close")),
        _price(view.get("settlement")), _price(view["upper_limit"]), _price(view["lower_limit"]), None, None,
        *(_price(level[0]) for level in bids), *(level[1] for level in bids),
        *(_price(level[0]) for level in asks), *(level[1] for level in asks),
        _price(view["average"]), at_ms, f"{at:%Y-%m-%d %H:%M:%S}.{at_ms % 1_000:03d}000",
        view.get("as_of_seq", 0), "venue", "",
    )  # fmt: skip
