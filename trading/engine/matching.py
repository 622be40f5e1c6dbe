"""An accepted order meets the book: takes, self trades, remainders (T-31, T-32, T-43)."""

from trading.engine.auction import start_breaker
from trading.engine.book import MOST_FILLS
from trading.engine.entities import Instrument, Order
from trading.engine.execution import end_order, rest, taking_limit, trade
from trading.engine.ledger import freeze
from trading.engine.messages import (
    Direction,
    EndReason,
    Phase,
    PriceType,
    SelfTradeMode,
    TimeCondition,
    VolumeCondition,
)
from trading.engine.state import Context, WorkItem
from trading.engine.units import PPM

_BUY = int(Direction.BUY)
_CONTINUOUS = int(Phase.CONTINUOUS)
_IOC = int(TimeCondition.IOC)
_LIMIT = int(PriceType.LIMIT)
_ANY_VOLUME, _ALL = int(VolumeCondition.ANY), int(VolumeCondition.ALL)


def enter_book(context: Context, order: Order) -> None:
    """Match a fresh or changed order as far as its conditions allow, then rest or end it."""
    instrument = order.instrument
    if instrument.phase == _CONTINUOUS:
        if _rests_untouched(order):
            if order.time_condition != _IOC:
                rest(context, order)
                return
        elif _take(context, order):
            return
    if order.left:
        _rest_or_end(context, order)


def _take(context: Context, order: Order) -> bool:
    """Let an order take what it may; True when it ended."""
    instrument = order.instrument
    if instrument.breaker_move_ppm:
        _move_breaker_reference(context, instrument)
    limit_price = taking_limit(order)
    if not limit_price or not _enough_at_once(order, limit_price):
        end_order(context, order, EndReason.REMAINDER)
        return True
    return _match(context, order, limit_price)


def _rests_untouched(order: Order) -> bool:
    """Is it a plain limit order that meets nobody?"""
    if order.price_type != _LIMIT or order.volume_condition != _ANY_VOLUME:
        return False
    direction = order.direction
    keys = order.instrument.book.sides[1 - direction].keys
    if not keys:
        return True
    return keys[-1] < (-order.limit_price if direction == _BUY else order.limit_price)


def _enough_at_once(order: Order, limit_price: int) -> bool:
    """Can FOK and MIN be met? Own resting orders do not count (T-31)."""
    condition = order.volume_condition
    if condition == _ANY_VOLUME:
        return True
    wanted = order.left if condition == _ALL else order.min_volume
    instrument = order.instrument
    side = instrument.book.sides[1 - order.direction]
    limit_key = _opposite_key(order, _inside_breaker(order, limit_price))
    if not side.own_crosses(order.account.user_id, limit_key):
        return side.volume_to(limit_key, wanted) >= wanted
    found = 0
    for maker in side.orders():
        if maker.key < limit_key:
            break
        assert isinstance(maker, Order)
        if maker.account.user_id != order.account.user_id:
            found += maker.left
        elif instrument.self_trade_mode == SelfTradeMode.CANCEL_BOTH:
            break
    return found >= wanted


def _opposite_key(order: Order, price: int) -> int:
    """Key of a price on the side that the order takes from."""
    return -price if order.direction == _BUY else price


def _inside_breaker(order: Order, limit_price: int) -> int:
    """The limit, moved to the edge of the circuit breaker's band (T-45)."""
    instrument = order.instrument
    if not instrument.breaker_move_ppm or not instrument.breaker_price:
        return limit_price
    room = instrument.breaker_price * instrument.breaker_move_ppm // PPM
    if order.direction == _BUY:
        return min(limit_price, instrument.breaker_price + room)
    return max(limit_price, instrument.breaker_price - room)


def _match(context: Context, order: Order, limit_price: int) -> bool:
    """Take from the book; True when the order ended or must not go on now."""
    instrument = order.instrument
    side = instrument.book.sides[1 - order.direction]
    allowed = _inside_breaker(order, limit_price)
    limit_key = _opposite_key(order, allowed)
    owner = order.account.user_id
    if side.own and side.own_crosses(owner, limit_key):
        if _match_past_own(context, order, limit_key):
            return True
    else:
        for maker, lots in side.take(limit_key, order.left):
            assert isinstance(maker, Order)
            trade(context, order, maker, lots, _price(maker))
    if order.left and side.keys and side.keys[-1] >= limit_key:
        _go_on_later(context, order, limit_price)
        return True
    if order.left and allowed != limit_price and side.keys:
        if side.keys[-1] >= _opposite_key(order, limit_price):
            start_breaker(context, instrument)
    return not order.left


def _go_on_later(context: Context, order: Order, limit_price: int) -> None:
    """Queue the makers that are left to an order; its instrument is closed meanwhile (A-45)."""
    order.instrument.busy += 1
    context.state.work.append(WorkItem("take", order.instrument.symbol, [order.uid, limit_price]))


def go_on(context: Context, item: WorkItem, budget: int) -> int:
    """Let an order take from the next makers, until it has met all it may take from.

    It goes no further once an operator ended it or the venue was halted (T-62).
    """
    state = context.state
    uid, limit_price = item.data
    instrument = state.instruments[item.target]
    order = state.orders.get(uid)
    instrument.busy -= 1
    work = len(state.work)
    if order is not None and not state.halted and not _match(context, order, limit_price):
        _rest_or_end(context, order)
    if len(state.work) > work and state.work[-1].kind == "take":
        state.work.pop()  # this very item goes on
    else:
        item.position = len(item.data)
    return budget


def _price(maker: Order) -> int:
    return maker.key if maker.direction == _BUY else -maker.key


def _match_past_own(context: Context, order: Order, limit_key: int) -> bool:
    """Take order by order, ending own resting ones on the way (T-43); True when it ended."""
    instrument = order.instrument
    side = instrument.book.sides[1 - order.direction]
    met = 0
    while order.left and side.keys and side.keys[-1] >= limit_key and met < MOST_FILLS:
        met += 1
        key = side.keys[-1]
        maker = next(side.levels[key].live())
        assert isinstance(maker, Order)
        if maker.account.user_id == order.account.user_id:
            end_order(context, maker, EndReason.SELF_TRADE)
            if instrument.self_trade_mode == SelfTradeMode.CANCEL_BOTH:
                end_order(context, order, EndReason.SELF_TRADE)
                return True
            continue
        lots = min(order.left, maker.left)
        for taken, quantity in side.take(key, lots):
            assert isinstance(taken, Order)
            trade(context, order, taken, quantity, _price(taken))
    return False


def _rest_or_end(context: Context, order: Order) -> None:
    """What an order could not trade rests, or ends when it was immediate (T-32)."""
    if order.time_condition == _IOC:
        end_order(context, order, EndReason.REMAINDER)
        return
    if order.price_type != _LIMIT:
        if not order.filled_value:
            end_order(context, order, EndReason.REMAINDER)
            return
        _become_limit(context, order)
    if order.instrument.phase == _CONTINUOUS or not _clear_own(context, order):
        rest(context, order)


def _clear_own(context: Context, order: Order) -> bool:
    """End own orders that an auction would match with this one (T-43); True when it ended too."""
    instrument = order.instrument
    side = instrument.book.sides[1 - order.direction]
    owner, limit_key = order.account.user_id, _opposite_key(order, order.limit_price)
    if not side.own_crosses(owner, limit_key):
        return False
    own = [
        maker for maker in side.orders()
        if isinstance(maker, Order) and maker.account.user_id == owner and maker.key >= limit_key
    ]  # fmt: skip
    for maker in own:
        end_order(context, maker, EndReason.SELF_TRADE)
        if instrument.self_trade_mode == SelfTradeMode.CANCEL_BOTH:
            end_order(context, order, EndReason.SELF_TRADE)
            return True
    return False


def _become_limit(context: Context, order: Order) -> None:
    """BEST and FIVELEVEL rest as a limit order at the last traded level and freeze there."""
    order.price_type = _LIMIT
    order.limit_price = order.freeze_price = order.instrument.last_price
    freeze(order)
    context.emit("OrderModified", order.row(), order.account.funds(), None)


def _move_breaker_reference(context: Context, instrument: Instrument) -> None:
    """Start a new breaker window from the last price when the old one is over (T-45)."""
    if not instrument.last_price:
        return
    if (
        not instrument.breaker_price
        or context.time_ns - instrument.breaker_time_ns > instrument.breaker_window_ns
    ):
        instrument.breaker_price = instrument.last_price
        instrument.breaker_time_ns = context.time_ns


def end_own_crossing(context: Context, order: Order) -> None:
    """End the owner's resting orders that this one would trade with (T-43: cancel-resting)."""
    side = order.instrument.book.sides[1 - order.direction]
    owner = order.account.user_id
    limit_key = _opposite_key(order, taking_limit(order))
    if owner not in side.own or not side.own_crosses(owner, limit_key):
        return
    for maker in list(side.orders()):
        if isinstance(maker, Order) and maker.account.user_id == owner and maker.key >= limit_key:
            end_order(context, maker, EndReason.SELF_TRADE)
