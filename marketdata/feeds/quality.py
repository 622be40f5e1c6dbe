"""How good a connection is: 0–100 from measured things that are forgotten in time (G-12)."""

from dataclasses import dataclass, field

HALF_LIFE_S = 600.0
"""After this time an event weighs half; an hour later next to nothing."""
WEIGHTS = {"latency": 25.0, "gaps": 15.0, "errors": 15.0, "disconnects": 25.0, "login": 10.0, "load": 10.0}
"""The most each part can cost; together 100."""
FULL_COST = {"gaps": 50.0, "errors": 10.0, "disconnects": 5.0}
"""So many weighed events cost a part's whole weight."""
SLOW_LOGIN_S = 5.0
SLOW_TICK_MS = 500.0
"""So much above the median of all connections costs the whole weight."""
_SMOOTHING = 0.05


@dataclass
class Decayed:
    """A count that halves every `HALF_LIFE_S`."""

    value: float = 0.0
    at: float = 0.0

    def read(self, now: float) -> float:
        """Its weight now."""
        return self.value * 0.5 ** (max(0.0, now - self.at) / HALF_LIFE_S)

    def add(self, now: float, amount: float = 1.0) -> None:
        """Count something that happens now."""
        self.value, self.at = self.read(now) + amount, now


@dataclass
class Quality:
    """What was measured of one connection. Times in seconds of the caller's clock."""

    gaps: Decayed = field(default_factory=Decayed)
    errors: Decayed = field(default_factory=Decayed)
    disconnects: Decayed = field(default_factory=Decayed)
    latency_ms: float | None = None
    login_s: Decayed = field(default_factory=Decayed)

    def tick_latency(self, milliseconds: float) -> None:
        """A tick came so long after its own time; smoothed, clocks differ."""
        known = self.latency_ms
        self.latency_ms = milliseconds if known is None else known + _SMOOTHING * (milliseconds - known)

    def logged_in(self, now: float, seconds: float) -> None:
        """A login took so long."""
        self.login_s = Decayed(seconds, now)

    def costs(self, now: float, median_ms: float | None, load: float) -> dict[str, float]:
        """What each part takes from 100; `load` is the used share of its room, 0–1."""
        shares = {name: getattr(self, name).read(now) / full for name, full in FULL_COST.items()}
        slow_ms = 0.0 if self.latency_ms is None or median_ms is None else self.latency_ms - median_ms
        shares["latency"] = slow_ms / SLOW_TICK_MS
        shares["login"] = (self.login_s.read(now) - 0.5) / SLOW_LOGIN_S
        shares["load"] = load
        return {name: round(weight * min(1.0, max(0.0, shares[name])), 2) for name, weight in WEIGHTS.items()}

    def score(self, now: float, median_ms: float | None = None, load: float = 0.0) -> float:
        """0 (useless) … 100 (nothing to complain of)."""
        return round(100.0 - sum(self.costs(now, median_ms, load).values()), 1)


def median(values: list[float]) -> float | None:
    """The middle value; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
