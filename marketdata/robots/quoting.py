"""What a robot wants in the book, and the fewest commands that bring it there (M-20).

Prices are whole ticks, volumes lots.
"""

from typing import NamedTuple

from trading.engine.messages import Direction, Offset

MAX_ORDER_YUAN = 8_500_000
"""Kept under the venue's 10 000 000 an order (1003), also at the upper limit."""
LARGEST_QUOTE_LOTS = 60


class Quote(NamedTuple):
    """An order of the maker that rests in the book."""

    order_id: str
    direction: int
    price: int
    left: int


class Move(NamedTuple):
    order_id: str
    price: int


class Place(NamedTuple):
    direction: int
    price: int


class Cancel(NamedTuple):
    order_id: str


Action = Move | Place | Cancel


class Holding(NamedTuple):
    """Lots of one side of a position that are free to close, and all of them."""

    today: int = 0
    his: int = 0
    lots: int = 0


def ladder(fair: int, spread: int, levels: int, lower: int, upper: int) -> tuple[list[int], list[int]]:
    """Bid and ask prices around a fair price, best first, none outside the limits."""
    bid = fair - spread // 2
    bids = [bid - step for step in range(levels)]
    asks = [bid + spread + step for step in range(levels)]
    return (
        [price for price in bids if lower <= price <= upper],
        [price for price in asks if lower <= price <= upper],
    )


def plan(bids: list[int], asks: list[int], quotes: list[Quote]) -> list[Action]:
    """Actions that turn the resting quotes into the wanted ladder, none when it stands.

    A quote at a price no longer wanted is moved to a price that misses one, so that a tick
    costs two commands. The side that gives way goes first: own orders never meet (T-43).
    """
    bid_actions = _side_plan(bids, quotes, Direction.BUY)
    ask_actions = _side_plan(asks, quotes, Direction.SELL)
    own_asks = [quote.price for quote in quotes if quote.direction == Direction.SELL]
    rose = bool(bids and own_asks) and bids[0] >= min(own_asks)
    return ask_actions + bid_actions if rose else bid_actions + ask_actions


def _side_plan(wanted: list[int], quotes: list[Quote], direction: int) -> list[Action]:
    missing = dict.fromkeys(wanted)
    spare: list[Quote] = []
    for quote in quotes:
        if quote.direction != direction:
            continue
        if quote.price in missing:
            del missing[quote.price]
        else:
            spare.append(quote)
    prices = list(missing)
    actions: list[Action] = [Move(quote.order_id, price) for quote, price in zip(spare, prices, strict=False)]
    actions += [Cancel(quote.order_id) for quote in spare[len(prices) :]]
    actions += [Place(direction, price) for price in prices[len(spare) :]]
    return actions


def quote_lots(price_units: int, multiple: int, largest: int) -> int:
    """Lots of one quote, so that its amount stays under the venue's limit; at least one."""
    affordable = MAX_ORDER_YUAN * 10_000 // max(1, price_units * multiple)
    return max(1, min(affordable, largest, LARGEST_QUOTE_LOTS))


def choose_offset(
    lots: int, own: Holding, opposite: Holding, limit: int, separate_today: bool
) -> tuple[int, int] | None:
    """(offset, lots) of an order: close where it can, else open within the limit, else None.

    ``own`` is the side the order would open, ``opposite`` the side it would close.
    """
    closing = _closing(lots, opposite, separate_today)
    if closing is not None:
        return closing
    if own.lots + lots <= limit:
        return Offset.OPEN, lots
    most = max(opposite.today, opposite.his) if separate_today else opposite.today + opposite.his
    return _closing(most, opposite, separate_today) if most else None


def _closing(lots: int, opposite: Holding, separate_today: bool) -> tuple[int, int] | None:
    if not separate_today:
        return (Offset.CLOSE, lots) if opposite.today + opposite.his >= lots else None
    if opposite.today >= lots:
        return Offset.CLOSETODAY, lots
    return (Offset.CLOSE, lots) if opposite.his >= lots else None
