"""Figures of this process, kept in plain numbers until somebody reads them (O-30).

The paths that are measured add to ints and lists; Prometheus's classes are made when the
endpoint is asked, and by nobody before.
"""

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from exchange_site.metrics.catalogue import ALL, BOUNDS, BY_NAME, COUNTER, HISTOGRAM, METRICS

Labels = dict[str, str]


class Histogram:
    """Counts by `BOUNDS`, in plain ints; not for two writers at once without a lock."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count a duration, or several that were measured together."""
        self.counts[bisect_left(BOUNDS, seconds)] += times
        self.total += seconds * times

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many up to it), as Prometheus wants them."""
        found, count = [], 0
        for bound, own in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            count += own
            found.append(("+Inf" if bound == float("inf") else repr(bound), float(count)))
        return found


Sample = tuple[str, Labels, "float | Histogram"]
Source = Callable[[], Iterable[Sample]]


class Meter(Collector):
    """What one process exports: its own counters, and sources that are asked when read."""

    def __init__(self, part: str = "", venue: str = "") -> None:
        self.part, self.venue = part, venue
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], float] = {}
        self._histograms: dict[str, Histogram] = {}
        self._sources: list[Source] = [self._process]

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter of this process; `labels` at most one, part or code."""
        label, value = next(iter(labels.items()), ("", ""))
        key = (name, label, value)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + amount

    def observe(self, name: str, seconds: float) -> None:
        """Count a duration in a histogram that several threads write."""
        with self._lock:
            self.histogram(name).observe(seconds)

    def histogram(self, name: str) -> Histogram:
        """The histogram of that name, for one writer."""
        found = self._histograms.get(name)
        if found is None:
            found = self._histograms.setdefault(name, Histogram())
        return found

    def read_from(self, source: Source) -> None:
        """Ask `source` for samples at every reading; a later one of the same object replaces."""
        self._sources = [known for known in self._sources if known != source] + [source]

    # ------------------------------------------------------------------ reading

    def samples(self) -> Iterable[Sample]:
        """Everything, as (name, labels besides venue, figure)."""
        with self._lock:
            counts = list(self._counts.items())
        for (name, label, value), figure in counts:
            yield name, {label: value} if label else {}, figure
        for name, histogram in tuple(self._histograms.items()):
            yield name, {}, histogram
        for source in self._sources:
            yield from source()

    def collect(self) -> Iterable[Any]:
        """The samples as Prometheus's families; a name that is not in the table raises KeyError."""
        families: dict[str, Any] = {}
        for name, labels, figure in self.samples():
            metric = BY_NAME[name]
            if metric.by not in (ALL, self.part):
                continue  # counted by code that runs in other processes too
            family = families.get(name)
            if family is None:
                family = families[name] = _family(name)
            values = [self.venue, *(labels.get(label, self.part) for label in metric.labels)]
            if isinstance(figure, Histogram):
                family.add_metric(values, figure.buckets(), figure.total)
            else:
                family.add_metric(values, figure)
        return list(families.values())

    def text(self) -> bytes:
        """The exposition format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def describe(self) -> Iterable[Any]:
        """Nothing in advance: registering must not read."""
        return []

    def _process(self) -> Iterable[Sample]:
        """The process itself."""
        own = psutil.Process(os.getpid())
        used = own.cpu_times()
        figures = (own.create_time(), used.user + used.system, own.memory_info().rss, own.num_fds())
        names = [metric.name for metric in METRICS if metric.by == ALL]
        return [(name, {}, float(figure)) for name, figure in zip(names, figures, strict=True)]


def _family(name: str) -> Any:
    metric = BY_NAME[name]
    labels = ("venue", *metric.labels)
    if metric.kind == HISTOGRAM:
        return HistogramMetricFamily(name, metric.help, labels=labels)
    if metric.kind == COUNTER:
        return CounterMetricFamily(name, metric.help, labels=labels)
    return GaugeMetricFamily(name, metric.help, labels=labels)


METER = Meter()
"""The figures of this process."""


class Worst:
    """The greatest of the values of the last seconds: a lag that is seen although it is over."""

    __slots__ = ("_clock", "_now", "_past", "_span_s", "_until")

    def __init__(self, span_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._span_s, self._clock = span_s, clock
        self._now = self._past = 0.0
        self._until = clock() + span_s

    def note(self, value: float) -> None:
        """One measurement."""
        self._turn()
        self._now = max(self._now, value)

    def value(self) -> float:
        """The greatest of the last one to two spans."""
        self._turn()
        return max(self._now, self._past)

    def _turn(self) -> None:
        now = self._clock()
        if now >= self._until:
            is_old = now >= self._until + self._span_s
            self._past, self._now = (0.0 if is_old else self._now), 0.0
            self._until = now + self._span_s
