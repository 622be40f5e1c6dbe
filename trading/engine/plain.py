"""The short way of the commonest order: a plain limit order that opens (T-30, T-54).

`enter_plain` looks at everything the general way of `orders.place_order` looks at, in an order
that costs least, and touches nothing before it knows that the order is accepted. Whatever is
unusual, and whatever may have to be refused, it leaves to the general way.
"""

import re
from hashlib import blake2b
from struct import Struct
from zlib import crc32

from trading.engine.entities import Account, Instrument, Order
from trading.engine.execution import rest
from trading.engine.ledger import position_of
from trading.engine.matching import enter_book
from trading.engine.messages import (
    AccountStatus,
    Direction,
    InstrumentStatus,
    OrderStatus,
    Phase,
    PlaceOrder,
    TimeCondition,
)
from trading.engine.rates import rates_for
from trading.engine.state import Context, State
from trading.engine.units import PPB, PPM

_BUY, _GFD = int(Direction.BUY), int(TimeCondition.GFD)
_ACTIVE, _TRADING = int(AccountStatus.ACTIVE), int(InstrumentStatus.TRADING)
_CONTINUOUS, _SUBMITTED = int(Phase.CONTINUOUS), int(OrderStatus.SUBMITTED)
_HALF_PPB, _HALF_PPM = PPB // 2, PPM // 2

_terms = Struct("<9q").pack
is_order_id = re.compile(r"[A-Za-z0-9_.:#@|+=~-]{1,128}").fullmatch
"""Does a client order id follow the pattern (T-30)?"""


def order_digest(order_id: str) -> int:
    """Eight bytes that stand for a client order id (A-5)."""
    return int.from_bytes(blake2b(order_id.encode(), digest_size=8).digest(), "big")


def content_digest(command: PlaceOrder) -> int:
    """Four bytes that tell whether a repeated order_id asks for the same order (T-36)."""
    return crc32(_terms(*command[3:12]), crc32(command.symbol.encode()))


def enter_plain(context: Context, command: PlaceOrder) -> bool:
    """Enter the order when it is plain and accepted for sure; False: nothing was done."""
    (
        account_id, order_id, symbol, direction, offset, volume, price_type, price,
        time_condition, volume_condition, min_volume, gtd_date, _, _,
    ) = command[:]  # fmt: skip
    if offset or price_type or volume_condition or time_condition != _GFD or direction & -2:
        return False
    state = context.state
    account, instrument = state.accounts.get(account_id), state.instruments.get(symbol)
    if account is None or instrument is None or not is_order_id(order_id):
        return False
    if (
        account.user_id != context.user_id
        or account.status != _ACTIVE
        or account.busy
        or account.is_robot
        or instrument.phase != _CONTINUOUS
        or not instrument.lower_limit <= price <= instrument.upper_limit
        or not instrument.min_limit_volume <= volume <= instrument.max_limit_volume
        or volume <= 0
        or price % instrument.price_tick
        or instrument.status != _TRADING
        or instrument.busy
    ):
        return False
    digest = order_digest(order_id)
    ids = account.client_ids
    if ids.get(digest) is not None or ids.count >= state.client_id_limits[account.is_market_maker]:
        return False
    interval, window = state.rate_windows[account.is_market_maker]
    now, slot = state.time_ns, account.next_slot_ns
    slot = interval + (slot if slot > now else now)
    if slot - now > window:
        return False
    order = Order(account, instrument, command, state.trading_day, now)
    if not _affords(state, account, instrument, order):
        return False
    account.next_slot_ns = slot
    terms = _terms(
        direction, offset, volume, price_type, price, time_condition, volume_condition, min_volume, gtd_date
    )
    _enter(context, order, digest, crc32(terms, instrument.symbol_crc))
    return True


def _affords(state: State, account: Account, instrument: Instrument, order: Order) -> bool:
    """Fix the order's freeze; are 1001 to 1005 out of the question even at the worst prices?"""
    if account.account_id in state.risk.tasks:
        return False
    rates = instrument.full_rates
    if rates is None or state.holders_with_rates:
        rates = rates_for(state, account, instrument)
    direction, lots, price = order.direction, order.left, order.limit_price
    bids, asks = instrument.book.sides
    if direction == _BUY:
        own, limit_key = asks.own.get(account.user_id), -price
    else:
        own, limit_key = bids.own.get(account.user_id), price
    if own is not None and own[-1] >= limit_key:
        return False
    limit, share_ppm, limit_ppm = state.opening_bounds
    amount = price * lots * instrument.volume_multiple
    if amount > (account.max_order_amount or limit) or account.low_epoch != state.price_epoch:
        return False
    if direction != _BUY and bids.keys and bids.keys[-1] > price:
        price = bids.keys[-1]
        amount = price * lots * instrument.volume_multiple
    order.freeze_price = price
    order.margin_ppm = margin_ppm = rates.margin_ppm[direction]
    order.fee_ratio_ppb = ratio = rates.open_ratio_ppb
    order.fee_per_lot = per_lot = rates.open_per_lot
    order.frozen_commission = fee = (amount * ratio + lots * per_lot * PPB + _HALF_PPB) // PPB
    order.frozen_margin = margin = (amount * margin_ppm + _HALF_PPM) // PPM
    order.position = position = account.positions.get(instrument.symbol)
    hold = account.hold_of(instrument.product_key) if position is None else position.hold
    if instrument.position_limit:
        if position is not None:
            side = position.sides[direction]
            lots += side.today + side.his + side.opening
        if lots > instrument.position_limit:
            return False
    balance = (
        account.pre_balance + account.deposit - account.withdraw + account.close_profit
        - account.commission - account.premium - account.net_cost + account.low
    )  # fmt: skip
    if share_ppm and (hold.amount + margin) * PPM > share_ppm * balance:
        return False
    held = account.margin + account.frozen_margin + margin
    if balance - held - account.frozen_commission - account.frozen_premium < fee:
        return False
    return held * PPM <= limit_ppm * balance


def _enter(context: Context, order: Order, digest: int, content: int) -> None:
    """Number the order, book its freeze, tell it, and let it meet the book."""
    state, account, instrument, position = context.state, order.account, order.instrument, order.position
    if position is None:
        order.position = position = position_of(account, instrument)
    state.event_seq = order.uid = uid = state.event_seq + 1
    instrument.next_number = number = instrument.next_number + 1
    order.exchange_order_id = state.number_base + number
    order.status = _SUBMITTED
    state.orders[uid] = account.orders[order.order_id] = order
    account.client_ids.add(digest, uid, content)
    margin = order.frozen_margin
    account.frozen_commission += order.frozen_commission
    account.frozen_margin += margin
    position.hold.amount += margin
    position.sides[order.direction].opening += order.left
    context.events.append([
        uid, "OrderAccepted", 1, context.time_ns, context.command_id,
        order.row(), account.funds(), None,
    ])  # fmt: skip
    price, keys = order.limit_price, instrument.book.sides[1 - order.direction].keys
    if not keys or keys[-1] < (-price if order.direction == _BUY else price):
        rest(context, order)
    else:
        enter_book(context, order)
