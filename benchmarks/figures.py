"""One figure: a value, the conditions it was measured under, and its peer (A-32)."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured value.

    ``peer`` is the figure of the thing compared with, in the same unit; ``target`` what the
    quality list asks for, ``at_least`` whether larger is better.
    """

    name: str
    value: float
    unit: str
    conditions: dict[str, Any] = field(default_factory=dict)
    peer: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None
    target: float | None = None
    at_least: bool = True

    def met(self) -> bool | None:
        """Is the target met; None without one."""
        if self.target is None:
            return None
        measured = self.ratio if self.unit == "ratio" and self.ratio is not None else self.value
        return measured >= self.target if self.at_least else measured <= self.target

    def line(self) -> str:
        """The figure as one JSON object on one line."""
        return json.dumps(
            {
                "name": self.name,
                "value": rounded(self.value),
                "unit": self.unit,
                "conditions": {**machine(), **self.conditions},
                "peer": {name: rounded(value) for name, value in self.peer.items()} or None,
                "ratio": None if self.ratio is None else round(self.ratio, 2),
                "target": self.target,
                "met": self.met(),
            },
            ensure_ascii=False,
        )


Figures = Iterator[Figure]
Benchmark = Callable[[], Figures]


def rounded(value: float) -> float:
    """Four significant digits are what a run can repeat."""
    if abs(value) >= 1000:
        return round(value)
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """Conditions every line carries: processor, interpreter, load, fsync mode (A-4a)."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load1": round(os.getloadavg()[0], 1),
        "fsync": os.environ.get("EXCHANGE_LOG_FSYNC", "always"),
        "compiled": engine_is_compiled(),
    }


def cpu_model() -> str:
    """Model name of the first processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def engine_is_compiled() -> bool:
    """Is the core running as a compiled extension?"""
    import trading.engine.book as book

    return not (book.__file__ or "").endswith(".py")


@contextmanager
def collector_off() -> Iterator[None]:
    """Switch the garbage collector off, as the worker does (A-46)."""
    import gc

    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def best_of(rounds: int, run: Callable[[], float]) -> float:
    """Least of several durations in seconds: the run others disturbed least."""
    return min(run() for _ in range(rounds))


def timed(run: Callable[[], Any]) -> float:
    """Seconds one call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p99, p999 and the largest of some measurements, in their unit."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "p50": statistics.median(ordered),
        "p99": ordered[min(last, len(ordered) * 99 // 100)],
        "p999": ordered[min(last, len(ordered) * 999 // 1000)],
        "max": ordered[-1],
    }


def note(text: str) -> None:
    """Say what is going on without disturbing the lines of figures."""
    print(text, file=sys.stderr, flush=True)
