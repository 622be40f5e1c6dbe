"""Many connections as one: spreads symbols, survives any of them (G-10 … G-13). No clock of its own."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from marketdata.feeds.gate import Gate
from marketdata.feeds.link import Action, Link, LinkConfig, State
from marketdata.feeds.quality import Quality, median
from marketdata.feeds.spread import STRATEGIES, Room
from marketdata.feeds.wanted import GRACE_S, Wanted

BATCH = 200
"""Symbols in one call to a front."""
CALL_EVERY_S = 0.05
"""Shortest time between two calls to one front."""
CONFIRM_S = 10.0
"""A subscription without an answer for so long is asked for again."""
RETURN_AFTER_S = 10.0
RETURN_PER_S = 50
"""Symbols flow back to a connection that has come back, so many a second, not at once."""
PLACED_AT_ONCE = 2_000
"""Symbols placed in one step, so that ticks need not wait for a whole market."""


@dataclass(frozen=True)
class Order:
    """What a connection is to do: an action of its link, or a batch of symbols."""

    connection_id: str
    action: Action | None = None
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()


@dataclass
class Member:
    """A connection in the pool with what it is to deliver."""

    link: Link
    quality: Quality = field(default_factory=Quality)
    symbols: dict[str, None] = field(default_factory=dict)
    """Assigned to it, subscribed or about to be."""
    confirmed: set[str] = field(default_factory=set)
    to_subscribe: dict[str, None] = field(default_factory=dict)
    to_unsubscribe: dict[str, None] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    next_call_at: float = 0.0
    connecting_at: float = 0.0
    up_since: float = 0.0
    ticks: int = 0
    failures: int = 0

    @property
    def config(self) -> LinkConfig:
        return self.link.config

    @property
    def free(self) -> int:
        return self.config.max_subscriptions - len(self.symbols)

    @property
    def load(self) -> float:
        return len(self.symbols) / max(1, self.config.max_subscriptions)


class Pool:
    """Connections, the desired set and who delivers what; `step` gives the orders that are due."""

    def __init__(self, strategy: str = "connection_quality", *, auto_failover: bool = True,
                 grace_s: float = GRACE_S) -> None:  # fmt: skip
        self.wanted = Wanted(grace_s)
        self.gate = Gate()
        self.members: dict[str, Member] = {}
        self.assigned: dict[str, str] = {}
        self.waiting: dict[str, None] = {}
        """Wanted symbols without a place: 7001 until there is one."""
        self.refused: dict[str, str] = {}
        """Symbols the fronts do not know, with what they said."""
        self.failovers = 0
        self.moved = 0
        self.auto_failover = auto_failover
        self._strategy = "round_robin"
        self._last = ""
        self._home: dict[str, str] = {}
        self._returning: deque[tuple[str, str]] = deque()
        self._leaving_behind: dict[str, str] = {}
        self._next_return_at = 0.0
        self._room_changed = True
        self.use(strategy)

    def use(self, strategy: str) -> None:
        """Choose how symbols are spread from now on; KeyError for an unknown name."""
        STRATEGIES[strategy]
        self._strategy = strategy

    @property
    def strategy(self) -> str:
        return self._strategy

    # ------------------------------------------------------------- connections

    def add(self, link: Link) -> Member:
        """Take a connection into the pool."""
        member = self.members[link.config.connection_id] = Member(link)
        return member

    def remove(self, connection_id: str, now: float) -> list[Order]:
        """Take one out; its symbols go to the others."""
        member = self.members[connection_id]
        orders = self._acts(member, member.link.disable(now))
        self._lost(member, now)
        del self.members[connection_id]
        return orders

    def rooms(self, now: float) -> list[Room]:
        """Connections that can take symbols now."""
        middle = self.median_latency()
        return [
            Room(
                name, member.config.priority, member.free, len(member.symbols),
                member.quality.score(now, middle, member.load),
            )
            for name, member in self.members.items()
            if member.link.is_up and member.free > 0
        ]  # fmt: skip

    def median_latency(self) -> float | None:
        """Of the connections that measured one, ms."""
        found = [m.quality.latency_ms for m in self.members.values() if m.quality.latency_ms is not None]
        return median(found)

    # ------------------------------------------------------------------ events

    def on_connected(self, connection_id: str, now: float) -> list[Order]:
        member = self.members.get(connection_id)
        return self._acts(member, member.link.on_connected(now)) if member else []

    def on_login(self, connection_id: str, now: float, code: int = 0, message: str = "") -> list[Order]:
        """The answer to a login: on yes the whole assigned set is subscribed again."""
        member = self.members.get(connection_id)
        if member is None:
            return []
        actions = member.link.on_login(now, code, message)
        if member.link.is_up:
            self._up(member, now)
        else:
            member.quality.errors.add(now)
        return self._acts(member, actions)

    def _up(self, member: Member, now: float) -> None:
        member.up_since = now
        member.quality.logged_in(now, now - member.connecting_at)
        member.confirmed.clear()
        member.asked.clear()
        member.to_unsubscribe.clear()
        member.to_subscribe = dict(member.symbols)
        self._room_changed = True
        name = member.config.connection_id
        homesick = [symbol for symbol, home in self._home.items() if home == name]
        self._returning.extend((symbol, name) for symbol in homesick)

    def on_disconnected(self, connection_id: str, now: float, reason: int = 0) -> list[Order]:
        member = self.members.get(connection_id)
        return self._after(member, member.link.on_disconnected(now, reason), now) if member else []

    def fail(self, connection_id: str, now: float, why: str) -> list[Order]:
        """The connection is dead whatever it thinks itself: its process ended."""
        member = self.members.get(connection_id)
        if member is None or member.link.state in (State.DISABLED, State.ERROR, State.DISCONNECTED):
            return []
        return self._after(member, member.link.fail(now, why), now)

    def enable(self, connection_id: str, now: float) -> list[Order]:
        self.members[connection_id].link.enable(now)
        return []

    def disable(self, connection_id: str, now: float) -> list[Order]:
        """An operator closes a connection; its symbols go to the others."""
        member = self.members[connection_id]
        return self._after(member, member.link.disable(now), now)

    def reconnect(self, connection_id: str, now: float) -> list[Order]:
        member = self.members[connection_id]
        return self._after(member, member.link.reconnect(now), now)

    def on_subscribed(self, connection_id: str, symbol: str, now: float, error: str = "") -> None:
        """The answer to one subscription."""
        member = self.members.get(connection_id)
        if member is None or self.assigned.get(symbol) != connection_id:
            return
        member.asked.pop(symbol, None)
        if error:
            member.quality.errors.add(now, 0.1)
            self.refused[symbol] = error
            self._drop(symbol)
            return
        member.confirmed.add(symbol)
        behind = self._leaving_behind.pop(symbol, "")
        if behind in self.members:
            self._forget(self.members[behind], symbol)

    def on_tick(self, connection_id: str, symbol: str, now: float) -> None:
        """A connection delivers."""
        member = self.members.get(connection_id)
        if member is not None:
            member.ticks += 1
            member.link.last_tick_at = now

    def _acts(self, member: Member, actions: Iterable[Action]) -> list[Order]:
        return [Order(member.config.connection_id, action) for action in actions]

    def _after(self, member: Member, actions: list[Action], now: float) -> list[Order]:
        """Orders of a link, and its symbols elsewhere when it went down."""
        orders = self._acts(member, actions)
        for action in actions:
            if action is Action.CONNECT:
                member.connecting_at = now
            elif action is Action.RELEASE:
                self._lost(member, now)
        return orders

    # ---------------------------------------------------------------- symbols

    def want(self, party: str, symbols: Iterable[str]) -> None:
        """A party wants symbols besides what it has."""
        self.wanted.add(party, symbols)

    def _lost(self, member: Member, now: float) -> None:
        """A connection is down: what it delivered goes to the others in this very step."""
        if member.up_since:
            member.quality.disconnects.add(now)
            member.failures += 1
        was_up, member.up_since = bool(member.up_since), 0.0
        member.confirmed.clear()
        member.asked.clear()
        member.to_subscribe.clear()
        member.to_unsubscribe.clear()
        if not self.auto_failover and member.link.state is not State.DISABLED:
            return
        symbols = list(member.symbols)
        member.symbols.clear()
        name = member.config.connection_id
        for symbol in symbols:
            if self.assigned.get(symbol) == name:
                self._orphan(symbol, name)
        if was_up and symbols:
            self.failovers += 1
            member.quality.gaps.add(now, 0.01 * len(symbols))

    def _orphan(self, symbol: str, name: str) -> None:
        self.gate.moved(symbol)
        behind = self._leaving_behind.pop(symbol, "")
        old = self.members.get(behind)
        if old is not None and symbol in old.symbols and old.link.is_up:
            self.assigned[symbol] = behind  # it was moving away from a connection that still has it
            return
        del self.assigned[symbol]
        self._home.setdefault(symbol, name)
        if symbol in self.wanted:
            self.waiting[symbol] = None
            self._room_changed = True

    def _drop(self, symbol: str) -> None:
        """Nobody is to deliver it any more."""
        self.waiting.pop(symbol, None)
        self._home.pop(symbol, None)
        for name in (self.assigned.pop(symbol, ""), self._leaving_behind.pop(symbol, "")):
            if name in self.members:
                self._forget(self.members[name], symbol)

    def _forget(self, member: Member, symbol: str) -> None:
        member.symbols.pop(symbol, None)
        member.confirmed.discard(symbol)
        member.asked.pop(symbol, None)
        if member.to_subscribe.pop(symbol, 0) == 0 and member.link.is_up:
            member.to_unsubscribe[symbol] = None
        self._room_changed = True

    def _assign(self, symbol: str, name: str) -> None:
        member = self.members[name]
        self.assigned[symbol] = name
        member.symbols[symbol] = None
        member.to_unsubscribe.pop(symbol, None)
        if symbol not in member.confirmed:
            member.to_subscribe[symbol] = None

    # -------------------------------------------------------------------- step

    def step(self, now: float, is_open: bool = True, is_fresh: bool = False) -> list[Order]:
        """Everything that is due now."""
        orders: list[Order] = []
        for member in list(self.members.values()):
            fresh = is_fresh and bool(member.confirmed)
            orders += self._after(member, member.link.step(now, is_open, fresh), now)
        self._take_changes(now)
        self._place(now)
        self._flow_back(now)
        for name, member in self.members.items():
            if member.link.is_up and now >= member.next_call_at:
                self._ask_again(member, now)
                orders += self._batch(name, member, now)
        return orders

    def _take_changes(self, now: float) -> None:
        for symbol in self.wanted.take_added():
            self.refused.pop(symbol, None)
            self.waiting[symbol] = None
            self._room_changed = True
        for symbol in self.wanted.take_due(now):
            self._drop(symbol)

    def _place(self, now: float) -> None:
        if not self.waiting or not self._room_changed:
            return
        pick = STRATEGIES[self._strategy](self.rooms(now), self._last)
        for symbol in list(self.waiting)[:PLACED_AT_ONCE]:
            name = pick(symbol)
            if name is None:
                self._room_changed = False
                return
            del self.waiting[symbol]
            self._assign(symbol, name)
            self._last = name
            self.moved += symbol in self._home

    def _flow_back(self, now: float) -> None:
        """Some symbols return to where they were before a failure: subscribed there first."""
        if not self._returning or now < self._next_return_at:
            return
        self._next_return_at = now + 1.0
        for _ in range(min(RETURN_PER_S, len(self._returning))):
            symbol, name = self._returning.popleft()
            member = self.members.get(name)
            if member is None or not member.link.is_up or self._home.get(symbol) != name:
                continue
            if now - member.up_since < RETURN_AFTER_S:
                self._returning.append((symbol, name))
                continue
            self._return(symbol, name, member)

    def _return(self, symbol: str, name: str, member: Member) -> None:
        at = self.assigned.get(symbol)
        self._home.pop(symbol)
        if at is None or at == name or member.free <= 0 or symbol in self._leaving_behind:
            return
        self._leaving_behind[symbol] = at
        self._assign(symbol, name)

    def _ask_again(self, member: Member, now: float) -> None:
        late = [symbol for symbol, at in member.asked.items() if now - at > CONFIRM_S]
        for symbol in late:
            del member.asked[symbol]
            member.to_subscribe[symbol] = None
        if late:
            member.quality.errors.add(now, 0.1 * len(late))

    def _batch(self, name: str, member: Member, now: float) -> list[Order]:
        if not (member.to_subscribe or member.to_unsubscribe):
            return []
        member.next_call_at = now + CALL_EVERY_S
        subscribe = _take(member.to_subscribe)
        member.asked.update(dict.fromkeys(subscribe, now))
        return [Order(name, None, subscribe, _take(member.to_unsubscribe))]


def _take(symbols: dict[str, None]) -> tuple[str, ...]:
    batch = tuple(symbols)[:BATCH]
    for symbol in batch:
        del symbols[symbol]
    return batch
