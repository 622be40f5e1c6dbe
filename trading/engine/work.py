"""Work lists: tasks over many objects, advanced at most 500 objects a Tick (A-45)."""

from collections.abc import Callable

from trading.engine import conditional, settlement
from trading.engine.auction import uncross
from trading.engine.execution import end_order
from trading.engine.ledger import remargin
from trading.engine.matching import go_on
from trading.engine.state import Context, WorkItem

OBJECTS_PER_TICK = 500


def advance_work(context: Context, budget: int = OBJECTS_PER_TICK) -> None:
    """Advance the oldest lists by at most `budget` objects."""
    work = context.state.work
    while work and budget > 0:
        item = work[0]
        budget -= max(_KINDS[item.kind](context, item, budget), 1)
        if is_done(item):
            work.popleft()
            settlement.after(context, item)


def is_done(item: WorkItem) -> bool:
    """Has a list come to its end?"""
    if item.kind == "uncross":
        return not item.data[1]
    return item.position >= len(item.data)


def _end_orders(context: Context, item: WorkItem, budget: int) -> int:
    """data = [reason, uid, uid, …]; uids that ended meanwhile are passed over."""
    state = context.state
    start, reason = item.position, item.data[0]
    stop = min(start + budget, len(item.data))
    for uid in item.data[start:stop]:
        order = state.orders.get(uid)
        if order is not None:
            end_order(context, order, reason)
    item.position = stop
    if stop == len(item.data):
        _open_again(context, item.target)
    return stop - start


def _open_again(context: Context, target: str) -> None:
    """What a list concerned is open again."""
    state = context.state
    if target.startswith("account:"):
        state.accounts[target[8:]].busy -= 1
    elif target:
        state.instruments[target].busy -= 1


def _remargin(context: Context, item: WorkItem, budget: int) -> int:
    """data = account ids that hold the instrument; each gets the present margin rate."""
    state = context.state
    instrument = state.instruments[item.target]
    start = item.position
    stop = min(start + budget, len(item.data))
    for account_id in item.data[start:stop]:
        position = instrument.holders.get(account_id)
        if position is not None:
            remargin(state, position)
            context.emit("PositionRemargined", position.account.funds(), position.row())
    item.position = stop
    if stop == len(item.data):
        instrument.busy -= 1
    return stop - start


_KINDS: dict[str, Callable[[Context, WorkItem, int], int]] = {
    "uncross": uncross,
    "end": _end_orders,
    "take": go_on,
    "margin": _remargin,
    "settle_check": settlement.check_accounts,
    "settle_end": settlement.end_day_orders,
    "settle_accounts": settlement.settle_accounts,
    "settle_roll": settlement.roll_instruments,
    "settle_carry": settlement.carry_orders,
    "settle_conditions": conditional.end_day,
}
