"""The daily settlement inside the core (T-38, T-92).

`BeginSettlement` closes the venue and queues a check of every account. When the check
finds a fault the venue opens again and nothing has changed; from then on nothing can fail:
day orders end, accounts settle, instruments roll, living orders are carried over, and the
venue moves to the next trading day.
"""

from typing import Any

from trading.engine import codes, conditional, risk, riskwatch
from trading.engine.audit import account_faults
from trading.engine.clientids import UID_SHIFT, VERDICT_MASK, ClientIds
from trading.engine.clock import (
    close_venue,
    enter_instrument_phase,
    lay_out,
    restore_phases,
)
from trading.engine.entities import Account, Instrument, Order
from trading.engine.execution import end_order
from trading.engine.figures import reaches, risk_ratio_ppm
from trading.engine.instruments import begin_trading, starts_trading
from trading.engine.ledger import (
    book_freeze,
    forget_if_idle,
    freeze_lots,
    release,
    roll_lots,
    thaw,
)
from trading.engine.messages import (
    BeginSettlement,
    EndReason,
    InstrumentStatus,
    Offset,
    Phase,
    TimeCondition,
)
from trading.engine.plain import order_digest
from trading.engine.sessions import next_trading_day
from trading.engine.state import Context, State, WorkItem
from trading.engine.units import MAX_PRICE

_RUN, _PRICES, _COUNT, _COMMISSION, _PROFIT, _LIQUIDATE, _FAULTS = range(7)
POSITIONS_PER_TICK = 750
"""Positions and working orders of the accounts that one Tick checks or settles (A-45)."""
_DAY_CONDITIONS = (TimeCondition.GFS, TimeCondition.GFD, TimeCondition.GFA)
_GTD = int(TimeCondition.GTD)
_OPEN, _CLOSETODAY = int(Offset.OPEN), int(Offset.CLOSETODAY)


def begin_settlement(context: Context, command: BeginSettlement) -> int:
    """Check the prices, close the venue, queue the run (T-92)."""
    state = context.state
    prices: dict[str, int] = {}
    code, params = _begin_refusal(state, command, prices)
    if code:
        context.emit("SettlementRefused", command.run_id, code, params)
        return code
    state.settlement = [command.run_id, prices, 0, 0, 0, [], []]
    context.emit("SettlementBegun", command.run_id, state.trading_day, len(state.accounts))
    close_venue(context)
    state.work.append(WorkItem("settle_check", "", list(state.accounts)))
    if not state.accounts:
        after(context, state.work.pop())
    return codes.OK


def _begin_refusal(
    state: State, command: BeginSettlement, prices: dict[str, int]
) -> tuple[int, dict[str, Any]]:
    """Fill `prices`; refuse a second run, a bad price, a held instrument without one."""
    is_other_day = command.trading_day not in (0, state.trading_day)
    if state.settlement is not None or state.work or is_other_day:
        return codes.SETTLEMENT_UNDER_WAY, {"trading_day": state.trading_day}
    for entry in command.prices:
        if not _is_price(state, entry):
            return codes.INVALID_FIELD, {"field": "prices", "entry": str(entry)[:100]}
        prices[entry[0]] = entry[1]
    for symbol, instrument in state.instruments.items():
        if instrument.holders and symbol not in prices:
            return codes.SETTLEMENT_PRICE_MISSING, {"symbol": symbol}
    return codes.OK, {}


def _is_price(state: State, entry: Any) -> bool:
    """Is it [symbol of an instrument, a possible price]?"""
    if not isinstance(entry, list) or len(entry) != 2:
        return False
    symbol, price = entry
    known = isinstance(symbol, str) and symbol in state.instruments
    return known and isinstance(price, int) and 0 < price <= MAX_PRICE


def after(context: Context, item: WorkItem) -> None:
    """Go on with the run's next step when one of its lists is done."""
    state = context.state
    run = state.settlement
    if run is None or not item.kind.startswith("settle"):
        return
    if item.kind == "settle_check":
        if run[_FAULTS]:
            _give_up(context, run)
        else:
            _queue(context, "settle_end", list(state.orders))
    elif item.kind == "settle_end":
        _queue(context, "settle_accounts", list(state.accounts))
    elif item.kind == "settle_accounts":
        _queue(context, "settle_roll", list(state.instruments))
    elif item.kind == "settle_roll":
        state.previous_day = state.trading_day
        state.begin_day(next_trading_day(state, state.trading_day))
        _begin_contracts(context)
        _queue(context, "settle_carry", list(state.orders))
    elif item.kind != "settle_carry" or not conditional.queue_day_end(state):
        _finish(context, run)


def _queue(context: Context, kind: str, data: list[Any]) -> None:
    item = WorkItem(kind, "", data)
    if data:
        context.state.work.append(item)
    else:
        after(context, item)


def _next_accounts(state: State, item: WorkItem, budget: int) -> tuple[list[Account], int]:
    """A Tick's accounts of a list, and how much of the budget they take.

    At most `budget` of them; what many hold is many times the work, so that a share also ends
    with the account that brings it to `POSITIONS_PER_TICK` positions and working orders.
    """
    found: list[Account] = []
    objects = 0
    for account_id in item.data[item.position : item.position + budget]:
        account = state.accounts[account_id]
        found.append(account)
        objects += len(account.positions) + len(account.orders)
        if objects >= POSITIONS_PER_TICK:
            item.position += len(found)
            return found, budget
    item.position += len(found)
    return found, len(found)


def check_accounts(context: Context, item: WorkItem, budget: int) -> int:
    """Compare each account's sums with its positions and orders (T-92)."""
    state = context.state
    assert state.settlement is not None
    accounts, spent = _next_accounts(state, item, budget)
    for account in accounts:
        state.settlement[_FAULTS].extend(account_faults(account))
    return spent


def _give_up(context: Context, run: list[Any]) -> None:
    state = context.state
    state.settlement = None
    params = {"failed_accounts": run[_FAULTS]}
    context.emit("SettlementRefused", run[_RUN], codes.SETTLEMENT_FAILED, params)
    lay_out(state)
    restore_phases(context)


def _end_of(state: State, order: Order) -> tuple[int, int] | None:
    """(reason, code) with which an order ends at settlement, None when it may stay (T-38)."""
    day = state.trading_day
    if order.time_condition in _DAY_CONDITIONS:
        return EndReason.DAY_END, codes.OK
    if order.time_condition == _GTD and order.gtd_date <= day:
        return EndReason.DATE_REACHED, codes.OK
    if _expires(order.instrument, day):
        return EndReason.CONTRACT_EXPIRED, codes.OK
    if order.offset == _CLOSETODAY:
        return EndReason.NOT_CARRIED, codes.INSUFFICIENT_POSITION
    return None


def _expires(instrument: Instrument, day: int) -> bool:
    return bool(instrument.expire_date) and instrument.expire_date <= day


def end_day_orders(context: Context, item: WorkItem, budget: int) -> int:
    """End the orders that do not outlive the day."""
    state = context.state
    start, item.position = item.position, min(item.position + budget, len(item.data))
    for uid in item.data[start : item.position]:
        order = state.orders.get(uid)
        end = _end_of(state, order) if order is not None else None
        if order is not None and end is not None:
            end_order(context, order, end[0], end[1])
    return item.position - start


def settle_accounts(context: Context, item: WorkItem, budget: int) -> int:
    """Settle accounts one by one, in account order."""
    accounts, spent = _next_accounts(context.state, item, budget)
    for account in accounts:
        _settle_account(context, account)
    return spent


def _settle_account(context: Context, account: Account) -> None:
    """Mark, book the profit, roll the lots and begin the account's new day (T-92)."""
    state = context.state
    run = state.settlement
    assert run is not None
    prices, today = run[_PRICES], state.trading_day
    profit = 0
    for position in account.positions.values():
        instrument = position.instrument
        price = prices.get(instrument.symbol, 0)
        profit += price * position.net_units - position.net_cost
        roll_lots(state, position, price, _expires(instrument, today))
    day = [
        account.pre_balance, account.deposit, account.withdraw, account.close_profit, profit,
        account.commission,
    ]  # fmt: skip
    balance = account.realised() + profit
    run[_COUNT] += 1
    run[_COMMISSION] += account.commission
    run[_PROFIT] += account.close_profit + profit
    account.pre_balance = balance
    account.deposit = account.withdraw = account.close_profit = 0
    account.commission = account.premium = 0
    account.client_ids = _living_ids(account)
    for order in account.orders.values():
        # Orders are frozen anew in their order: the oldest is first to get the funds (T-38).
        thaw(order)
        order.frozen_his += order.frozen_today
        order.frozen_today = 0
    must_liquidate = reaches(account.margin, balance, state.settings["liquidation_ppm"])
    if must_liquidate:
        run[_LIQUIDATE].append(account.account_id)
    rows = [position.row() for position in account.positions.values()]
    context.emit(
        "AccountSettled", run[_RUN], state.trading_day, account.account_id, *day, balance,
        account.margin, risk_ratio_ppm(account.margin, balance), must_liquidate,
        account.funds(), rows,
    )  # fmt: skip
    if must_liquidate:
        riskwatch.after_settlement(context, account, balance)
    for position in list(account.positions.values()):
        forget_if_idle(position)


def _living_ids(account: Account) -> ClientIds:
    """After the roll an id names a new order, but for the orders still alive (T-36)."""
    if not account.client_ids.count:
        return account.client_ids
    living = ClientIds()
    for order_id in account.orders:
        digest = order_digest(order_id)
        known = account.client_ids.get(digest)
        if known is not None:
            living.add(digest, known >> UID_SHIFT, known & VERDICT_MASK)
    return living


def roll_instruments(context: Context, item: WorkItem, budget: int) -> int:
    """Take the instruments into the new day, after every account was settled."""
    run = context.state.settlement
    assert run is not None
    start, item.position = item.position, min(item.position + budget, len(item.data))
    for symbol in item.data[start : item.position]:
        _roll_instrument(context, context.state.instruments[symbol], run[_PRICES].get(symbol, 0))
    return item.position - start


def _roll_instrument(context: Context, instrument: Instrument, price: int) -> None:
    """Settlement figures become the previous ones; the day's figures start anew."""
    state = context.state
    expired = _expires(instrument, state.trading_day)
    if instrument.status in (InstrumentStatus.DELISTED, InstrumentStatus.EXPIRED):
        return
    instrument.pre_settlement = price or instrument.mark
    instrument.pre_close = instrument.last_price or instrument.pre_close
    if expired:
        instrument.open_interest = 0
        instrument.holders.clear()
        instrument.status = int(InstrumentStatus.EXPIRED)
    instrument.pre_open_interest = instrument.open_interest
    instrument.last_price = instrument.open_price = instrument.high_price = 0
    instrument.low_price = instrument.day_volume = instrument.day_turnover = 0
    instrument.next_number = instrument.breaker_price = instrument.breaker_time_ns = 0
    instrument.mark = instrument.pre_settlement
    state.price_epoch += 1
    if instrument.pre_settlement:
        instrument.set_limits()
    state.dirty_quotes[instrument.symbol] = None
    context.emit("InstrumentChanged", instrument.row(), "expired" if expired else "settled")


def _begin_contracts(context: Context) -> None:
    """Contracts whose list date has come start trading on the new day (T-13)."""
    state = context.state
    for instrument in state.instruments.values():
        if starts_trading(instrument, state.trading_day):
            begin_trading(state, instrument)
            context.emit("InstrumentChanged", instrument.row(), "listed")


def carry_orders(context: Context, item: WorkItem, budget: int) -> int:
    """Freeze each living order at the new rates, or end it with the code that forbids it.

    The list is in the order of their acceptance.
    """
    state = context.state
    start, item.position = item.position, min(item.position + budget, len(item.data))
    for uid in item.data[start : item.position]:
        order = state.orders.get(uid)
        if order is not None:
            _carry(context, order)
    return item.position - start


def _carry(context: Context, order: Order) -> None:
    refusal = risk.price_refusal(order.instrument, order.limit_price)
    lots = (order.frozen_today, order.frozen_his)
    release(order)
    if refusal is None:
        refusal = risk.carry_refusal(context.state, order)
    if refusal is not None:
        order.frozen_margin = order.frozen_commission = 0
        order.frozen_today = order.frozen_his = 0
        _reopen(order)
        end_order(context, order, EndReason.NOT_CARRIED, refusal[0])
        return
    book_freeze(order)
    _reopen(order)
    row = None
    if order.offset != _OPEN:
        freeze_lots(order, *lots)
        assert order.position is not None
        row = order.position.row()
    context.emit("OrderCarried", order.change(), order.account.funds(), row)


def _reopen(order: Order) -> None:
    """`release` had taken the lots out of the side's working ones."""
    if order.offset == _OPEN and order.position is not None:
        order.position.sides[order.direction].opening += order.left


def _finish(context: Context, run: list[Any]) -> None:
    state = context.state
    state.settlement = None
    state.settled_day = state.previous_day
    context.emit(
        "SettlementFinished", run[_RUN], state.previous_day, state.trading_day, run[_COUNT],
        run[_COMMISSION], run[_PROFIT], run[_LIQUIDATE],
    )  # fmt: skip
    state.next_flow = 0
    lay_out(state)
    if not state.halted:
        restore_phases(context)
        for instrument in state.instruments.values():
            phase = state.phases.get(instrument.session_template, int(Phase.CLOSED))
            enter_instrument_phase(context, instrument, phase)
