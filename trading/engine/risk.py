"""Checks before the book, in the order of the rules; the first failure answers (T section 7)."""

from typing import Any

from trading.engine import codes
from trading.engine.entities import Account, Instrument, Order
from trading.engine.execution import key_for, taking_limit
from trading.engine.figures import risk_ratio_ppm
from trading.engine.ledger import (
    closed_side,
    closing_fee_rate,
    free_to_close,
    price_freeze,
    split_close,
)
from trading.engine.messages import (
    AccountStatus,
    CheckOrder,
    Direction,
    FreezeMode,
    InstrumentStatus,
    Offset,
    Phase,
    PlaceOrder,
    PriceType,
    SelfTradeMode,
    TimeCondition,
    VolumeCondition,
)
from trading.engine.rates import rates_for
from trading.engine.sessions import is_day
from trading.engine.state import State
from trading.engine.units import MAX_LOTS, MAX_PRICE, PPB, PPM

Params = dict[str, Any]
Refusal = tuple[int, Params]

_BUY, _SELL = int(Direction.BUY), int(Direction.SELL)
_OPEN = int(Offset.OPEN)
_LIMIT, _ANY = int(PriceType.LIMIT), int(PriceType.ANY)
_IOC, _GFA, _GFS = int(TimeCondition.IOC), int(TimeCondition.GFA), int(TimeCondition.GFS)
_GFD, _GTD = int(TimeCondition.GFD), int(TimeCondition.GTD)
_ANY_VOLUME, _MIN = int(VolumeCondition.ANY), int(VolumeCondition.MIN)
_ALL = int(VolumeCondition.ALL)
_CONTINUOUS, _AUCTION_ORDER = int(Phase.CONTINUOUS), int(Phase.AUCTION_ORDER)
_ACTIVE, _FROZEN = int(AccountStatus.ACTIVE), int(AccountStatus.FROZEN)
_WITHDRAW_ONLY = int(FreezeMode.WITHDRAW_ONLY)
_TRADING = int(InstrumentStatus.TRADING)
_REFUSE = int(SelfTradeMode.REFUSE)
_HALF_PPB, _HALF_PPM = PPB // 2, PPM // 2
_WITHOUT_LIMIT_NOW = (_IOC, _GFD)


def account_refusal(account: Account, closes: bool) -> Refusal | None:
    """2002 when the account may not enter this order (T-63)."""
    if account.status == _ACTIVE and not account.busy:
        return None
    frozen = account.status == _FROZEN and not account.busy
    if frozen and (account.freeze_mode == _WITHDRAW_ONLY or (closes and account.can_close)):
        return None
    return codes.ACCOUNT_FROZEN, {"status": AccountStatus(account.status).name}


def takes_slot(state: State, account: Account) -> bool:
    """Count a message against the account's rate in log time; False when over it (9004)."""
    interval, window = state.rate_windows[account.is_market_maker]
    now = state.time_ns
    slot = account.next_slot_ns
    slot = interval + (slot if slot > now else now)
    if slot - now > window:
        return False
    account.next_slot_ns = slot
    return True


def entry_refusal(
    instrument: Instrument | None, command: PlaceOrder | CheckOrder, day: int
) -> Refusal | None:
    """The checks that need no account: 1007, 1009, 1012, 1008, 1011, 1010."""
    if instrument is None:
        return codes.INSTRUMENT_NOT_FOUND, {}
    return (
        instrument_refusal(instrument)
        or terms_refusal(instrument, command, day)
        or size_refusal(instrument, command)
    )


def takes_plain(instrument: Instrument, volume: int, price: int) -> bool:
    """Does a limit order good for the day pass all of `entry_refusal`? False: look there."""
    return (
        instrument.phase == _CONTINUOUS
        and instrument.lower_limit <= price <= instrument.upper_limit
        and instrument.min_limit_volume <= volume <= instrument.max_limit_volume
        and not price % instrument.price_tick
        and instrument.status == _TRADING
        and not instrument.busy
        and volume > 0
    )


def instrument_refusal(instrument: Instrument) -> Refusal | None:
    """1009 when the instrument takes no orders now."""
    phase = instrument.phase
    if phase in (_CONTINUOUS, _AUCTION_ORDER) and instrument.status == _TRADING and not instrument.busy:
        return None
    return codes.INSTRUMENT_NOT_TRADING, {"phase": Phase(phase).name}


def terms_refusal(instrument: Instrument, command: PlaceOrder | CheckOrder, day: int) -> Refusal | None:
    """1012 for combinations not supported in this phase (T-31, T-32), 1008 for a bad date."""
    if not _is_supported(instrument, command):
        return codes.ORDER_TYPE_NOT_SUPPORTED, {"phase": Phase(instrument.phase).name}
    if command.time_condition == _GTD and (not is_day(command.gtd_date) or command.gtd_date < day):
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "gtd_date"}
    return None


def unknown_kind(command: PlaceOrder | CheckOrder) -> str:
    """Name of the first field whose value is none of its kinds, "" when all are known."""
    odd = (command.direction & -2) | (command.offset & -4) | (command.price_type & -4)
    if not odd and 0 <= command.time_condition <= _GFA and 0 <= command.volume_condition <= _ALL:
        return ""
    for field, highest in _KINDS:
        if not 0 <= getattr(command, field) <= highest:
            return field
    return ""


_KINDS = (
    ("direction", _SELL), ("offset", int(Offset.CLOSEYESTERDAY)),
    ("price_type", int(PriceType.FIVELEVEL)), ("time_condition", _GFA),
    ("volume_condition", _ALL),
)  # fmt: skip


def _is_supported(instrument: Instrument, command: PlaceOrder | CheckOrder) -> bool:
    time_condition = command.time_condition
    if instrument.phase == _AUCTION_ORDER:
        return (
            command.price_type == _LIMIT
            and time_condition != _IOC
            and time_condition != _GFS
            and command.volume_condition == _ANY_VOLUME
        )
    if time_condition == _GFA:
        return False
    if command.volume_condition != _ANY_VOLUME and time_condition != _IOC:
        return False
    if command.price_type == _LIMIT:
        return True
    if command.price_type == _ANY:
        return time_condition == _IOC
    return time_condition in _WITHOUT_LIMIT_NOW


def size_refusal(instrument: Instrument, command: PlaceOrder | CheckOrder) -> Refusal | None:
    """1008 volume, 1008/1011/1010 price."""
    is_limit = command.price_type == _LIMIT
    if is_limit:
        low, high = instrument.min_limit_volume, instrument.max_limit_volume
    else:
        low, high = instrument.min_market_volume, instrument.max_market_volume
    volume = command.volume
    if volume < 1 or volume < low or volume > (high or MAX_LOTS):
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "volume", "minimum": low, "maximum": high}
    if command.volume_condition == _MIN and not 1 <= command.min_volume <= volume:
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "min_volume"}
    return price_refusal(instrument, command.limit_price) if is_limit else None


def price_refusal(instrument: Instrument, price: int) -> Refusal | None:
    """1008, 1011 or 1010 for a limit price."""
    if not 0 < price <= MAX_PRICE:
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "limit_price"}
    if price % instrument.price_tick:
        return codes.PRICE_OFF_TICK, {"tick": instrument.price_tick}
    if not instrument.lower_limit <= price <= instrument.upper_limit:
        return (
            codes.PRICE_OUTSIDE_LIMITS,
            {"lower": instrument.lower_limit, "upper": instrument.upper_limit},
        )
    return None


def prepare(state: State, order: Order) -> Refusal | None:
    """Fix freeze price, rates, freeze and lots of an order and check from 1003 on.

    Nothing but the order itself changes; who accepts it books its freeze and lots.
    """
    instrument, account, direction = order.instrument, order.account, order.direction
    rates = instrument.full_rates
    if rates is None or state.holders_with_rates:
        rates = rates_for(state, account, instrument)
    price = order.limit_price
    if direction != _BUY or order.price_type != _LIMIT:
        price = freeze_price(order)
    order.freeze_price = price
    order.position = account.positions.get(instrument.symbol)
    if order.offset == _OPEN:
        order.margin_ppm = margin_ppm = rates.margin_ppm[direction]
        order.fee_ratio_ppb = ratio = rates.open_ratio_ppb
        order.fee_per_lot = per_lot = rates.open_per_lot
        # `price_freeze` written out: this runs for every opening order.
        left = order.left
        value = price * left * instrument.volume_multiple
        fee = (value * ratio + left * per_lot * PPB + _HALF_PPB) // PPB
        order.frozen_commission = fee
        order.frozen_margin = (value * margin_ppm + _HALF_PPM) // PPM
        refusal = _opening_refusal(state, order)
    else:
        order.fee_ratio_ppb, order.fee_per_lot = closing_fee_rate(
            rates, price, instrument.volume_multiple, order.offset, instrument
        )
        price_freeze(order)
        refusal = _closing_refusal(state, order)
    if refusal is None and account.user_id in instrument.book.sides[1 - direction].own:
        refusal = _self_trade_refusal(order)
    return refusal


def freeze_price(order: Order) -> int:
    """The price at which an order freezes money (T-54)."""
    instrument = order.instrument
    if order.direction == _BUY:
        return order.limit_price if order.price_type == _LIMIT else instrument.upper_limit
    if order.price_type != _LIMIT:
        return instrument.book.best_bid() or instrument.mark
    if instrument.phase == _CONTINUOUS:
        bids = instrument.book.sides[0].keys
        return bids[-1] if bids and bids[-1] > order.limit_price else order.limit_price
    return max(order.limit_price, instrument.pre_settlement)


def _opening_refusal(state: State, order: Order) -> Refusal | None:
    """1003, 1002, 1001, 1004 of an order whose freeze is set."""
    account, instrument = order.account, order.instrument
    if account.account_id in state.risk.tasks:
        return codes.RISK_RATIO_TOO_HIGH, {}
    price = order.limit_price
    if order.price_type != _LIMIT:
        price = instrument.upper_limit if order.direction == _BUY else instrument.lower_limit
    limit, share_ppm, limit_ppm = state.opening_bounds
    amount = price * order.left * instrument.volume_multiple
    limit = account.max_order_amount or limit
    if amount > limit:
        return codes.ORDER_AMOUNT_TOO_LARGE, {"amount": amount, "limit_amount": limit}
    position = order.position
    if instrument.position_limit:
        lots = order.left
        if position is not None:
            side = position.sides[order.direction]
            lots += side.today + side.his + side.opening
        if lots > instrument.position_limit:
            return codes.POSITION_LIMIT, {"limit": instrument.position_limit, "lots": lots}
    margin = order.frozen_margin
    balance = account.balance()
    if account.low_epoch != state.price_epoch:
        account.find_low(state.price_epoch)
    if share_ppm:
        hold = account.holds.get(instrument.product_key) if position is None else position.hold
        total = margin if hold is None else hold.amount + margin
        if total * PPM > share_ppm * balance and total:
            ratio = risk_ratio_ppm(total, balance)
            return codes.POSITION_LIMIT, {"ratio_ppm": ratio, "limit_ppm": share_ppm}
    required = margin + order.frozen_commission
    total = account.margin + account.frozen_margin
    available = balance - total - account.frozen_commission - account.frozen_premium
    if available < required:
        return codes.INSUFFICIENT_FUNDS, {"required": required, "available": available}
    total += margin
    if total * PPM > limit_ppm * balance and total:
        ratio = risk_ratio_ppm(total, balance)
        return codes.RISK_RATIO_TOO_HIGH, {"ratio_ppm": ratio, "limit_ppm": limit_ppm}
    return None


def carry_refusal(state: State, order: Order) -> Refusal | None:
    """Fix an order's new freeze at a new day's rates; 1001 when the funds do not do (T-38)."""
    instrument, account = order.instrument, order.account
    rates = rates_for(state, account, instrument)
    order.freeze_price = freeze_price(order)
    if order.offset != _OPEN:
        order.fee_ratio_ppb, order.fee_per_lot = closing_fee_rate(
            rates,
            order.freeze_price,
            instrument.volume_multiple,
            order.offset,
            instrument,
        )
        price_freeze(order)
        return None
    order.margin_ppm = rates.margin_ppm[order.direction]
    order.fee_ratio_ppb, order.fee_per_lot = rates.open_ratio_ppb, rates.open_per_lot
    price_freeze(order)
    required = order.frozen_margin + order.frozen_commission
    available = account.balance() - account.held()
    if available < required:
        return codes.INSUFFICIENT_FUNDS, {"required": required, "available": available}
    return None


def _closing_refusal(state: State, order: Order) -> Refusal | None:
    """2005; remembers how the lots split into today and history (T-55)."""
    position = order.position
    held = today = his = 0
    if position is not None:
        side = closed_side(position, order.direction)
        today, his = free_to_close(order.offset, side, order.instrument)
        held = held_for(order, side.today, side.his)
    if order.left > today + his:
        return codes.INSUFFICIENT_POSITION, {
            "held": held,
            "free": today + his,
            "lots": order.left,
        }
    history_first = state.history_first.get(order.instrument.exchange_id, False)
    order.frozen_today, order.frozen_his = split_close(order.left, today, his, history_first)
    return None


def held_for(order: Order, today: int, his: int) -> int:
    """Lots held that the order's offset is about."""
    if order.offset == Offset.CLOSETODAY:
        return today
    if order.offset == Offset.CLOSEYESTERDAY or order.instrument.separate_today:
        return his
    return today + his


def _self_trade_refusal(order: Order) -> Refusal | None:
    """1005: an order of the same owner rests where the newcomer would take (T-43)."""
    instrument = order.instrument
    if instrument.self_trade_mode != _REFUSE:
        return None
    side = instrument.book.sides[1 - order.direction]
    limit = taking_limit(order)
    if side.own_crosses(order.account.user_id, key_for(1 - order.direction, limit)):
        return codes.SELF_TRADE, {}
    return None


def order_check(order: Order) -> tuple[int, int, int, int]:
    """(margin, commission, available after, risk ratio after in ppm) of a prepared order."""
    account = order.account
    margin, fee = order.frozen_margin, order.frozen_commission
    balance = account.balance()
    available = balance - account.held() - margin - fee
    ratio = risk_ratio_ppm(account.margin + account.frozen_margin + margin, balance)
    return margin, fee, available, ratio
