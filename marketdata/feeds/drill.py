"""The failover drill: connections are killed at random, and everything is counted (G-13).

The pool, its links and simulated fronts run under a clock that the drill tells, so that a
minute takes as long as its ticks need. The market goes on whether somebody hears it or not:
what it said to nobody is what was really lost.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from marketdata.feeds.engine import Engine
from marketdata.feeds.link import LinkConfig
from marketdata.feeds.pool import Pool
from marketdata.feeds.simulated import Front, Fronts, Instrument, Listing, Market
from marketdata.feeds.ticks import Sanitiser, Tick
from marketdata.feeds.wires import LocalWires
from marketdata.gateway.hub import Hub, Shown

START = 1_795_399_200.0
"""A Monday at ten in Shanghai."""
STEP_S = 0.02
DOWN_S = 15.0
"""A killed front answers again after so long."""
SETTLE_S = 60.0


@dataclass
class Result:
    """What a drill counted."""

    kills: int = 0
    seconds: float = 0.0
    ticks: int = 0
    lost: int = 0
    """Holes really made: a symbol's snapshots that went to nobody, ended by one that was heard."""
    gaps: int = 0
    """Holes the gate counted."""
    faults: list[str] = field(default_factory=list)
    """Ticks that came twice or went back, at a client."""
    away_s: list[float] = field(default_factory=list)
    """Of each symbol of a killed connection: the time until another delivered it."""
    most_waiting: int = 0
    left_waiting: int = 0
    wall_s: float = 0.0

    def longest_s(self) -> float:
        """Until the last symbol was back."""
        return max(self.away_s, default=0.0)


class Follower:
    """A client of the hub that checks what it gets."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.last: dict[str, Tick] = {}

    def on_tick(self, shown: Shown, spelling: str) -> None:
        tick, before = shown.tick, self.last.get(spelling)
        self.last[spelling] = tick
        self.result.ticks += 1
        if before is None:
            return
        if tick.seq != before.seq + 1 or (tick.timestamp, tick.volume) <= (before.timestamp, before.volume):
            self.result.faults.append(
                f"{spelling}: {before.seq} {before.timestamp} then {tick.seq} {tick.timestamp}"
            )

    def on_waiting(self, symbols: list[str]) -> None:
        """7001 for these."""

    def on_names(self) -> None:
        """The catalogue does not change here."""


class Drill:
    """So many connections of so much room, so many symbols at so many updates a second each."""

    def __init__(self, links: int, room: int, symbols: int, pace_s: float = 1.0, seed: int = 1,
                 strategy: str = "connection_quality") -> None:  # fmt: skip
        self.now = START
        self.dice = random.Random(seed)
        self.pace_s = pace_s
        self.result = Result()
        self.names = [f"x{n:05d}" for n in range(symbols)]
        self.market = Market([Listing(name) for name in self.names], seed, lambda: round(self.now * 1_000))
        self.market.moves_all = True
        self.fronts = Fronts(self.market)
        self.fronts.scheduler.now = self.now
        self.engine = Engine(Pool(strategy), Sanitiser(), lambda: self.now, lambda: self.now * 1_000)
        self.wires = LocalWires(self.fronts, self.engine.receive)
        addresses = [f"tcp://127.0.0.1:{41_000 + n}" for n in range(links)]
        configs = [LinkConfig(f"c{n:03d}", at, max_subscriptions=room) for n, at in enumerate(addresses)]
        self.engine.open(self.wires, configs)
        self.hub = Hub(self.engine)
        self.hub.follow(Follower(self.result), "drill", self.names)
        self.engine.sinks.append(self.hub.publish)
        self._missed: set[str] = set()
        self._away: dict[str, float] = {}
        self._down: list[tuple[float, Front]] = []
        self._owed = 0.0

    def place(self, seconds: float = 60.0) -> None:
        """Until every symbol is confirmed somewhere; AssertionError when time does not suffice."""
        until = self.now + seconds
        while self.confirmed() < len(self.names) and self.now < until:
            self.step(0.0)
        assert self.confirmed() == len(self.names), f"{self.confirmed()} of {len(self.names)} symbols placed"
        self.run(3 * self.pace_s)
        self.market.on_sent = self._count

    def confirmed(self) -> int:
        """Symbols that a connection delivers."""
        return sum(len(member.confirmed) for member in self.engine.pool.members.values())

    def hub_waiting(self) -> int:
        """Symbols whose clients were told 7001."""
        return len(self.hub.waiting)

    def _count(self, instrument: Instrument, fronts: list[Front]) -> None:
        symbol = instrument.listing.symbol
        if not fronts:
            self._missed.add(symbol)
            return
        if symbol in self._missed:
            self._missed.discard(symbol)
            self.result.lost += 1
        began = self._away.pop(symbol, None)
        if began is not None:
            self.result.away_s.append(self.now - began)

    def step(self, updates_per_s: float) -> None:
        """One step of the clock."""
        self.now += STEP_S
        self._owed += STEP_S * updates_per_s
        self.wires.poll(self.now, int(self._owed))
        self._owed -= int(self._owed)
        self.engine.step()
        for at, front in [pair for pair in self._down if pair[0] <= self.now]:
            front.habits.unreachable = False
            self._down.remove((at, front))
        self.hub.set_waiting(self.engine.pool.waiting)
        if self.market.on_sent is not None:
            self.result.most_waiting = max(self.result.most_waiting, len(self.hub.waiting))

    def run(self, seconds: float) -> None:
        """Let time pass with the market at its pace."""
        until = self.now + seconds - 1e-9
        while self.now < until:
            self.step(len(self.names) / self.pace_s)

    def kill(self, down_s: float = DOWN_S) -> str:
        """Break the wire of a connection that is up, drawn by seed; its name."""
        up = [name for name, member in self.engine.pool.members.items() if member.link.is_up]
        name = self.dice.choice(up)
        member = self.engine.pool.members[name]
        front = self.fronts.front(member.config.front_addr)
        for symbol in member.symbols:
            if self.engine.pool.assigned.get(symbol) == name:
                self._away.setdefault(symbol, self.now)
        front.habits.unreachable = True
        self._down.append((self.now + down_s, front))
        front.drop()
        self.result.kills += 1
        return name

    def kills(self, seconds: int) -> Iterator[str]:
        """One connection each second."""
        for _ in range(seconds):
            yield self.kill()
            self.run(1.0)

    def finish(self) -> Result:
        """Let everything come back, and sum up."""
        until = self.now + SETTLE_S
        while (self._away or self._missed) and self.now < until:
            self.run(self.pace_s)
        result = self.result
        result.gaps = self.engine.pool.gate.gaps
        result.left_waiting = len(self.engine.pool.waiting)
        result.seconds = self.now - START
        return result


def minute(links: int, room: int, symbols: int, seconds: int, pace_s: float = 1.0, seed: int = 1) -> Result:
    """Place, kill one connection a second, let everything come back."""
    began = time.monotonic()
    drill = Drill(links, room, symbols, pace_s, seed)
    drill.place()
    for _ in drill.kills(seconds):
        pass
    result = drill.finish()
    result.wall_s = time.monotonic() - began
    return result


def full(links: int, room: int, symbols: int, pace_s: float = 1.0, seed: int = 1) -> Result:
    """One loss with too little room: the rest waits until the connection is back."""
    began = time.monotonic()
    drill = Drill(links, room, symbols, pace_s, seed)
    drill.place()
    drill.kill()
    drill.run(DOWN_S)
    result = drill.finish()
    result.wall_s = time.monotonic() - began
    return result
