"""What a triggered conditional order places (T-70): prices, offsets, closing everything."""

from trading.engine import codes
from trading.engine.conditions import Conditional, ConditionalOffset, ConditionalOrder, ConditionalPrice
from trading.engine.entities import Account, Instrument, Order
from trading.engine.execution import end_order
from trading.engine.messages import (
    Direction,
    EndReason,
    InstrumentStatus,
    Offset,
    Phase,
    PlaceOrder,
    PriceType,
    TimeCondition,
)
from trading.engine.orders import enter_for
from trading.engine.state import Context, State
from trading.engine.units import MAX_LOTS

_ANY, _LIMIT = int(PriceType.ANY), int(PriceType.LIMIT)
_IOC = int(TimeCondition.IOC)
_BUY = int(Direction.BUY)
_OPEN, _CLOSE = int(Offset.OPEN), int(Offset.CLOSE)
_CLOSETODAY = int(Offset.CLOSETODAY)


def is_ready(state: State, order: ConditionalOrder) -> bool:
    """Does its instrument trade continuously now? Until then it waits in the queue."""
    instrument = state.instruments[order.symbol]
    return (
        instrument.phase == Phase.CONTINUOUS
        and instrument.status == InstrumentStatus.TRADING
        and not instrument.busy
    )


def place_triggered(context: Context, item: Conditional, number: int) -> tuple[int, int]:
    """Place one order of a triggered conditional; (orders placed, first refusal or 0)."""
    state, order = context.state, item.orders[number]
    account, instrument = state.accounts[item.account_id], state.instruments[order.symbol]
    if order.offset == ConditionalOffset.OPEN:
        command = _command(item, instrument, order, f"_open_{number}", _OPEN, order.volume)
        return 1, enter_for(context, account, command)
    lots, pieces = _closing(context, item, account, instrument, number)
    if not pieces:
        return 0, codes.INSUFFICIENT_POSITION
    first = 0
    for command in pieces:
        first = enter_for(context, account, command) or first
    if order.offset == ConditionalOffset.REVERSE:
        opening = _command(item, instrument, order, f"_open_{number}", _OPEN, lots)
        first = enter_for(context, account, opening) or first
        return len(pieces) + 1, first
    return len(pieces), first


def _command(
    item: Conditional, instrument: Instrument, order: ConditionalOrder, suffix: str, offset: int, volume: int
) -> PlaceOrder:
    price_type, price, condition = _priced(instrument, order)
    return PlaceOrder(
        item.account_id, item.order_id + suffix, order.symbol, order.direction, offset, volume,
        price_type, price, condition, client_tag=item.client_tag,
    )  # fmt: skip


def _priced(instrument: Instrument, order: ConditionalOrder) -> tuple[int, int, int]:
    """(price type, limit price, time condition) at the market of this moment."""
    kind = order.price_kind
    if (
        kind == ConditionalPrice.MARKET
        or order.offset == ConditionalOffset.REVERSE
        and kind != ConditionalPrice.LIMIT
    ):
        return _ANY, 0, _IOC
    if kind == ConditionalPrice.LIMIT:
        return _LIMIT, order.limit_price, order.time_condition
    if kind == ConditionalPrice.CONTINGENT:
        return _LIMIT, instrument.mark, order.time_condition
    buys = order.direction == _BUY
    book = instrument.book
    price = book.best_ask() if buys else book.best_bid()
    if not price:
        price = instrument.upper_limit if buys else instrument.lower_limit
    elif kind == ConditionalPrice.OVER:
        step = instrument.price_tick if buys else -instrument.price_tick
        price = min(max(price + step, instrument.lower_limit), instrument.upper_limit)
    return _LIMIT, price, order.time_condition


def _closing(
    context: Context, item: Conditional, account: Account, instrument: Instrument, number: int
) -> tuple[int, list[PlaceOrder]]:
    """(lots, closing orders), after resting closes gave back their lots where allowed."""
    order = item.orders[number]
    whole = order.close_all or order.offset == ConditionalOffset.REVERSE
    free = _free(account, instrument, order)
    if whole or (sum(free) < order.volume and item.cancels_closes):
        end_closes(context, account, instrument, order.direction)
        free = _free(account, instrument, order)
    lots = sum(free) if whole else order.volume
    if not 0 < lots <= sum(free):
        return lots, []
    if order.offset == ConditionalOffset.REVERSE:
        order = order._replace(price_kind=int(ConditionalPrice.MARKET))
    today_first = order.close_today_first
    first = min(lots, free[0] if today_first else free[1])
    today, his = (first, lots - first) if today_first else (lots - first, first)
    if not instrument.separate_today and order.offset in (_CLOSE, ConditionalOffset.REVERSE):
        parts = [("_close_", _CLOSE, lots)]
    else:
        parts = [("_closetoday_", _CLOSETODAY, today), ("_closeyestoday_", int(Offset.CLOSEYESTERDAY), his)]
    commands = []
    for suffix, offset, volume in parts:
        for n, piece in enumerate(pieces(instrument, order.price_kind, volume)):
            name = f"{suffix}{number}" + (f"_{n}" if n else "")
            commands.append(_command(item, instrument, order, name, offset, piece))
    return lots, commands


def _free(account: Account, instrument: Instrument, order: ConditionalOrder) -> tuple[int, int]:
    """(today, history) lots that this order may close."""
    position = account.positions.get(instrument.symbol)
    if position is None:
        return 0, 0
    side = position.sides[1 - order.direction]
    today, his = side.today - side.frozen_today, side.his - side.frozen_his
    if order.offset == ConditionalOffset.CLOSETODAY:
        return today, 0
    if order.offset == ConditionalOffset.CLOSEYESTERDAY:
        return 0, his
    return today, his


def pieces(instrument: Instrument, price_kind: int, lots: int) -> list[int]:
    """Lots in orders as large as the instrument takes."""
    is_market = price_kind == ConditionalPrice.MARKET
    most = instrument.max_market_volume if is_market else instrument.max_limit_volume
    most = most or MAX_LOTS
    return [min(most, lots - done) for done in range(0, lots, most)]


def end_closes(context: Context, account: Account, instrument: Instrument, direction: int) -> None:
    """End the account's working closing orders of one direction in an instrument."""
    found: list[Order] = [
        order for order in account.orders.values()
        if order.instrument is instrument and order.offset != _OPEN and order.direction == direction
    ]  # fmt: skip
    for order in found:
        end_order(context, order, EndReason.BY_USER)
