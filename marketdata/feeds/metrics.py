"""A feed's figures for `/metrics` (O-30)."""

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

COUNTERS = {
    "ticks": "Ticks that passed.",
    "duplicates": "Ticks kept back because they came twice.",
    "backwards": "Ticks kept back because they were older than the last.",
    "gaps": "Holes in a symbol's ticks at a change of connections.",
    "bad_ticks": "Ticks that were none.",
    "failovers": "Connections that failed with symbols on them.",
}
GAUGES = {
    "wanted": "Symbols somebody wants.",
    "assigned": "Symbols with a connection.",
    "waiting": "Symbols without one (7001).",
}


class FeedCollector(Collector):
    """Reads the engine's status when it is asked."""

    def __init__(self, status: Callable[[], dict[str, Any]], venue: str) -> None:
        self.status = status
        self.venue = venue

    def collect(self) -> Iterable[Any]:
        status = self.status()
        for name, text in COUNTERS.items():
            counter = CounterMetricFamily(f"exchange_feed_{name}", text, labels=["venue"])
            counter.add_metric([self.venue], status[name])
            yield counter
        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(f"exchange_feed_symbols_{name}", text, labels=["venue"])
            gauge.add_metric([self.venue], status[name])
            yield gauge
        states = GaugeMetricFamily(
            "exchange_feed_connections", "Connections by state.", labels=["venue", "part"]
        )
        for state, count in status["states"].items():
            states.add_metric([self.venue, state], count)
        yield states
        quality = [row["quality"] for row in status["connections"] if row["state"] == "LOGGED_IN"]
        lowest = GaugeMetricFamily(
            "exchange_feed_lowest_quality", "Of the connections that are logged in, 0 to 100.",
            labels=["venue"],
        )  # fmt: skip
        lowest.add_metric([self.venue], min(quality, default=0.0))
        yield lowest


def make_registry(status: Callable[[], dict[str, Any]], venue: str) -> tuple[CollectorRegistry, Histogram]:
    """The registry of a feed process, and its histogram of callback-to-socket times."""
    registry = CollectorRegistry()
    registry.register(FeedCollector(status, venue))
    push = Histogram(
        "exchange_feed_push_seconds", "From the front's callback to the socket write.",
        registry=registry, buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
    )  # fmt: skip
    return registry, push
