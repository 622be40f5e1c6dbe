"""``python -m benchmarks.soak --hours N``: a whole site under steady load, watched (R-6).

The ordinary `manage.py exchange` with robots, 10 000 accounts that send 2 000 orders a second
and 1 000 sockets that follow quotes. Once a window, memory and descriptors of every process, the
length of the streams and the window's p99 are noted; at the end each must have stayed flat.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis

from benchmarks.figures import Figure, Figures, note
from benchmarks.site import ROOT, end, wait_until
from exchange_site.embedded import free_port
from exchange_site.running import FILE

ACCOUNTS, RATE, SOCKETS, SYMBOLS_EACH = 10_000, 2_000, 1_000, 20
SLOPE_PERCENT_AN_HOUR = 1.0
P99_DRIFT = 0.10
OPEN_S = 180.0


@dataclass
class Series:
    """What one process or stream measured, window by window."""

    hours: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, hour: float, value: float) -> None:
        self.hours.append(hour)
        self.values.append(value)

    def slope_percent(self) -> float:
        """Per cent of the mean an hour, without the first tenth; 0 with fewer than three points."""
        skip = len(self.values) // 10
        hours, values = self.hours[skip:], self.values[skip:]
        mean = statistics.fmean(values)
        if len(values) < 3 or not mean:
            return 0.0
        return 100 * statistics.linear_regression(hours, values).slope / mean


class Soak:
    """The site, its load and what was seen of them."""

    def __init__(self, folder: Path, rate: int, accounts: int, sockets: int) -> None:
        self.folder, self.rate, self.accounts, self.sockets = folder, rate, accounts, sockets
        self.port = free_port()
        kept = {name: text for name, text in os.environ.items() if not name.startswith("EXCHANGE_")}
        self.environment = {**kept, "DATA_DIR": str(folder / "data"), "PORT": str(self.port)}
        self.output = (folder / "exchange.log").open("ab")
        self.exchange = self._spawn("manage.py", "exchange")
        self.watchers: list[subprocess.Popen[bytes]] = []
        self.series: dict[str, Series] = {}
        self.p99: list[float] = []
        self.rates: list[float] = []
        self.pids: dict[str, int] = {}
        self.restarts = 0

    def _spawn(self, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT, env=self.environment, stdout=self.output, stderr=self.output, **options,
        )  # fmt: skip

    def open(self) -> None:
        """Wait for the exchange, then let the sockets follow."""
        log = self.folder / "exchange.log"
        wait_until(lambda: "open after" in log.read_text(), OPEN_S, "the exchange opens")
        servers = json.loads((self.folder / "data" / FILE).read_text())
        self.log = redis.Redis.from_url(servers["REDIS_URL"])
        cache = redis.Redis.from_url(servers["CACHE_URL"])
        prefix = "x:{main}:quote:"
        names = [key.decode()[len(prefix) :] for key in cache.scan_iter(f"{prefix}*", 1_000)]
        symbols = " ".join(sorted(name for name in names if not name.startswith("KQ.")))
        arguments = (str(self.port), "/ws/diff", str(self.sockets), str(SYMBOLS_EACH), "1e9", "1", "diff")
        watcher = self._spawn("-m", "benchmarks.socket_clients", *arguments, stdin=subprocess.PIPE)
        assert watcher.stdin is not None
        watcher.stdin.write(symbols.encode())
        watcher.stdin.close()
        self.watchers.append(watcher)

    def window(self, hour: float, seconds: float) -> None:
        """Load for a window, then look."""
        orders = max(100, int(self.rate * seconds))
        numbers = ("--orders", str(orders), "--accounts", str(self.accounts), "--rate", str(self.rate))
        done = subprocess.run(
            [sys.executable, "manage.py", "load", *numbers],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the load failed: {done.stdout[-2_000:]}{done.stderr[-2_000:]}")
        self.p99.append(float(_found(r"p99 ([\d.]+)", done.stdout)))
        self.rates.append(float(_found(r"s, (\d+)/s", done.stdout)))
        for name, value in self._look():
            self.series.setdefault(name, Series()).add(hour, value)
        note(f"hour {hour:.3f}: {self.rates[-1]:.0f} orders/s, p99 {self.p99[-1]:.1f} ms")

    def _look(self) -> Iterator[tuple[str, float]]:
        """Memory (MiB) and descriptors of every process, length of both streams."""
        for child in psutil.Process(self.exchange.pid).children(recursive=False):
            name = _role(child.cmdline())
            if not name:
                continue
            if self.pids.setdefault(name, child.pid) != child.pid:
                self.restarts += 1
                self.pids[name] = child.pid
            yield f"{name} memory, MiB", child.memory_full_info().uss / 2**20
            yield f"{name} descriptors", child.num_fds()
        for stream in ("commands", "events"):
            yield f"{stream} entries", self.log.xlen(f"x:{{main}}:{stream}")
        assert self.watchers[0].poll() is None, "the sockets have ended"

    def close(self) -> None:
        """End what was started here."""
        for watcher in self.watchers:
            end(watcher, signal.SIGTERM)
        end(self.exchange, signal.SIGTERM, 60)
        self.output.close()

    def figures(self, hours: float) -> Figures:
        """A line for each series, the p99's drift, restarts."""
        conditions = {
            "hours": round(hours, 3), "accounts": self.accounts, "orders_per_s": self.rate,
            "measured_orders_per_s": round(statistics.fmean(self.rates)), "sockets": self.sockets,
            "windows": len(self.p99),
        }  # fmt: skip
        for name, series in sorted(self.series.items()):
            yield Figure(
                f"R-6 {name}, change an hour", series.slope_percent(), "%",
                {**conditions, "first": series.values[0], "last": series.values[-1]},
                target=SLOPE_PERCENT_AN_HOUR, at_least=False,
            )  # fmt: skip
        third = max(1, len(self.p99) // 3)
        before, after = statistics.median(self.p99[:third]), statistics.median(self.p99[-third:])
        yield Figure(
            "R-6 p99 at the end", after, "ms", conditions, {"at the start": before}, after / before,
            round(before * (1 + P99_DRIFT), 2), at_least=False,
        )  # fmt: skip
        yield Figure("R-6 restarts", self.restarts, "processes", conditions, target=0, at_least=False)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"the load did not say {pattern}: {text}")
    return match.group(1)


def _role(command: list[str]) -> str:
    """A process's name: its management command, daphne, celery's part, or its server."""
    line = " ".join(command)
    for name in ("run_matching", "run_projector", "run_marketdata", "run_robots", "daphne", "beat", "worker"):
        if name in line:
            return "celery worker" if name == "worker" else name
    return ""


def main() -> int:
    """Run for the hours, print the figures; 1 when one is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--window", type=float, default=60.0, help="seconds of load between two looks")
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="exchange-soak-"))
    folder.chmod(0o755)
    soak = Soak(folder, options.rate, options.accounts, options.sockets)
    try:
        soak.open()
        started = time.monotonic()
        while (hours := (time.monotonic() - started) / 3_600) < options.hours:
            soak.window(hours, options.window)
        figures = list(soak.figures(hours))
    finally:
        soak.close()
        shutil.rmtree(folder, ignore_errors=True)
    for figure in figures:
        print(figure.line(), flush=True)
    return 0 if all(figure.met() for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
