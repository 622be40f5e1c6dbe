"""The pool at work: events of the wires in, clean ticks out, orders back (G-3, G-13)."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from marketdata.feeds import mdapi
from marketdata.feeds.link import Link, LinkConfig, State
from marketdata.feeds.pool import Member, Order, Pool
from marketdata.feeds.ticks import BadTick, Sanitiser, Tick, bare_symbol
from marketdata.feeds.wires import CHILD_DIED, Wires

Sink = Callable[[list[Tick], list[int]], None]
"""Takes ticks that are new, and when each came in (monotonic ns)."""


class Engine:
    """One feed: `receive` what wires bring, `step` a few times a second, listen by `sinks`.

    ``is_open`` and ``is_fresh`` tell by the calendar whether to be connected and whether
    ticks are due.
    """

    def __init__(
        self,
        pool: Pool,
        sanitiser: Sanitiser,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], float] = lambda: time.time() * 1_000,
    ) -> None:
        self.pool = pool
        self.sanitiser = sanitiser
        self.clock = clock
        self.wall_ms = wall_ms
        self.wires: Wires | None = None
        self.sinks: list[Sink] = []
        self.bad_ticks = 0
        self.errors: Counter[int] = Counter()
        self.last_error: dict[str, str] = {}
        self.trading_day = ""
        self.is_open: Callable[[], bool] = lambda: True
        self.is_fresh: Callable[[], bool] = lambda: False
        self._was_fresh = False

    def open(self, wires: Wires, configs: Iterable[LinkConfig]) -> None:
        """Take the connections into the pool and onto the wires."""
        self.wires = wires
        known = list(configs)
        wires.open(known)
        for config in known:
            self.pool.add(Link(config))

    def want(self, party: str, symbols: Iterable[str]) -> None:
        """A party wants symbols besides what it has, in any spelling."""
        self.pool.want(party, map(bare_symbol, symbols))

    def replace(self, party: str, symbols: Iterable[str]) -> None:
        """A party wants exactly these."""
        self.pool.wanted.replace(party, map(bare_symbol, symbols), self.clock())

    def drop(self, party: str, symbols: Iterable[str]) -> None:
        """A party no longer wants these."""
        self.pool.wanted.remove(party, map(bare_symbol, symbols), self.clock())

    def leave(self, party: str) -> None:
        self.pool.wanted.leave(party, self.clock())

    # ------------------------------------------------------------------ events

    def receive(self, events: Iterable[Any]) -> None:
        """Everything the wires brought, in order."""
        now = self.clock()
        ticks: list[Tick] = []
        stamps: list[int] = []
        for event in events:
            if event[0] == mdapi.TICK:
                tick = self._tick(event, now)
                if tick is not None:
                    ticks.append(tick)
                    stamps.append(event[3])
            else:
                self._carry_out(self._other(event, now))
        if ticks:
            for sink in self.sinks:
                sink(ticks, stamps)

    def _tick(self, event: Any, now: float) -> Tick | None:
        name = event[1]
        try:
            tick = self.sanitiser.tick(event[2], name)
        except BadTick:
            self.bad_ticks += 1
            return None
        self.pool.on_tick(name, tick.instrument_id, now)
        if not self.pool.gate.passes(tick):
            return None
        member = self.pool.members.get(name)
        if member is not None and member.ticks % 16 == 1:
            member.quality.tick_latency(self.wall_ms() - tick.timestamp)
        return tick

    def _other(self, event: Any, now: float) -> list[Order]:
        kind, name, *rest = event
        if kind == mdapi.CONNECTED:
            return self.pool.on_connected(name, now)
        if kind == mdapi.LOGIN:
            self.trading_day = rest[2] or self.trading_day
            return self.pool.on_login(name, now, rest[0], rest[1])
        if kind == mdapi.DISCONNECTED:
            if rest[0] == CHILD_DIED:
                return self.pool.fail(name, now, "the process of the link ended")
            return self.pool.on_disconnected(name, now, rest[0])
        if kind == mdapi.SUBSCRIBED:
            error = f"{rest[1]} {rest[2]}" if rest[1] else ""
            self.pool.on_subscribed(name, rest[0], now, error)
        elif kind == mdapi.ERROR:
            self._note_error(name, rest[0], rest[1], now)
        return []

    def _note_error(self, name: str, code: int, text: str, now: float) -> None:
        self.errors[code] += 1
        self.last_error[name] = f"{code} {text}"
        member = self.pool.members.get(name)
        if member is not None:
            member.quality.errors.add(now)

    def _carry_out(self, orders: Iterable[Order]) -> None:
        wires = self.wires
        if wires is not None:
            for order in orders:
                wires.carry_out(order)

    # -------------------------------------------------------------------- time

    def step(self) -> None:
        """Everything that is due."""
        now = self.clock()
        fresh = self.is_fresh()
        if fresh and not self._was_fresh:
            for member in self.pool.members.values():
                member.link.fresh_since(now)
        self._was_fresh = fresh
        self._carry_out(self.pool.step(now, self.is_open(), fresh))

    # ----------------------------------------------------------------- orders

    def order(self, verb: str, connection_id: str) -> bool:
        """`enable`, `disable` or `reconnect` a connection; False for an unknown one."""
        if connection_id not in self.pool.members:
            return False
        self._carry_out(getattr(self.pool, verb)(connection_id, self.clock()))
        return True

    # ----------------------------------------------------------------- status

    def status(self) -> dict[str, Any]:
        """What `--status`, the admin and `/health` show."""
        pool, now = self.pool, self.clock()
        states = Counter(str(member.link.state) for member in pool.members.values())
        return {
            "strategy": pool.strategy,
            "states": {str(state): states[str(state)] for state in State},
            "wanted": len(pool.wanted),
            "assigned": len(pool.assigned),
            "waiting": len(pool.waiting),
            "refused": len(pool.refused),
            "failovers": pool.failovers,
            "ticks": pool.gate.passed,
            "duplicates": pool.gate.duplicates,
            "backwards": pool.gate.backwards,
            "gaps": pool.gate.gaps,
            "bad_ticks": self.bad_ticks,
            "trading_day": self.trading_day,
            "connections": [self.connection(member, now) for member in pool.members.values()],
        }

    def connection(self, member: Member, now: float) -> dict[str, Any]:
        """One connection's line."""
        link, middle = member.link, self.pool.median_latency()
        name = member.config.connection_id
        return {
            "connection_id": name,
            "broker_name": member.config.broker_name,
            "front_addr": member.config.front_addr,
            "state": str(link.state),
            "since_s": round(now - link.since, 1),
            "quality": member.quality.score(now, middle, member.load),
            "quality_costs": member.quality.costs(now, middle, member.load),
            "symbols": len(member.symbols),
            "confirmed": len(member.confirmed),
            "max_subscriptions": member.config.max_subscriptions,
            "priority": member.config.priority,
            "ticks": member.ticks,
            "last_tick_s": round(now - link.last_tick_at, 1) if link.last_tick_at else None,
            "failures": member.failures,
            "stopped": link.stopped,
            "error": link.error or self.last_error.get(name, ""),
            "transitions": dict(link.transitions),
        }
