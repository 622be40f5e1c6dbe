"""A feed's figures for `/metrics` (O-30)."""

from collections.abc import Callable, Iterable
from typing import Any

from exchange_site.metrics.meter import Meter, Sample

COUNTERS = ("ticks", "duplicates", "backwards", "gaps", "bad_ticks", "failovers")
GAUGES = ("wanted", "assigned", "waiting")


def feed_meter(status: Callable[[], dict[str, Any]], lag: Callable[[], float], venue: str) -> Meter:
    """The meter of a feed: the engine's status, asked when it is read."""
    meter = Meter("feed", venue)
    meter.read_from(lambda: samples(status(), lag()))
    meter.histogram("exchange_feed_push_seconds")
    return meter


def samples(status: dict[str, Any], lag_s: float) -> Iterable[Sample]:
    """A status as samples."""
    for name in COUNTERS:
        yield f"exchange_feed_{name}_total", {}, status[name]
    for name in GAUGES:
        yield f"exchange_feed_symbols_{name}", {}, status[name]
    for state, count in status["states"].items():
        yield "exchange_feed_connections", {"part": state}, count
    quality = [row["quality"] for row in status["connections"] if row["state"] == "LOGGED_IN"]
    yield "exchange_feed_lowest_quality", {}, min(quality, default=0.0)
    yield "exchange_feed_lag_seconds", {}, lag_s
