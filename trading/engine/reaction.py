"""What follows from a command's events: triggers, marks, and each Tick's share of the watch.

Everything here carries no command id: it answers nobody (A-41).
"""

from itertools import islice

from trading.engine.conditional import ORDERS_PER_COMMAND, look_at, place_queued
from trading.engine.liquidation import liquidate, wake_at_open
from trading.engine.messages import Phase
from trading.engine.riskwatch import watch
from trading.engine.state import Context, Event, State
from trading.engine.triggered import is_ready
from trading.engine.units import NS_PER_SECOND
from trading.engine.watchstate import NEVER_NS

_CONTINUOUS = int(Phase.CONTINUOUS)
_ROW_WITH_SYMBOL = frozenset({"OrderAccepted", "OrderCancelled", "OrderModified", "OrderCarried"})


def react(context: Context) -> None:
    """Mark what moved, fire what came true, place at most 64 triggered orders (T-70)."""
    state = context.state
    conditions, budget, seen = state.conditions, ORDERS_PER_COMMAND, 0
    command_id, context.command_id = context.command_id, ""
    if not conditions.living and not conditions.queue:
        _mark(context, context.events)
        context.command_id = command_id
        return
    while True:
        fresh = context.events[seen:]
        seen = len(context.events)
        moved = _moved(context, fresh)
        if conditions.living:
            look_at(context, moved)
        if budget <= 0 or not conditions.queue:
            break
        placed = place_queued(context, budget)
        if not placed:
            break
        budget -= placed
    context.command_id = command_id


def on_tick(context: Context) -> None:
    """Revalue, liquidate, and react to what that did (T-81, T-82)."""
    react(context)
    start = len(context.events)
    watch(context)
    liquidate(context)
    if len(context.events) > start:
        react(context)


def wake_ns(state: State) -> int:
    """When the next Tick has something to do here, at the latest."""
    found = NEVER_NS
    conditions, risk = state.conditions, state.risk
    if conditions.times:
        found = conditions.times[0][0]
    for uid, number in islice(conditions.queue, ORDERS_PER_COMMAND):
        if is_ready(state, conditions.living[uid].orders[number]):
            return 0
    if state.settlement is not None or state.halted:
        return found
    if state.settings["risk_watch"]:
        if risk.is_round_open():
            return 0
        if risk.marked or risk.extra:
            found = min(found, risk.round_ns + NS_PER_SECOND)
    return min([found, *(task.next_ns for task in risk.tasks.values())])


def _mark(context: Context, events: list[Event]) -> None:
    """What `_moved` does besides its answer, where no conditional order waits for that."""
    risk, watches = context.state.risk, context.state.settings["risk_watch"]
    for event in events:
        kind = event[1]
        if kind == "OrderAccepted" or kind == "OrderCancelled":
            continue
        if kind == "PhaseChanged":
            _phase_changed(context, event, {})
        elif watches and kind == "Traded":
            risk.marked[event[5]] = None
        elif watches and kind == "FundsMoved":
            risk.extra[event[6]] = None
        elif watches and kind == "PositionRemargined":
            risk.extra[event[5][0]] = None


def _moved(context: Context, events: list[Event]) -> dict[str, bool]:
    """Instruments whose market may have moved; True for those that have just opened."""
    state = context.state
    risk, watches = state.risk, state.settings["risk_watch"]
    moved: dict[str, bool] = {}
    for event in events:
        kind = event[1]
        if kind in _ROW_WITH_SYMBOL:
            moved.setdefault(event[5][3], False)
        elif kind == "Traded":
            moved.setdefault(event[5], False)
            if watches:
                risk.marked[event[5]] = None
        elif kind == "ConditionalChanged":
            for condition in event[5][9]:
                if condition[1]:
                    moved.setdefault(condition[1], False)
        elif kind == "PhaseChanged":
            _phase_changed(context, event, moved)
        elif kind == "InstrumentChanged":
            moved.setdefault(f"{event[5][0]}.{event[5][1]}", False)
        elif kind == "PositionRemargined" or kind == "FundsMoved":
            account_id = event[6] if kind == "FundsMoved" else event[5][0]
            if watches:
                risk.extra[account_id] = None
            if kind == "PositionRemargined":
                moved.setdefault(event[6][1], False)
    return moved


def _phase_changed(context: Context, event: Event, moved: dict[str, bool]) -> None:
    state, template, symbol = context.state, event[5], event[8]
    if symbol:
        moved.setdefault(symbol, False)
        return
    opens = event[6] == _CONTINUOUS
    if opens:
        wake_at_open(state, context.time_ns)
    for known in sorted(state.conditions.index):
        if state.instruments[known].session_template == template:
            moved[known] = opens
