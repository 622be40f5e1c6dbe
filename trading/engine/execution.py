"""Fills, rests and ends of orders: the steps that matching, auctions and settlement share."""

from bisect import insort
from typing import Any

from trading.engine import codes
from trading.engine.book import Level
from trading.engine.entities import Instrument, Order
from trading.engine.ledger import fill, release
from trading.engine.messages import Direction, Offset, OrderStatus, PriceType, TimeCondition
from trading.engine.state import Context

_BUY = int(Direction.BUY)
_OPEN = int(Offset.OPEN)
_LIMIT, _BEST = int(PriceType.LIMIT), int(PriceType.BEST)
_FIVELEVEL = int(PriceType.FIVELEVEL)
_FIVE = 5
_FILLED = int(OrderStatus.FILLED)
_PARTIAL = int(OrderStatus.PARTIALLY_FILLED)
_CANCELLED = int(OrderStatus.CANCELLED)
_SHORT_LIVED = (int(TimeCondition.GFS), int(TimeCondition.GFA))


def key_for(direction: int, price: int) -> int:
    """A price as the key of a side: growing with attractiveness."""
    return price if direction == _BUY else -price


def taking_limit(order: Order) -> int:
    """The worst price the order may take; 0 when it may take nothing at all (T-32)."""
    instrument = order.instrument
    price_type = order.price_type
    if price_type == _LIMIT:
        return order.limit_price
    opposite = instrument.book.sides[1 - order.direction].keys
    if not opposite:
        return 0
    if price_type == _BEST:
        return abs(opposite[-1])
    if price_type == _FIVELEVEL and len(opposite) > _FIVE:
        return abs(opposite[-_FIVE])
    return instrument.upper_limit if order.direction == _BUY else instrument.lower_limit


def trade(
    context: Context,
    taker: Order,
    maker: Order,
    lots: int,
    price: int,
    in_auction: bool = False,
) -> None:
    """Book one fill on both sides and tell it in one event (A-41).

    The maker's lots are already reduced by the book; in an auction both are.
    """
    state = context.state
    instrument = taker.instrument
    if not in_auction:
        taker.left -= lots
    taker.status = _PARTIAL if taker.left else _FILLED
    maker.status = _PARTIAL if maker.left else _FILLED
    taker_side = fill(state, taker, price, lots)
    maker_side = fill(state, maker, price, lots)
    instrument.next_number = number = instrument.next_number + 1
    trade_id = state.number_base + number
    taker_direction = -1 if in_auction else taker.direction
    if not instrument.lower_limit <= price <= instrument.upper_limit:
        state.price_epoch += 1
    _mark_trade(instrument, taker, maker, price, lots)
    state.event_seq = seq = state.event_seq + 1
    context.events.append([
        seq, "Traded", 1, context.time_ns, context.command_id,
        instrument.symbol, trade_id, state.trading_day, price, lots, taker_direction,
        taker_side, maker_side, instrument.open_interest,
    ])  # fmt: skip
    state.public_trades.append((instrument.symbol, trade_id, price, lots, taker_direction, context.time_ns))
    state.dirty_quotes[instrument.symbol] = None
    if not maker.left:
        forget(context, maker)
    if not taker.left:
        forget(context, taker)


def _mark_trade(instrument: Instrument, one: Order, other: Order, price: int, lots: int) -> None:
    """Day figures of the instrument after a trade."""
    instrument.last_price = instrument.mark = price
    if not instrument.open_price:
        instrument.open_price = instrument.high_price = instrument.low_price = price
    elif price > instrument.high_price:
        instrument.high_price = price
    elif price < instrument.low_price:
        instrument.low_price = price
    instrument.day_volume += lots
    instrument.day_turnover += price * lots * instrument.volume_multiple
    opens = (one.offset == _OPEN) + (other.offset == _OPEN)
    instrument.open_interest += (opens - 1) * lots


def forget(context: Context, order: Order) -> None:
    """Take a finished order out of every index; its side of the book let go of it before."""
    account = order.account
    instrument = order.instrument
    uid, key = order.uid, order.key
    context.state.orders.pop(uid, None)
    account.orders.pop(order.order_id, None)
    if order.time_condition in _SHORT_LIVED:
        instrument.short_lived.pop(uid, None)
    if key:
        instrument.book.sides[order.direction].own_remove(account.user_id, key)
        order.key = 0


def rest(context: Context, order: Order) -> None:
    """Put an order into the book and every index of resting orders."""
    instrument = order.instrument
    direction = order.direction
    side = instrument.book.sides[direction]
    order.key = key = order.limit_price if direction == _BUY else -order.limit_price
    # `BookSide.add` and `own_add` written out: this runs for most orders.
    level = side.levels.get(key)
    if level is None:
        level = side.levels[key] = Level()
        insort(side.keys, key)
    order.level = level
    level.orders.append(order)
    level.count += 1
    level.volume += order.left
    owner = order.account.user_id
    keys = side.own.get(owner)
    if keys is None:
        side.own[owner] = [key]
    else:
        insort(keys, key)
    if order.time_condition in _SHORT_LIVED:
        instrument.short_lived[order.uid] = order
    context.state.dirty_quotes[instrument.symbol] = None


def end_order(context: Context, order: Order, reason: int, code: int = codes.OK) -> None:
    """End a living order with its lots left, giving back what it froze."""
    instrument, state = order.instrument, context.state
    if order.level is not None:
        instrument.book.sides[order.direction].remove(order)
        state.dirty_quotes[instrument.symbol] = None
    release(order)
    order.status = _CANCELLED
    forget(context, order)
    rows: list[Any] | None = None
    if order.offset != _OPEN and order.position is not None:
        rows = order.position.row()
    state.event_seq = seq = state.event_seq + 1
    context.events.append([
        seq, "OrderCancelled", 1, context.time_ns, context.command_id,
        order.change(), int(reason), code, order.account.funds(), rows,
    ])  # fmt: skip
