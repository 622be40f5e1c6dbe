"""The feed's figures: failover drills, subscribing a whole market (G-13, figures of the gateway)."""

import resource
import time
from typing import Any

from benchmarks.figures import Figure, Figures, note
from marketdata.feeds.drill import Drill, Result, full, minute

LINKS = 90
SECONDS = 60


def failover() -> Figures:
    """A minute of kills at 18 000 symbols; one loss at 25 000 with too little room for it."""
    yield from _told(
        "failover, one kill a second for a minute", minute(LINKS, 300, 18_000, SECONDS), 300, 18_000
    )
    yield from _told("failover, one loss without room for it", full(LINKS, 278, 25_000), 278, 25_000)


def _told(name: str, result: Result, room: int, symbols: int) -> Figures:
    conditions: dict[str, Any] = {
        "connections": LINKS, "room": room, "symbols": symbols, "kills": result.kills,
        "clock": "simulated", "simulated_s": round(result.seconds, 1), "wall_s": round(result.wall_s, 1),
        "ticks": result.ticks, "moved": len(result.away_s), "most_waiting": result.most_waiting,
        "left_waiting": result.left_waiting,
    }  # fmt: skip
    for fault in result.faults[:5]:
        note(fault)
    yield Figure(
        f"{name}: ticks twice or backwards", len(result.faults), "ticks", conditions, target=0, at_least=False
    )
    yield Figure(
        f"{name}: gaps counted less holes really made", result.gaps - result.lost, "gaps",
        {**conditions, "gaps": result.gaps, "holes": result.lost}, target=0, at_least=False,
    )  # fmt: skip
    yield Figure(f"{name}: until the last symbol spoke again", result.longest_s(), "s", conditions)


def market() -> Figures:
    """25 000 symbols over 90 connections: how long subscribing takes, and the memory of it."""
    began = time.process_time()
    drill = Drill(LINKS, 300, 25_000)
    start = drill.now
    while drill.confirmed() < 25_000:
        drill.step(0.0)
    used = time.process_time() - began
    drill.run(3.0)
    conditions = {"connections": LINKS, "symbols": 25_000, "cpu_s": round(used, 2)}
    yield Figure(
        "25 000 symbols subscribed", drill.now - 3.0 - start, "s", conditions, target=60, at_least=False
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    yield Figure("memory of 25 000 symbols", peak, "MB", conditions, target=1_536, at_least=False)
