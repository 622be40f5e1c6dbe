"""Conditional orders: place, cancel, suspend, resume, trigger (T-70).

A trigger marks the order in the command that moved the price and queues what it places;
`place_queued` places at most 64 orders a command, the rest wait for the next one.
Refusals carry in `params["check"]` the number that DIFF clients know.
"""

import re
from bisect import bisect_left, insort
from typing import Any

from trading.engine import codes
from trading.engine.conditionrules import condition_fault, is_true, market_value, orders_fault, resolve_touch
from trading.engine.conditions import (
    NO_PEAK,
    Condition,
    Conditional,
    ConditionalOrder,
    ConditionalStatus,
    ConditionKind,
    Half,
    Relation,
    SymbolIndex,
)
from trading.engine.entities import Account, Instrument
from trading.engine.messages import (
    AccountStatus,
    ChangeConditional,
    InstrumentStatus,
    Phase,
    PlaceConditional,
    TimeCondition,
)
from trading.engine.orders import owned_account
from trading.engine.rates import refuse
from trading.engine.sessions import is_day
from trading.engine.state import Context, State, WorkItem
from trading.engine.triggered import is_ready, place_triggered
from trading.engine.units import NS_PER_SECOND

ORDERS_PER_COMMAND = 64
TIME_WINDOW_NS = 100 * NS_PER_SECOND
"""A time that was missed by more never comes true."""

CANCEL, SUSPEND, RESUME = 0, 1, 2
_is_order_id = re.compile(r"[A-Za-z0-9_.:#@|+=~-]{1,100}").fullmatch
_MAX_PARTS = 20
_CONTINUOUS = int(Phase.CONTINUOUS)
_TRADING = int(InstrumentStatus.TRADING)
_WAITING, _SUSPENDED = int(ConditionalStatus.WAITING), int(ConditionalStatus.SUSPENDED)
_TRIGGERED, _FAILED = int(ConditionalStatus.TRIGGERED), int(ConditionalStatus.FAILED)
_CANCELLED, _EXPIRED = int(ConditionalStatus.CANCELLED), int(ConditionalStatus.EXPIRED)
_GFD, _GTD, _GTC = int(TimeCondition.GFD), int(TimeCondition.GTD), int(TimeCondition.GTC)
_FALLING = (int(Relation.LE), int(Relation.L))


def place_conditional(context: Context, command: PlaceConditional) -> int:
    """Check and keep a conditional order, or refuse it with a code (1008: wrong side)."""
    state = context.state
    account = owned_account(context, command.account_id)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {"check": 515})
    conditions, orders = _parts(command)
    if conditions is None or orders is None:
        return refuse(context, command, codes.ILLEGAL_ORDER_PARAMETER, {"field": "conditions", "check": 503})
    conditions = [resolve_touch(state, condition) for condition in conditions]
    refusal = (
        _account_refusal(state, account, command)
        or condition_fault(state, conditions, command.needs_all)
        or orders_fault(state, orders)
        or _date_refusal(state, command)
    )
    if refusal is not None:
        return refuse(context, command, *refusal)
    _keep(context, account, command, conditions, orders)
    return codes.OK


def _parts(command: PlaceConditional) -> tuple[list[Condition] | None, list[ConditionalOrder] | None]:
    """Conditions and orders of a command; None for rows that are none."""
    sound = 0 < len(command.conditions) <= _MAX_PARTS and 0 < len(command.orders) <= _MAX_PARTS
    sound = sound and all(_has_types(row, _CONDITION_TYPES) for row in command.conditions)
    if not sound or not all(_has_types(row, _ORDER_TYPES) for row in command.orders):
        return None, None
    return [Condition(*row) for row in command.conditions], [ConditionalOrder(*row) for row in command.orders]


_CONDITION_TYPES = (int, str, int, int, int, int, int, int)
_ORDER_TYPES = (str, int, int, int, bool, int, int, bool, int, int)


def _has_types(row: Any, types: tuple[type, ...]) -> bool:
    return (
        isinstance(row, list)
        and len(row) == len(types)
        and all(isinstance(value, kind) for value, kind in zip(row, types, strict=True))
    )


def _account_refusal(
    state: State, account: Account, command: PlaceConditional
) -> tuple[int, dict[str, Any]] | None:
    """2002, 1008, 1013 and the limits of an account."""
    conditions, account_id = state.conditions, account.account_id
    if account.status != AccountStatus.ACTIVE:
        return codes.ACCOUNT_FROZEN, {"check": 513}
    if command.order_id:
        if not _is_order_id(command.order_id):
            return codes.ILLEGAL_ORDER_PARAMETER, {"field": "order_id", "check": 514}
        if command.order_id in conditions.ids.get(account_id, {}):
            return codes.ORDER_ID_USED, {"order_id": command.order_id, "check": 514}
    if conditions.new.get(account_id, 0) >= state.settings["conditionals_per_day"]:
        return codes.TOO_MANY_REQUESTS, {"limit": state.settings["conditionals_per_day"], "check": 511}
    if conditions.accounts.get(account_id, 0) >= state.settings["conditionals_valid"]:
        return codes.TOO_MANY_REQUESTS, {"limit": state.settings["conditionals_valid"], "check": 512}
    return None


def _date_refusal(state: State, command: PlaceConditional) -> tuple[int, dict[str, Any]] | None:
    if command.time_condition not in (_GFD, _GTD, _GTC):
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "time_condition", "check": 510}
    day = command.gtd_date
    if command.time_condition == _GTD and (not is_day(day) or day < state.trading_day):
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "gtd_date", "check": 510}
    return None


def _keep(
    context: Context, account: Account, command: PlaceConditional, conditions: list[Condition],
    orders: list[ConditionalOrder],
) -> None:  # fmt: skip
    state = context.state
    uid = state.event_seq + 1
    ids = state.conditions.ids.setdefault(account.account_id, {})
    order_id = command.order_id or f"C{uid}"
    while order_id in ids:
        order_id += "."
    item = Conditional(uid, account.account_id, order_id)
    item.label, item.client_tag = command.label, command.client_tag
    item.conditions, item.orders = conditions, orders
    item.needs_all, item.cancels_closes = bool(command.needs_all), bool(command.cancels_closes)
    item.time_condition, item.gtd_date = command.time_condition, command.gtd_date
    item.trading_day, item.insert_ns = state.trading_day, context.time_ns
    item.steps = [NO_PEAK if c.kind == ConditionKind.TRAILING else 0 for c in conditions]
    item.touched = [int(command.needs_all and is_true(state, c) is True) for c in conditions]
    ids[order_id] = [uid, _WAITING]
    counts = state.conditions
    counts.living[uid] = item
    counts.accounts[account.account_id] = counts.accounts.get(account.account_id, 0) + 1
    counts.new[account.account_id] = counts.new.get(account.account_id, 0) + 1
    state.find_reactive()
    context.emit("ConditionalChanged", item.row())
    arm(state, item)


# ------------------------------------------------------------------- the indexes


def arm(state: State, item: Conditional) -> None:
    """Put what has not come true yet into the indexes."""
    for n, done in enumerate(item.touched):
        if not done:
            _arm_one(state, item, n)


def _index_of(state: State, symbol: str) -> SymbolIndex:
    index = state.conditions.index.get(symbol)
    if index is None:
        index = state.conditions.index[symbol] = SymbolIndex()
    return index


def _arm_one(state: State, item: Conditional, n: int) -> None:
    condition = item.conditions[n]
    if condition.kind == ConditionKind.TIME:
        insort(state.conditions.times, (condition.time_ns, item.uid, n))
        return
    index = _index_of(state, condition.symbol)
    if condition.kind == ConditionKind.MARKET_OPEN:
        insort(index.opens, (item.uid, n))
        return
    halves = index.halves[condition.source]
    if condition.kind == ConditionKind.TRAILING:
        half = halves[0 if condition.relation in _FALLING else 1]
        half.trail.add(item.steps[n], (condition.price, item.uid, n))
        return
    falling, threshold = _threshold(state, condition, item.steps[n])
    insort(halves[falling].ladder, (threshold, item.uid, n))


def _threshold(state: State, condition: Condition, step: int) -> tuple[int, int]:
    """(0 rising or 1 falling, signed value at which the condition is to be looked at)."""
    price, relation = condition.price, condition.relation
    if condition.kind == ConditionKind.PRICE_RANGE:
        value = market_value(state.instruments[condition.symbol], condition.source)
        return (1, -condition.price2) if value > condition.price2 else (0, price)
    if condition.kind == ConditionKind.BREAK_EVEN:
        rises = relation not in _FALLING
        if step:
            return (1, -price) if rises else (0, price)
        return (0, price + 1) if rises else (1, 1 - price)
    if relation in _FALLING:
        return 1, -price + (relation == Relation.L)
    return 0, price + (relation == Relation.G)


def disarm(state: State, item: Conditional) -> None:
    """Take every condition out of the indexes; trailing ones keep their peak."""
    for n, condition in enumerate(item.conditions):
        entry = (condition.time_ns, item.uid, n)
        if condition.kind == ConditionKind.TIME:
            place = bisect_left(state.conditions.times, entry)
            if state.conditions.times[place : place + 1] == [entry]:
                del state.conditions.times[place]
            continue
        index = state.conditions.index.get(condition.symbol)
        if index is not None and not item.touched[n]:
            _disarm_one(state, index, item, n)
            if index.is_empty():
                del state.conditions.index[condition.symbol]


def _disarm_one(state: State, index: SymbolIndex, item: Conditional, n: int) -> None:
    condition = item.conditions[n]
    if condition.kind == ConditionKind.MARKET_OPEN:
        if (item.uid, n) in index.opens:
            index.opens.remove((item.uid, n))
        return
    halves = index.halves[condition.source]
    if condition.kind == ConditionKind.TRAILING:
        half = halves[0 if condition.relation in _FALLING else 1]
        item.steps[n] = half.trail.remove((condition.price, item.uid, n))
    elif condition.kind == ConditionKind.PRICE_RANGE:
        halves[0].discard((condition.price, item.uid, n))
        halves[1].discard((-condition.price2, item.uid, n))
    else:
        falling, threshold = _threshold(state, condition, item.steps[n])
        halves[falling].discard((threshold, item.uid, n))


# ---------------------------------------------------------------------- triggers


def look_at(context: Context, symbols: dict[str, bool]) -> None:
    """Fire what the market of these instruments makes true; True: it has just opened."""
    state = context.state
    for symbol, has_opened in symbols.items():
        index = state.conditions.index.get(symbol)
        if index is None:
            continue
        if has_opened and index.opens:
            waiting, index.opens = index.opens, []
            for uid, n in waiting:
                _come_true(context, uid, n)
        instrument = state.instruments[symbol]
        if instrument.phase == _CONTINUOUS and instrument.status == _TRADING and not instrument.busy:
            _look_at_prices(context, instrument, index)
    _look_at_times(context)


def _look_at_prices(context: Context, instrument: Instrument, index: SymbolIndex) -> None:
    for source, (rising, falling) in enumerate(index.halves):
        if not (_is_watching(rising) or _is_watching(falling)):
            continue
        value = market_value(instrument, source)
        if not value:
            continue
        for half, signed in ((rising, value), (falling, -value)):
            for _, uid, n in half.move(signed):
                _come_true(context, uid, n)


def _is_watching(half: Half) -> bool:
    return bool(half.ladder or half.trail.groups)


def _look_at_times(context: Context) -> None:
    times = context.state.conditions.times
    while times and times[0][0] <= context.time_ns:
        time_ns, uid, n = times.pop(0)
        if context.time_ns < time_ns + TIME_WINDOW_NS:
            _come_true(context, uid, n)


def _come_true(context: Context, uid: int, n: int) -> None:
    """A condition was taken out of its index because it looks true."""
    state = context.state
    item = state.conditions.living.get(uid)
    if item is None or item.status != _WAITING:
        return
    condition = item.conditions[n]
    if condition.kind == ConditionKind.BREAK_EVEN and not item.steps[n]:
        item.steps[n] = 1
        _arm_one(state, item, n)
        return
    if condition.kind == ConditionKind.PRICE_RANGE and is_true(state, condition) is False:
        _arm_one(state, item, n)
        return
    item.touched[n] = 1
    if condition.kind == ConditionKind.TRAILING:
        item.steps[n] = NO_PEAK  # its trail had the peak; what a snapshot left here is old
    if item.needs_all and not all(item.touched):
        context.emit("ConditionalChanged", item.row())
        return
    _trigger(context, item, -1 if item.needs_all else condition.leg)


def _trigger(context: Context, item: Conditional, leg: int) -> None:
    state = context.state
    disarm(state, item)
    _leave_waiting(state, item, _TRIGGERED, context.time_ns)
    due = [i for i, order in enumerate(item.orders) if order.leg in (-1, leg) or leg == -1]
    state.conditions.queue.extend((item.uid, i) for i in due)
    item.pending = len(due)
    context.emit("ConditionalChanged", item.row())
    if not due:
        forget(state, item)


def _leave_waiting(state: State, item: Conditional, status: int, time_ns: int) -> None:
    conditions = state.conditions
    item.status, item.touched_ns = status, time_ns
    conditions.ids[item.account_id][item.order_id][1] = status
    conditions.accounts[item.account_id] -= 1
    if not conditions.accounts[item.account_id]:
        del conditions.accounts[item.account_id]


def forget(state: State, item: Conditional) -> None:
    """Nothing is left to do for it; its id is remembered until the day rolls."""
    state.conditions.living.pop(item.uid, None)
    state.find_reactive()


def place_queued(context: Context, budget: int) -> int:
    """Place one entry of the queue when its instrument trades; return what it cost."""
    state = context.state
    queue = state.conditions.queue
    for _ in range(min(len(queue), budget)):
        uid, number = queue.popleft()
        item = state.conditions.living[uid]
        if not is_ready(state, item.orders[number]):
            queue.append((uid, number))
            continue
        placed, code = place_triggered(context, item, number)
        item.pending -= 1
        if code:
            item.status, item.code = _FAILED, code
            state.conditions.ids[item.account_id][item.order_id][1] = _FAILED
            context.emit("ConditionalChanged", item.row())
        if not item.pending:
            forget(state, item)
        return max(placed, 1)
    return 0


# ------------------------------------------------------------- cancel and suspend


def change_conditional(context: Context, command: ChangeConditional) -> int:
    """Cancel, suspend or resume one conditional order of the caller, or of an operator."""
    state = context.state
    if command.by_operator:
        account = state.accounts.get(command.account_id)
    else:
        account = owned_account(context, command.account_id)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    known = state.conditions.ids.get(command.account_id, {}).get(command.order_id)
    if known is None:
        return refuse(context, command, codes.ORDER_NOT_FOUND, {"order_id": command.order_id})
    uid, status = known
    wanted = {CANCEL: (_WAITING, _SUSPENDED), SUSPEND: (_WAITING,), RESUME: (_SUSPENDED,)}
    if command.action not in wanted:
        return refuse(context, command, codes.ILLEGAL_ORDER_PARAMETER, {"field": "action"})
    if status not in wanted[command.action]:
        params = {"status": ConditionalStatus(status).name}
        return refuse(context, command, codes.ORDER_NOT_CANCELLABLE, params)
    _change(context, state.conditions.living[uid], command.action)
    return codes.OK


def _change(context: Context, item: Conditional, action: int) -> None:
    state = context.state
    if action == RESUME:
        item.status = _WAITING
        arm(state, item)
    elif item.status == _WAITING:
        disarm(state, item)
    if action == CANCEL:
        _leave_waiting(state, item, _CANCELLED, context.time_ns)
        if item.trading_day == state.trading_day:
            state.conditions.new[item.account_id] -= 1
        forget(state, item)
    else:
        item.status = _SUSPENDED if action == SUSPEND else _WAITING
        item.touched_ns = context.time_ns
        state.conditions.ids[item.account_id][item.order_id][1] = item.status
    context.emit("ConditionalChanged", item.row())


# --------------------------------------------------------------------- day's end


def queue_day_end(state: State) -> bool:
    """Queue the look at every conditional order after a settlement; False without any."""
    conditions = state.conditions
    if not conditions.is_used():
        return False
    conditions.new.clear()
    state.work.append(WorkItem("settle_conditions", "", list(conditions.living) or [0]))
    return True


def end_day(context: Context, item: WorkItem, budget: int) -> int:
    """Expire what was good for the day or its date, or whose contract is gone (T-70)."""
    state = context.state
    start, item.position = item.position, min(item.position + budget, len(item.data))
    for uid in item.data[start : item.position]:
        known = state.conditions.living.get(uid)
        if known is not None:
            _end_of_day(context, known)
    if item.position == len(item.data):
        _forget_ended(state)
    return item.position - start


def _end_of_day(context: Context, item: Conditional) -> None:
    state = context.state
    if item.pending:
        conditions = state.conditions
        kept = [entry for entry in conditions.queue if entry[0] != item.uid]
        conditions.queue.clear()
        conditions.queue.extend(kept)
        item.pending, item.status, item.code = 0, _FAILED, codes.INSTRUMENT_NOT_TRADING
        conditions.ids[item.account_id][item.order_id][1] = _FAILED
    elif _is_over(state, item):
        if item.status == _WAITING:
            disarm(state, item)
        _leave_waiting(state, item, _EXPIRED, context.time_ns)
    else:
        return
    context.emit("ConditionalChanged", item.row())
    forget(state, item)


def _is_over(state: State, item: Conditional) -> bool:
    symbols = [c.symbol for c in item.conditions if c.symbol] + [order.symbol for order in item.orders]
    gone = any(
        state.instruments[symbol].status in (InstrumentStatus.DELISTED, InstrumentStatus.EXPIRED)
        for symbol in symbols
    )
    is_past = item.time_condition == _GTD and item.gtd_date < state.trading_day
    return gone or is_past or item.time_condition == _GFD


def _forget_ended(state: State) -> None:
    """A new day: ids of orders that ended may be used again."""
    conditions = state.conditions
    for account_id in list(conditions.ids):
        ids = conditions.ids[account_id]
        living = {key: value for key, value in ids.items() if value[0] in conditions.living}
        if living:
            conditions.ids[account_id] = living
        else:
            del conditions.ids[account_id]
    state.find_reactive()
