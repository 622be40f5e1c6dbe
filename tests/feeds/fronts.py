"""A pool driven by hand: fronts that answer at once, a clock that is told."""

import random
from collections.abc import Iterable

from marketdata.feeds.link import Action, Link, LinkConfig
from marketdata.feeds.pool import Order, Pool


class Drive:
    """Answers every order of a pool as sound fronts would; `down` names those that are not."""

    def __init__(self, pool: Pool, connections: Iterable[LinkConfig], seed: int = 1) -> None:
        self.pool = pool
        self.now = 1_000.0
        self.down: set[str] = set()
        self.subscribed: dict[str, set[str]] = {}
        self.calls = 0
        for config in connections:
            pool.add(Link(config, random.Random(f"{seed}{config.connection_id}")))
            self.subscribed[config.connection_id] = set()

    def run(self, seconds: float, step_s: float = 0.05) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self.now < until:
            self.carry_out(self.pool.step(self.now))
            self.now += step_s

    def carry_out(self, orders: list[Order]) -> None:
        for order in orders:
            self.carry_out(self.answer(order))

    def answer(self, order: Order) -> list[Order]:
        name, pool, now = order.connection_id, self.pool, self.now
        if order.action is Action.CONNECT:
            return [] if name in self.down else pool.on_connected(name, now)
        if order.action is Action.LOGIN:
            return pool.on_login(name, now)
        if order.action is Action.RELEASE:
            self.subscribed[name] = set()
            return []
        self.calls += 1
        self.subscribed[name] |= set(order.subscribe)
        self.subscribed[name] -= set(order.unsubscribe)
        for symbol in order.subscribe:
            pool.on_subscribed(name, symbol, now)
        return []

    def kill(self, *names: str) -> None:
        """The wires of these connections break and stay broken."""
        self.down |= set(names)
        for name in names:
            self.subscribed[name] = set()
            self.carry_out(self.pool.on_disconnected(name, self.now, 0x1001))

    def delivered(self) -> list[str]:
        """Every symbol as often as it is subscribed somewhere."""
        return sorted(symbol for symbols in self.subscribed.values() for symbol in symbols)


def connections(count: int, room: int = 300, **given: object) -> list[LinkConfig]:
    """So many connections of equal priority."""
    return [
        LinkConfig(f"c{n:03d}", f"tcp://127.0.0.1:{41_000 + n}", max_subscriptions=room, **given)  # type: ignore[arg-type]
        for n in range(count)
    ]


def symbols(count: int) -> list[str]:
    return [f"x{n:05d}" for n in range(count)]
