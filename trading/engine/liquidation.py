"""Forced liquidation: cancel, then close at the market until the account is sound (T-82)."""

from typing import Any

from trading.engine import codes
from trading.engine.entities import Account, Instrument, Position, Side
from trading.engine.figures import reaches, risk_ratio_ppm
from trading.engine.messages import (
    Direction,
    EndReason,
    ForceLiquidate,
    HoldLiquidation,
    InstrumentStatus,
    Offset,
    Phase,
    PlaceOrder,
    PriceType,
    TimeCondition,
)
from trading.engine.orders import enter_for, queue_end
from trading.engine.rates import rates_for, refuse
from trading.engine.state import Context, State
from trading.engine.units import MAX_LOTS, NS_PER_SECOND, PPM, fee_for
from trading.engine.watchstate import NEVER_NS, Liquidation, LiquidationStatus, RiskLevel

ORDERS_PER_TICK = 200
MAX_DELAY_S = 30
_ANY, _IOC = int(PriceType.ANY), int(TimeCondition.IOC)
_BUY, _SELL = int(Direction.BUY), int(Direction.SELL)
_CLOSE, _CLOSETODAY = int(Offset.CLOSE), int(Offset.CLOSETODAY)
_WAITING, _RUNNING = int(LiquidationStatus.WAITING), int(LiquidationStatus.RUNNING)
_DONE, _CURED = int(LiquidationStatus.DONE), int(LiquidationStatus.CURED)
_HELD = int(LiquidationStatus.HELD)


def begin_liquidation(
    context: Context, account: Account, cause: str, reason: str = "", closes_all: bool = False,
    balance: int | None = None,
) -> None:  # fmt: skip
    """Make a record and queue the account, unless it is under way or held back.

    `balance` where the present marks do not give it (`riskwatch.after_settlement`).
    """
    state = context.state
    risk, account_id = state.risk, account.account_id
    if account_id in risk.held or account_id in risk.tasks:
        return
    risk.next_record += 1
    record_id = f"LIQ{state.trading_day}{risk.next_record:06d}"
    if balance is None:
        balance = account.balance()
    task = Liquidation([
        record_id, account_id, _WAITING, cause, reason, context.user_id if cause == "operator" else "",
        closes_all, state.trading_day, context.time_ns, risk_ratio_ppm(account.margin, balance), balance,
        0, 0, 0, context.time_ns,
    ])  # fmt: skip
    risk.tasks[account_id] = task
    state.find_reactive()
    _tell(context, account, task, codes.OK, balance)


def liquidate(context: Context) -> None:
    """A Tick's share over all accounts: at most 200 orders."""
    state = context.state
    if state.settlement is not None or state.halted:
        return
    budget = ORDERS_PER_TICK
    for task in list(state.risk.tasks.values()):
        if budget <= 0:
            return
        if task.next_ns <= context.time_ns:
            budget -= _go_on(context, task, budget)


def wake_at_open(state: State, time_ns: int) -> None:
    """Instruments have begun to trade: every liquidation tries again at once."""
    for task in state.risk.tasks.values():
        task.next_ns, task.attempts = time_ns, 0


def _go_on(context: Context, task: Liquidation, budget: int) -> int:
    """One try for one account; return the orders placed."""
    state = context.state
    account = state.accounts[task.account_id]
    if account.busy:
        return 0
    if _is_over(state, account, task):
        _finish(context, account, task, _CURED if task.status == _WAITING else _DONE)
        return 0
    found = _tradable(account)
    if not found:
        task.next_ns = NEVER_NS
        return 0
    if task.status == _WAITING:
        task.status = _RUNNING
        _tell(context, account, task, codes.OK)
    if account.orders:
        uids = [order.uid for order in account.orders.values()]
        queue_end(state, uids, EndReason.LIQUIDATION, f"account:{account.account_id}")
        return 0
    placed, lots, refusal = _close_positions(context, account, task, found, budget)
    if _is_over(state, account, task):
        _finish(context, account, task, _DONE)
    elif placed >= budget and lots:
        task.next_ns = context.time_ns
    else:
        _retry(context, account, task, lots, refusal)
    return placed


def _retry(context: Context, account: Account, task: Liquidation, lots: int, refusal: int) -> None:
    """After 1, 2, 4 … 30 s; the first fruitless try is told (6003)."""
    task.attempts = 0 if lots else task.attempts + 1
    delay = min(2 ** min(max(task.attempts - 1, 0), 5), MAX_DELAY_S)
    task.next_ns = context.time_ns + delay * NS_PER_SECOND
    if task.attempts == 1:
        _tell(context, account, task, refusal or codes.NO_LIQUIDITY)


def _is_over(state: State, account: Account, task: Liquidation) -> bool:
    """Sound again, or nothing left to close."""
    if not any(position.margin for position in account.positions.values()):
        return all(position.is_flat() for position in account.positions.values())
    if task.closes_all:
        return False
    name = "liquidation_ppm" if task.status == _WAITING else "liquidate_to_ppm"
    if task.status == _RUNNING and state.settings["liquidate_all"]:
        return False
    return not reaches(account.margin, account.balance(), state.settings[name])


def _tradable(account: Account) -> list[Position]:
    """Positions that can be closed now, the largest margin first."""
    found = [
        position for position in account.positions.values()
        if not position.is_flat() and is_open(position.instrument)
    ]  # fmt: skip
    return sorted(found, key=lambda position: (-position.margin, position.instrument.symbol))


def is_open(instrument: Instrument) -> bool:
    """Does the instrument trade continuously now?"""
    return (
        instrument.phase == Phase.CONTINUOUS
        and instrument.status == InstrumentStatus.TRADING
        and not instrument.busy
    )


def _close_positions(
    context: Context, account: Account, task: Liquidation, found: list[Position], budget: int
) -> tuple[int, int, int]:
    """(orders placed, lots closed, last refusal)."""
    placed = closed = refusal = 0
    for position in found:
        for direction in _sides_to_close(position):
            while placed < budget and not _is_over(context.state, account, task):
                order = _next_order(context.state, position, task, direction)
                if order is None:
                    break
                placed += 1
                done, code = _place(context, account, task, order, position)
                refusal = code or refusal
                closed += done
                if not done:
                    break
    return placed, closed, refusal


def _sides_to_close(position: Position) -> tuple[int, int]:
    """Directions of the closing orders: the side with more margin first."""
    long, short = position.sides
    return (_SELL, _BUY) if long.margin >= short.margin else (_BUY, _SELL)


def _next_order(state: State, position: Position, task: Liquidation, direction: int) -> PlaceOrder | None:
    """The next closing order of a side; None without lots or without an opposite price."""
    instrument, side = position.instrument, position.sides[1 - direction]
    book = instrument.book
    price = book.best_ask() if direction == _BUY else book.best_bid()
    today, his = side.today - side.frozen_today, side.his - side.frozen_his
    if not price or not today + his or not is_open(instrument):
        return None
    lots = min(today + his, instrument.max_market_volume or MAX_LOTS)
    lots = min(lots, _needed(state, position, side, direction, price, task))
    offset = _CLOSE
    if instrument.separate_today:
        offset = _CLOSE if his else _CLOSETODAY
        lots = min(lots, his or today)
    return PlaceOrder(
        task.account_id, f"{task.record_id}.{task.orders + 1}", instrument.symbol, direction, offset,
        max(lots, instrument.min_market_volume), _ANY, 0, _IOC,
    )  # fmt: skip


def _needed(
    state: State, position: Position, side: Side, direction: int, price: int, task: Liquidation
) -> int:
    """Lots that bring the ratio below the target when closed at a price (T-82)."""
    account, instrument = position.account, position.instrument
    lots, balance = side.lots(), account.balance()
    if task.closes_all or state.settings["liquidate_all"] or balance <= 0 or not side.margin:
        return lots
    target = state.settings["liquidate_to_ppm"]
    excess = account.margin * PPM - target * balance
    rates = rates_for(state, account, instrument)
    turnover = price * instrument.volume_multiple
    fee = max(
        fee_for(turnover, 1, rates.close_ratio_ppb, rates.close_per_lot),
        fee_for(turnover, 1, rates.close_today_ratio_ppb, rates.close_today_per_lot),
    )
    away = instrument.mark - price if direction == _SELL else price - instrument.mark
    relief = side.margin * PPM // lots - target * (away * instrument.volume_multiple + fee)
    if relief <= 0:
        return lots
    return min(max(excess, 0) // relief + 1, lots)


def _place(
    context: Context, account: Account, task: Liquidation, order: PlaceOrder, position: Position
) -> tuple[int, int]:
    """Enter one closing order; (lots closed, refusal)."""
    side = position.sides[1 - order.direction]
    before, first = side.lots(), len(context.events)
    task.orders += 1
    code = enter_for(context, account, order, is_exempt=True)
    done = before - side.lots()
    task.lots += done
    value = sum(
        event[8] * event[9] for event in context.events[first:]
        if event[1] == "Traded" and order.order_id in (event[11][0][2], event[12][0][2])
    )  # fmt: skip
    context.emit(
        "LiquidationStepped", task.record_id, task.account_id, order.order_id, order.symbol,
        order.direction, order.offset, order.volume, done, value,
        risk_ratio_ppm(account.margin, account.balance()), code,
    )  # fmt: skip
    return done, code


def _finish(context: Context, account: Account, task: Liquidation, status: int) -> None:
    state = context.state
    task.status = status
    del state.risk.tasks[task.account_id]
    state.risk.extra[task.account_id] = None
    state.find_reactive()
    _tell(context, account, task, codes.OK)


def _tell(
    context: Context, account: Account, task: Liquidation, code: int, balance: int | None = None
) -> None:
    if balance is None:
        balance = account.balance()
    context.emit(
        "LiquidationChanged", task.record_id, task.account_id, account.user_id, task.status,
        task.cause, task.reason, task.operator_id, task.trading_day, task.started_ns,
        task.ratio_before, risk_ratio_ppm(account.margin, balance), task.pre_balance, balance,
        task.orders, task.lots, code,
    )  # fmt: skip


# ------------------------------------------------------------- an operator's word


def force_liquidate(context: Context, command: ForceLiquidate) -> int:
    """Close all positions of an account whatever its ratio (operator)."""
    state = context.state
    account = state.accounts.get(command.account_id)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    fault: dict[str, Any] = {}
    if not command.reason.strip():
        fault = {"field": "reason"}
    elif command.account_id in state.risk.held or all(p.is_flat() for p in account.positions.values()):
        fault = {"field": "account_id"}
    if fault:
        return refuse(context, command, codes.INVALID_FIELD, fault)
    known = state.risk.tasks.get(command.account_id)
    if known is None:
        begin_liquidation(context, account, "operator", command.reason, closes_all=True)
        return codes.OK
    known.closes_all, known.reason, known.operator_id = True, command.reason, context.user_id
    known.next_ns = context.time_ns
    _tell(context, account, known, codes.OK)
    return codes.OK


def hold_liquidation(context: Context, command: HoldLiquidation) -> int:
    """Hold one account back from liquidation with a reason that is kept, or let it go (T-82)."""
    state = context.state
    account = state.accounts.get(command.account_id)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    if not command.reason.strip():
        return refuse(context, command, codes.INVALID_FIELD, {"field": "reason"})
    context.emit(
        "LiquidationHeld", command.account_id, account.user_id, command.is_held, command.reason,
        context.user_id,
    )  # fmt: skip
    if command.is_held:
        state.risk.held[command.account_id] = command.reason
        task = state.risk.tasks.get(command.account_id)
        if task is not None:
            task.reason = command.reason
            _finish(context, account, task, _HELD)
        return codes.OK
    state.risk.held.pop(command.account_id, None)
    if state.risk.levels.get(command.account_id) == RiskLevel.LIQUIDATION:
        begin_liquidation(context, account, "risk")
    return codes.OK
