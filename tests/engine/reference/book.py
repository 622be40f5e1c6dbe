"""Price-time priority and the call auction over plain lists (T-40 … T-43)."""

from typing import NamedTuple

from tests.engine.reference.model import Instrument, Order
from trading.engine.messages import PriceType, SelfTradeMode, VolumeCondition

BUY = 0


def queue(orders: list[Order], instrument: Instrument, direction: int) -> list[Order]:
    """Resting orders of one side, the next to trade first (T-40)."""
    resting = [
        order for order in orders
        if order.resting and order.instrument is instrument and order.direction == direction
    ]  # fmt: skip
    sign = -1 if direction == BUY else 1
    return sorted(resting, key=lambda order: (sign * order.limit_price, order.priority))


def best_bid(orders: list[Order], instrument: Instrument) -> int:
    bids = queue(orders, instrument, BUY)
    return bids[0].limit_price if bids else 0


def reachable(orders: list[Order], taker: Order) -> list[Order]:
    """The resting orders a newcomer may take, in order (T-31, T-32)."""
    opposite = queue(orders, taker.instrument, 1 - taker.direction)
    levels = list(dict.fromkeys(order.limit_price for order in opposite))
    if taker.price_type == PriceType.BEST:
        levels = levels[:1]
    if taker.price_type == PriceType.FIVELEVEL:
        levels = levels[:5]
    return [
        order for order in opposite
        if order.limit_price in levels and crosses(taker, order.limit_price)
    ]  # fmt: skip


def crosses(taker: Order, price: int) -> bool:
    """Would the newcomer trade at this price at all?"""
    row = taker.instrument.row
    if taker.direction == BUY:
        worst = row.upper_limit if taker.price_type else taker.limit_price
        return price <= worst
    worst = row.lower_limit if taker.price_type else taker.limit_price
    return price >= worst


def at_once(makers: list[Order], taker: Order) -> int:
    """Lots the newcomer can fill at once, own resting orders left out (T-31, T-43)."""
    found = 0
    for order in makers:
        if order.account.user_id != taker.account.user_id:
            found += order.left
        elif taker.instrument.row.self_trade_mode == SelfTradeMode.CANCEL_BOTH:
            break
    return found


def fills_enough(makers: list[Order], taker: Order) -> bool:
    """FOK and MIN: is there enough (T-31)?"""
    if taker.volume_condition == VolumeCondition.ALL:
        return at_once(makers, taker) >= taker.left
    if taker.volume_condition == VolumeCondition.MIN:
        return at_once(makers, taker) >= taker.min_volume
    return True


class Auction(NamedTuple):
    price: int
    volume: int
    imbalance: int


def auction(orders: list[Order], instrument: Instrument) -> Auction:
    """Try every price on the tick within the limits and take the best (T-42)."""
    row = instrument.row
    bids, asks = queue(orders, instrument, 0), queue(orders, instrument, 1)
    best: tuple[tuple[int, int, int, int], Auction] | None = None
    for price in range(row.lower_limit, row.upper_limit + 1, row.price_tick):
        buys = sum(order.left for order in bids if order.limit_price >= price)
        sells = sum(order.left for order in asks if order.limit_price <= price)
        volume, imbalance = min(buys, sells), buys - sells
        rank = (-volume, abs(imbalance), abs(price - row.pre_settlement), -price)
        if volume and (best is None or rank < best[0]):
            best = (rank, Auction(price, volume, imbalance))
    return best[1] if best else Auction(0, 0, 0)


def depth(orders: list[Order], instrument: Instrument, direction: int) -> list[list[int]]:
    """[[price, lots, orders], …], best first."""
    levels: dict[int, list[int]] = {}
    for order in queue(orders, instrument, direction):
        level = levels.setdefault(order.limit_price, [order.limit_price, 0, 0])
        level[1] += order.left
        level[2] += 1
    return list(levels.values())
