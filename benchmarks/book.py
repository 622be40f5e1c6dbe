"""Q-1: the engine's book class beside liquibook (C++ from Python) and lightmatchingengine.

One stream of commands, the same for all: 55 % passive limits, 35 % cancels of a living order,
10 % orders that cross. Every contender keeps its own map from order number to order, tells each
fill, and must come to the same number of fills and lots as the slow reference that made the
stream.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.figures import Figure, Figures, best_of, collector_off, timed
from trading.engine.book import Book, Resting

COMMANDS = 200_000
SEED = 20_260_101
ROUNDS = 3
MID = 50_000
REACH = 20
"""Passive prices lie within so many ticks of the middle."""

ADD, CANCEL = 0, 1


class Command(NamedTuple):
    kind: int
    number: int  # of the order, from 0
    is_buy: bool
    price: int  # ticks
    lots: int


class Stream(NamedTuple):
    commands: list[Command]
    fills: int
    lots: int


class ReferenceBook:
    """The obvious book the stream is made with: a queue a price, best found by search."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, deque[list[int]]], dict[int, deque[list[int]]]] = ({}, {})
        self.alive: dict[int, tuple[bool, int]] = {}
        self.fills = 0
        self.lots = 0

    def add(self, number: int, is_buy: bool, price: int, lots: int) -> None:
        """Match an order and rest what is left of it."""
        own, other = self.sides if is_buy else self.sides[::-1]
        while lots and other:
            best = min(other) if is_buy else max(other)
            if (best > price) if is_buy else (best < price):
                break
            lots = self._match(other, best, lots)
        if lots:
            own.setdefault(price, deque()).append([number, lots])
            self.alive[number] = (is_buy, price)

    def cancel(self, number: int) -> None:
        """Take a living order out."""
        is_buy, price = self.alive.pop(number)
        side = self.sides[0 if is_buy else 1]
        queue = side[price]
        queue.remove(next(entry for entry in queue if entry[0] == number))
        if not queue:
            del side[price]

    def _match(self, side: dict[int, deque[list[int]]], price: int, lots: int) -> int:
        queue = side[price]
        maker = queue[0]
        taken = min(lots, maker[1])
        maker[1] -= taken
        self.fills += 1
        self.lots += taken
        if not maker[1]:
            queue.popleft()
            del self.alive[maker[0]]
            if not queue:
                del side[price]
        return lots - taken


class Living:
    """Numbers of living orders with a random choice in constant time."""

    def __init__(self, alive: dict[int, tuple[bool, int]], source: random.Random) -> None:
        self.alive = alive
        self.source = source
        self.numbers: list[int] = []

    def choose(self) -> int | None:
        """A living number, forgotten from here on; None when nothing lives."""
        numbers = self.numbers
        while numbers:
            index = self.source.randrange(len(numbers))
            numbers[index], numbers[-1] = numbers[-1], numbers[index]
            number = numbers.pop()
            if number in self.alive:
                return number
        return None


def make_stream(commands: int = COMMANDS, seed: int = SEED) -> Stream:
    """The commands and what they must lead to."""
    source = random.Random(seed)
    book = ReferenceBook()
    living = Living(book.alive, source)
    stream: list[Command] = []
    number = 0
    while len(stream) < commands:
        draw = source.randrange(100)
        target = living.choose() if 55 <= draw < 90 else None
        if target is not None:
            stream.append(Command(CANCEL, target, False, 0, 0))
            book.cancel(target)
            continue
        command = passive(source, number) if draw < 90 else crossing(source, number)
        stream.append(command)
        book.add(number, command.is_buy, command.price, command.lots)
        living.numbers.append(number)
        number += 1
    return Stream(stream, book.fills, book.lots)


def passive(source: random.Random, number: int) -> Command:
    """A limit order on its own side of the middle."""
    is_buy = source.random() < 0.5
    away = source.randint(1, REACH)
    return Command(ADD, number, is_buy, MID - away if is_buy else MID + away, source.randint(1, 10))


def crossing(source: random.Random, number: int) -> Command:
    """A limit order through the middle, of several passive orders' size."""
    is_buy = source.random() < 0.5
    through = source.randint(1, 5)
    return Command(ADD, number, is_buy, MID + through if is_buy else MID - through, source.randint(5, 40))


class Contender(NamedTuple):
    """``play`` runs the stream on a fresh book and returns (fills, lots)."""

    name: str
    play: Callable[[list[Command]], tuple[int, int]]


def play_engine(commands: list[Command]) -> tuple[int, int]:
    """The book of `trading.engine`, used as `apply` uses it, self-trade prevention off."""
    sides = Book().sides
    orders: dict[int, tuple[Resting, Any]] = {}
    fills = lots_filled = 0
    for kind, number, is_buy, price, lots in commands:
        if kind:
            order, side = orders.pop(number)
            side.remove(order)
            continue
        if is_buy:
            key, own, other = price, sides[0], sides[1]
        else:
            key, own, other = -price, sides[1], sides[0]
        left = lots
        keys = other.keys
        if keys and keys[-1] >= -key:
            for _, taken in other.take(-key, lots):
                fills += 1
                left -= taken
            lots_filled += lots - left
        if left:
            order = Resting(left, key)
            own.add(order)
            orders[number] = (order, own)
    return fills, lots_filled


def play_liquibook(commands: list[Command]) -> tuple[int, int]:
    """liquibook's order book; its listener is told each fill, as our `take` tells them."""
    import liquibook

    class Listener(liquibook.OrderListener):  # type: ignore[misc]
        fills = 0
        lots = 0

        def on_fill(self, taker: Any, maker: Any, lots: int, cost: int) -> None:
            self.fills += 1
            self.lots += lots

        def nothing(self, *_: Any) -> None:
            """The binding insists on every callback of the listener."""

        on_accept = on_cancel = on_cancel_reject = on_reject = nothing
        on_replace = on_replace_reject = on_trigger_stop = nothing

    listener = Listener()
    _liquibook(commands, listener)
    return listener.fills, listener.lots


def play_liquibook_silent(commands: list[Command]) -> tuple[int, int]:
    """liquibook without any callback: it matches, and nobody learns of it."""
    _liquibook(commands, None)
    return 0, 0


def _liquibook(commands: list[Command], listener: Any) -> None:
    import liquibook

    book = liquibook.DepthOrderBook()
    if listener is not None:
        book.set_order_listener(listener)
    new_order = liquibook.SimpleOrder
    add, cancel = book.add, book.cancel
    orders: dict[int, Any] = {}
    for kind, number, is_buy, price, lots in commands:
        if kind:
            cancel(orders.pop(number))
        else:
            order = orders[number] = new_order(is_buy, price, lots)
            add(order)


def play_lightmatchingengine(commands: list[Command]) -> tuple[int, int]:
    """lightmatchingengine, pure Python; its trades hold both sides, we count the makers'."""
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side

    engine = LightMatchingEngine()
    numbers: dict[int, int] = {}
    fills = lots_filled = 0
    for kind, number, is_buy, price, lots in commands:
        if kind:
            engine.cancel_order(numbers.pop(number), "X")
            continue
        order, trades = engine.add_order("X", price, lots, Side.BUY if is_buy else Side.SELL)
        numbers[number] = order.order_id
        for trade in trades:
            if trade.order_id != order.order_id:
                fills += 1
                lots_filled += trade.trade_qty
    return fills, lots_filled


ENGINE = Contender("engine", play_engine)
PEERS = (
    Contender("liquibook", play_liquibook),
    Contender("liquibook_silent", play_liquibook_silent),
    Contender("lightmatchingengine", play_lightmatchingengine),
)


def check(stream: Stream, contender: Contender, outcome: tuple[int, int]) -> None:
    """Raise unless a contender came to the reference's fills and lots."""
    silent = contender.play is play_liquibook_silent
    if not silent and outcome != (stream.fills, stream.lots):
        expected = (stream.fills, stream.lots)
        raise AssertionError(f"{contender.name}: {outcome} fills and lots, not {expected}")


def rate_of(stream: Stream, contender: Contender, rounds: int) -> float:
    """Commands a second of a contender, best of some rounds, each one's results checked."""

    def play() -> None:
        check(stream, contender, contender.play(stream.commands))

    return len(stream.commands) / best_of(rounds, lambda: timed(play))


def run() -> Figures:
    """Q-1; the ratio is to the faster of liquibook's two ways."""
    stream = make_stream()
    with collector_off():
        engine = rate_of(stream, ENGINE, ROUNDS)
        peers = dict(_peer_rates(stream))
    liquibook = max(peers["liquibook"], peers["liquibook_silent"])
    yield Figure(
        name="Q-1 order book",
        value=engine,
        unit="commands/s",
        conditions={"commands": COMMANDS, "mix": "55/35/10", "seed": SEED, "fills": stream.fills},
        peer=peers,
        ratio=engine / liquibook,
        target=round(1.5 * liquibook),
    )


def _peer_rates(stream: Stream) -> Iterator[tuple[str, float]]:
    for contender in PEERS:
        slow = contender.name == "lightmatchingengine"
        yield contender.name, rate_of(stream, contender, 1 if slow else ROUNDS)
