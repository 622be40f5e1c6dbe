"""Freezes, fills and margin of accounts in integers (T-50 … T-56)."""

from typing import Any

from trading.engine.entities import (
    Account,
    FullRates,
    Instrument,
    Order,
    Position,
    Side,
)
from trading.engine.messages import Direction, Offset
from trading.engine.rates import rates_for
from trading.engine.state import State
from trading.engine.units import PPB, PPM, divide_half_up, fee_for

_BUY = int(Direction.BUY)
_OPEN = int(Offset.OPEN)
_HALF_PPB, _HALF_PPM = PPB // 2, PPM // 2
_CLOSETODAY = int(Offset.CLOSETODAY)
_CLOSEYESTERDAY = int(Offset.CLOSEYESTERDAY)


def position_of(account: Account, instrument: Instrument) -> Position:
    """The account's position in the instrument, made when it has none yet."""
    position = account.positions.get(instrument.symbol)
    if position is None:
        position = account.positions[instrument.symbol] = Position(account, instrument)
    return position


def closed_side(position: Position, direction: int) -> Side:
    """The side that a closing order of this direction reduces."""
    return position.sides[1 - direction]


def free_to_close(order_offset: int, side: Side, instrument: Instrument) -> tuple[int, int]:
    """(today, history) lots that an offset may still close (T-55)."""
    today = side.today - side.frozen_today
    his = side.his - side.frozen_his
    if order_offset == _CLOSETODAY:
        return today, 0
    if order_offset == _CLOSEYESTERDAY or instrument.separate_today:
        return 0, his
    return today, his


def split_close(volume: int, today: int, his: int, history_first: bool) -> tuple[int, int]:
    """How many today and history lots an accepted close freezes (T-54, T-55)."""
    if history_first:
        from_his = min(volume, his)
        return volume - from_his, from_his
    from_today = min(volume, today)
    return from_today, volume - from_today


def closing_fee_rate(
    rates: FullRates, price: int, multiple: int, offset: int, instrument: Instrument
) -> tuple[int, int]:
    """(ratio_ppb, per_lot) of the dearer fee that can apply to a close (T-54)."""
    today = (rates.close_today_ratio_ppb, rates.close_today_per_lot)
    history = (rates.close_ratio_ppb, rates.close_per_lot)
    if offset == _CLOSETODAY:
        return today
    if offset == _CLOSEYESTERDAY or instrument.separate_today:
        return history
    turnover = price * multiple
    if turnover * today[0] + today[1] * PPB > turnover * history[0] + history[1] * PPB:
        return today
    return history


def price_freeze(order: Order) -> None:
    """Set what an order freezes from its lots left, without booking it (T-54)."""
    left = order.left
    value = order.freeze_price * left * order.instrument.volume_multiple
    # `fee_for` and `margin_for` written out: this runs for every order and every fill.
    fee = value * order.fee_ratio_ppb + left * order.fee_per_lot * PPB
    order.frozen_commission = (fee + _HALF_PPB) // PPB
    if order.offset == _OPEN:
        order.frozen_margin = (value * order.margin_ppm + _HALF_PPM) // PPM


def book_freeze(order: Order) -> None:
    """Book what an order freezes on its account."""
    account = order.account
    account.frozen_commission += order.frozen_commission
    margin = order.frozen_margin
    if margin:
        assert order.position is not None
        account.frozen_margin += margin
        order.position.hold.amount += margin


def freeze(order: Order) -> None:
    """Bring an accepted order's freeze in line with its lots left."""
    account = order.account
    margin, commission = order.frozen_margin, order.frozen_commission
    if order.left:
        price_freeze(order)
    else:
        order.frozen_margin = order.frozen_commission = 0
    account.frozen_commission += order.frozen_commission - commission
    if margin:
        assert order.position is not None
        margin = order.frozen_margin - margin
        account.frozen_margin += margin
        order.position.hold.amount += margin


def freeze_lots(order: Order, today: int, his: int) -> None:
    """Reserve lots for an accepted close."""
    assert order.position is not None
    side = closed_side(order.position, order.direction)
    order.frozen_today = today
    order.frozen_his = his
    side.frozen_today += today
    side.frozen_his += his


def thaw(order: Order) -> None:
    """Give back the money that an order froze; its lots stay reserved."""
    account = order.account
    account.frozen_commission -= order.frozen_commission
    order.frozen_commission = 0
    if order.frozen_margin:
        assert order.position is not None
        account.frozen_margin -= order.frozen_margin
        order.position.hold.amount -= order.frozen_margin
        order.frozen_margin = 0


def release(order: Order) -> None:
    """Give back whatever the order still froze; its lots left stay as they are shown."""
    account = order.account
    position = order.position
    assert position is not None
    account.frozen_commission -= order.frozen_commission
    order.frozen_commission = 0
    if order.offset == _OPEN:
        margin = order.frozen_margin
        account.frozen_margin -= margin
        position.hold.amount -= margin
        order.frozen_margin = 0
        position.sides[order.direction].opening -= order.left
        return
    side = closed_side(position, order.direction)
    side.frozen_today -= order.frozen_today
    side.frozen_his -= order.frozen_his
    order.frozen_today = order.frozen_his = 0


def fill(state: State, order: Order, price: int, lots: int) -> list[Any]:
    """Book a fill of an order whose ``left`` is already reduced; return its FillSide row."""
    account = order.account
    position = order.position
    assert position is not None
    rates = order.instrument.full_rates
    if rates is None or state.holders_with_rates:
        rates = rates_for(state, account, order.instrument)
    order.filled_value += price * lots
    if order.offset == _OPEN:
        profit = 0
        commission = _open_lots(order, position, rates, price, lots)
    else:
        commission, profit = _close_lots(state, order, position, rates, price, lots)
        account.close_profit += profit
        _hold_margin(account, position)
    account.commission += commission
    freeze(order)
    return [
        order.change(), order.direction, order.offset, commission, profit,
        account.funds(), position.row(),
    ]  # fmt: skip


def _hold_margin(account: Account, position: Position) -> None:
    change = position.refresh()
    if change:
        account.margin += change
        position.hold.amount += change


def _open_lots(order: Order, position: Position, rates: FullRates, price: int, lots: int) -> int:
    """Add lots to today's bucket and what follows from them; return the commission.

    Only one side of the position grows, so `Position.refresh` is not needed.
    """
    account, instrument, direction = order.account, order.instrument, order.direction
    side = position.sides[direction]
    units = lots * instrument.volume_multiple
    cost = price * units
    side.today += lots
    side.opening -= lots
    side.open_cost_today += cost
    side.position_cost_today += cost
    side.weight_today = weight = side.weight_today + cost * order.margin_ppm
    side.margin = own = (weight + side.weight_his + _HALF_PPM) // PPM
    if direction == _BUY:
        position.expose(position.net_units + units)
        position.net_cost += cost
        account.net_cost += cost
    else:
        position.expose(position.net_units - units)
        position.net_cost -= cost
        account.net_cost -= cost
    other = position.sides[1 - direction].margin
    margin = (own if own > other else other) if instrument.product.larger_side_margin else own + other
    change = margin - position.margin
    if change:
        position.margin = margin
        account.margin += change
        position.hold.amount += change
    instrument.holders[account.account_id] = position
    # `fee_for` written out, as in `price_freeze`.
    return (cost * rates.open_ratio_ppb + lots * rates.open_per_lot * PPB + _HALF_PPB) // PPB


def _close_lots(
    state: State,
    order: Order,
    position: Position,
    rates: FullRates,
    price: int,
    lots: int,
) -> tuple[int, int]:
    """Take lots out of the buckets they were frozen in; return (commission, close profit)."""
    side = closed_side(position, order.direction)
    today, his = split_close(
        lots,
        order.frozen_today,
        order.frozen_his,
        state.history_first.get(position.instrument.exchange_id, False),
    )
    sign = 1 if order.direction != _BUY else -1
    multiple = position.instrument.volume_multiple
    commission = profit = 0
    if today:
        cost = _take_today(side, today)
        value = price * today * multiple
        profit += sign * (value - cost)
        commission += fee_for(value, today, rates.close_today_ratio_ppb, rates.close_today_per_lot)
        order.frozen_today -= today
    if his:
        cost = _take_his(side, his)
        value = price * his * multiple
        profit += sign * (value - cost)
        commission += fee_for(value, his, rates.close_ratio_ppb, rates.close_per_lot)
        order.frozen_his -= his
    if position.is_flat():
        position.instrument.holders.pop(position.account.account_id, None)
    return commission, profit


def _take_today(side: Side, lots: int) -> int:
    """Take lots at average cost out of today's bucket; return the position cost taken (T-50)."""
    total = side.today
    open_cost = _share(side.open_cost_today, lots, total)
    cost = _share(side.position_cost_today, lots, total)
    weight = _share(side.weight_today, cost, side.position_cost_today)
    side.today = total - lots
    side.frozen_today -= lots
    side.open_cost_today -= open_cost
    side.position_cost_today -= cost
    side.weight_today -= weight
    return cost


def _take_his(side: Side, lots: int) -> int:
    """Take lots at average cost out of the history bucket; return the position cost taken."""
    total = side.his
    open_cost = _share(side.open_cost_his, lots, total)
    cost = _share(side.position_cost_his, lots, total)
    weight = _share(side.weight_his, cost, side.position_cost_his)
    side.his = total - lots
    side.frozen_his -= lots
    side.open_cost_his -= open_cost
    side.position_cost_his -= cost
    side.weight_his -= weight
    return cost


def _share(amount: int, part: int, total: int) -> int:
    """round_half_up(amount × part / total); the last part takes the rest exactly."""
    return amount if part == total else divide_half_up(amount * part, total)


def remargin(state: State, position: Position) -> None:
    """Put all lots of a position under the present margin rates (T-56)."""
    rates = rates_for(state, position.account, position.instrument)
    for side, ratio_ppm in zip(position.sides, rates.margin_ppm, strict=True):
        side.weight_today = side.position_cost_today * ratio_ppm
        side.weight_his = side.position_cost_his * ratio_ppm
    _hold_margin(position.account, position)


def roll_lots(state: State, position: Position, price: int, expired: bool) -> None:
    """Today's lots become history at the settlement price; expired ones are paid out (T-92).

    Lots and lots reserved for closing; who reserved them is the caller's to move on.
    """
    rates = rates_for(state, position.account, position.instrument)
    value = 0 if expired else price * position.instrument.volume_multiple
    for side, ratio_ppm in zip(position.sides, rates.margin_ppm, strict=True):
        lots = 0 if expired else side.his + side.today
        if side.open_cost_today or expired:
            side.open_cost_his = 0 if expired else side.open_cost_his + side.open_cost_today
            side.open_cost_today = 0
        side.his, side.today = lots, 0
        side.position_cost_his = cost = value * lots
        side.position_cost_today = 0
        side.weight_his, side.weight_today = cost * ratio_ppm, 0
        if side.frozen_today:
            side.frozen_his += side.frozen_today
            side.frozen_today = 0
    _hold_margin(position.account, position)


def forget_if_idle(position: Position) -> None:
    """Drop a position that a new day finds without lots and working orders."""
    if position.is_idle():
        position.account.positions.pop(position.instrument.symbol, None)
