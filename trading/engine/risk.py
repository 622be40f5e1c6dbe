"""Checks before the book, in the order of the rules; the first failure answers (T section 7)."""

from typing import Any

from trading.engine import codes
from trading.engine.entities import Account, Instrument, Order
from trading.engine.ledger import (
    closed_side,
    closing_fee_rate,
    free_to_close,
    position_of,
    split_close,
)
from trading.engine.execution import key_for
from trading.engine.figures import risk_ratio_ppm
from trading.engine.messages import (
    AccountStatus,
    CheckOrder,
    Direction,
    FreezeMode,
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
from trading.engine.units import (
    MAX_LOTS,
    MAX_NOTIONAL,
    MAX_PRICE,
    NS_PER_SECOND,
    fee_for,
    margin_for,
)

Params = dict[str, Any]
Refusal = tuple[int, Params]

_BUY, _SELL = int(Direction.BUY), int(Direction.SELL)
_OPEN = int(Offset.OPEN)
_LIMIT = int(PriceType.LIMIT)
_ANY = int(PriceType.ANY)
_IOC = int(TimeCondition.IOC)
_GFA, _GFS, _GTD = (
    int(TimeCondition.GFA),
    int(TimeCondition.GFS),
    int(TimeCondition.GTD),
)
_CONTINUOUS, _AUCTION_ORDER = int(Phase.CONTINUOUS), int(Phase.AUCTION_ORDER)
_WITHOUT_LIMIT_NOW = (_IOC, int(TimeCondition.GFD))


def account_refusal(account: Account, closes: bool) -> Refusal | None:
    """2002 when the account may not enter this order (T-63)."""
    if account.status == AccountStatus.ACTIVE and not account.busy:
        return None
    frozen = account.status == AccountStatus.FROZEN and not account.busy
    if frozen and (
        account.freeze_mode == FreezeMode.WITHDRAW_ONLY
        or (closes and account.can_close)
    ):
        return None
    return codes.ACCOUNT_FROZEN, {"status": AccountStatus(account.status).name}


def takes_slot(state: State, account: Account) -> bool:
    """Count a message against the account's rate in log time; False when over it (9004)."""
    settings = state.settings
    if account.is_market_maker:
        rate, burst = (
            settings["market_maker_orders_per_second"],
            settings["market_maker_orders_burst"],
        )
    else:
        rate, burst = settings["orders_per_second"], settings["orders_burst"]
    interval = NS_PER_SECOND // rate
    slot = max(account.next_slot_ns, state.time_ns)
    if slot + interval - state.time_ns > burst * interval:
        return False
    account.next_slot_ns = slot + interval
    return True


def instrument_refusal(instrument: Instrument) -> Refusal | None:
    """1009 when the instrument takes no orders now."""
    phase = instrument.phase
    if instrument.trades() and (phase == _CONTINUOUS or phase == _AUCTION_ORDER):
        return None
    return codes.INSTRUMENT_NOT_TRADING, {"phase": Phase(phase).name}


def terms_refusal(
    instrument: Instrument, command: PlaceOrder | CheckOrder, day: int
) -> Refusal | None:
    """1012 for combinations not supported in this phase (T-31, T-32), 1008 for a bad date."""
    if not _is_supported(instrument, command):
        return codes.ORDER_TYPE_NOT_SUPPORTED, {"phase": Phase(instrument.phase).name}
    if command.time_condition == _GTD and (
        not is_day(command.gtd_date) or command.gtd_date < day
    ):
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "gtd_date"}
    return None


def unknown_kind(command: PlaceOrder | CheckOrder) -> str:
    """Name of the first field whose value is none of its kinds, "" when all are known."""
    if not 0 <= command.direction <= _SELL:
        return "direction"
    if not 0 <= command.offset <= Offset.CLOSEYESTERDAY:
        return "offset"
    if not 0 <= command.price_type <= PriceType.FIVELEVEL:
        return "price_type"
    if not 0 <= command.time_condition <= _GFA:
        return "time_condition"
    return (
        ""
        if 0 <= command.volume_condition <= VolumeCondition.ALL
        else "volume_condition"
    )


def _is_supported(instrument: Instrument, command: PlaceOrder | CheckOrder) -> bool:
    time_condition = command.time_condition
    if instrument.phase == _AUCTION_ORDER:
        return (
            command.price_type == _LIMIT
            and time_condition != _IOC
            and time_condition != _GFS
            and command.volume_condition == VolumeCondition.ANY
        )
    if time_condition == _GFA:
        return False
    if command.volume_condition != VolumeCondition.ANY and time_condition != _IOC:
        return False
    if command.price_type == _LIMIT:
        return True
    if command.price_type == _ANY:
        return time_condition == _IOC
    return time_condition in _WITHOUT_LIMIT_NOW


def size_refusal(
    instrument: Instrument, command: PlaceOrder | CheckOrder
) -> Refusal | None:
    """1008 volume, 1008/1011/1010 price."""
    is_limit = command.price_type == _LIMIT
    low = instrument.min_limit_volume if is_limit else instrument.min_market_volume
    high = instrument.max_limit_volume if is_limit else instrument.max_market_volume
    if not max(low, 1) <= command.volume <= min(high or MAX_LOTS, MAX_LOTS):
        return codes.ILLEGAL_ORDER_PARAMETER, {
            "field": "volume",
            "minimum": low,
            "maximum": high,
        }
    if command.volume_condition == VolumeCondition.MIN:
        if not 1 <= command.min_volume <= command.volume:
            return codes.ILLEGAL_ORDER_PARAMETER, {"field": "min_volume"}
    if is_limit:
        return price_refusal(instrument, command.limit_price)
    return None


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
    """Fix freeze price, rates and lots of an order and run the checks from 1003 on.

    Nothing but the order itself changes; `ledger.freeze` and `freeze_lots` book it.
    """
    instrument = order.instrument
    rates = rates_for(state, order.account, instrument)
    order.freeze_price = freeze_price(order)
    if order.freeze_price * order.volume * instrument.volume_multiple > MAX_NOTIONAL:
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "volume"}
    if order.offset == _OPEN:
        order.margin_ppm = rates.margin_ppm[order.direction]
        order.fee_ratio_ppb, order.fee_per_lot = (
            rates.open_ratio_ppb,
            rates.open_per_lot,
        )
        refusal = _opening_refusal(state, order, order.left)
    else:
        order.fee_ratio_ppb, order.fee_per_lot = closing_fee_rate(
            rates,
            order.freeze_price,
            instrument.volume_multiple,
            order.offset,
            instrument,
        )
        refusal = _closing_refusal(state, order)
    return refusal or _self_trade_refusal(order)


def freeze_price(order: Order) -> int:
    """The price at which an order freezes money (T-54)."""
    instrument = order.instrument
    if order.direction == _BUY:
        return (
            order.limit_price if order.price_type == _LIMIT else instrument.upper_limit
        )
    if order.price_type != _LIMIT:
        return instrument.book.best_bid() or instrument.mark
    if instrument.phase == _CONTINUOUS:
        return max(order.limit_price, instrument.book.best_bid())
    return max(order.limit_price, instrument.pre_settlement)


def _opening_refusal(state: State, order: Order, lots: int) -> Refusal | None:
    account, instrument = order.account, order.instrument
    multiple = instrument.volume_multiple
    amount_price = order.limit_price
    if order.price_type != _LIMIT:
        amount_price = (
            instrument.upper_limit
            if order.direction == _BUY
            else instrument.lower_limit
        )
    amount = amount_price * order.left * multiple
    limit = account.max_order_amount or state.settings["max_order_amount"]
    if amount > limit:
        return codes.ORDER_AMOUNT_TOO_LARGE, {"amount": amount, "limit_amount": limit}
    value = order.freeze_price * lots * multiple
    margin = margin_for(value * order.margin_ppm)
    fee = fee_for(value, lots, order.fee_ratio_ppb, order.fee_per_lot)
    balance = account.balance()
    return _limits_refusal(state, order, lots, margin, balance) or _funds_refusal(
        state, account, margin, fee, balance
    )


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
        return None
    order.margin_ppm = rates.margin_ppm[order.direction]
    order.fee_ratio_ppb, order.fee_per_lot = rates.open_ratio_ppb, rates.open_per_lot
    margin, fee, available, _ = order_check(state, order)
    if available < 0:
        needed = margin + fee
        return codes.INSUFFICIENT_FUNDS, {
            "required": needed,
            "available": available + needed,
        }
    return None


def _limits_refusal(
    state: State, order: Order, lots: int, margin: int, balance: int
) -> Refusal | None:
    """1002: lots of the side in this instrument, margin of the product against the balance."""
    account, instrument = order.account, order.instrument
    limit = instrument.position_limit
    if limit:
        position = account.positions.get(instrument.symbol)
        lots_after = lots
        if position is not None:
            side = position.sides[order.direction]
            lots_after += side.lots() + side.opening
        if lots_after > limit:
            return codes.POSITION_LIMIT, {"limit": limit, "lots": lots_after}
    share_ppm = state.settings["product_share_ppm"]
    if share_ppm:
        total = account.product_margin.get(instrument.product_key, 0) + margin
        if total and (balance <= 0 or total * 1_000_000 > share_ppm * balance):
            ratio = risk_ratio_ppm(total, balance)
            return codes.POSITION_LIMIT, {"ratio_ppm": ratio, "limit_ppm": share_ppm}
    return None


def _funds_refusal(
    state: State, account: Account, margin: int, fee: int, balance: int
) -> Refusal | None:
    """1001 and 1004."""
    available = balance - account.held()
    if available < margin + fee:
        return codes.INSUFFICIENT_FUNDS, {
            "required": margin + fee,
            "available": available,
        }
    total = account.margin + account.frozen_margin + margin
    # An account at its liquidation level may not open (T-82), whatever the limit is set to.
    limit_ppm = min(state.settings["max_risk_ppm"], state.settings["liquidation_ppm"])
    if total and (balance <= 0 or total * 1_000_000 > limit_ppm * balance):
        ratio = risk_ratio_ppm(total, balance)
        return codes.RISK_RATIO_TOO_HIGH, {"ratio_ppm": ratio, "limit_ppm": limit_ppm}
    return None


def _closing_refusal(state: State, order: Order) -> Refusal | None:
    """2005; remembers how the lots split into today and history (T-55)."""
    position = order.account.positions.get(order.instrument.symbol)
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
    history_first = bool(state.settings["close_history_first"])
    order.frozen_today, order.frozen_his = split_close(
        order.left, today, his, history_first
    )
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
    if instrument.self_trade_mode != SelfTradeMode.REFUSE:
        return None
    side = instrument.book.sides[1 - order.direction]
    if not side.own:
        return None
    if order.price_type == _LIMIT:
        limit = order.limit_price
    else:
        limit = (
            instrument.upper_limit
            if order.direction == _BUY
            else instrument.lower_limit
        )
        if order.price_type == PriceType.BEST and side.keys:
            limit = abs(side.keys[-1])
    if side.own_crosses(order.account.user_id, key_for(1 - order.direction, limit)):
        return codes.SELF_TRADE, {}
    return None


def order_check(state: State, order: Order) -> tuple[int, int, int, int]:
    """(margin, commission, available after, risk ratio after in ppm) of a prepared order."""
    account = order.account
    value = order.freeze_price * order.left * order.instrument.volume_multiple
    margin = margin_for(value * order.margin_ppm) if order.offset == _OPEN else 0
    fee = fee_for(value, order.left, order.fee_ratio_ppb, order.fee_per_lot)
    balance = account.balance()
    available = balance - account.held() - margin - fee
    ratio = risk_ratio_ppm(account.margin + account.frozen_margin + margin, balance)
    return margin, fee, available, ratio


def make_position(order: Order) -> None:
    """Tie an accepted order to the position it works on."""
    order.position = position_of(order.account, order.instrument)
