"""Conditional orders as plain lists and back; the indexes are derived (A-23, A-44)."""

from typing import Any

from trading.engine.conditional import arm
from trading.engine.conditions import Condition, Conditional, ConditionalOrder, ConditionalStatus
from trading.engine.state import State


def dump_conditions(state: State) -> list[Any]:
    """[] while no conditional order is known, so that older states keep their hashes."""
    conditions = state.conditions
    if not conditions.is_used():
        return []
    peaks = {
        (uid, n): peak
        for index in conditions.index.values()
        for halves in index.halves
        for half in halves
        for peak, entries in half.trail.groups
        for _, uid, n in entries
    }
    return [
        [[item.row(), _steps(item, peaks)] for item in conditions.living.values()],
        [
            [account_id, [[key, *value] for key, value in ids.items()], conditions.new.get(account_id, 0)]
            for account_id, ids in conditions.ids.items()
        ],
        [list(entry) for entry in conditions.queue],
    ]


def _steps(item: Conditional, peaks: dict[tuple[int, int], int]) -> list[int]:
    return [peaks.get((item.uid, n), step) for n, step in enumerate(item.steps)]


def load_conditions(state: State, dumped: list[Any]) -> None:
    """Bring back the orders and lay the indexes anew; the instruments are there already."""
    if not dumped:
        return
    living, accounts, queue = dumped
    conditions = state.conditions
    for account_id, ids, new in accounts:
        conditions.ids[account_id] = {key: [uid, status] for key, uid, status in ids}
        conditions.new[account_id] = new
    conditions.queue.extend((uid, number) for uid, number in queue)
    for row, steps in living:
        item = _conditional(row, steps)
        item.pending = sum(uid == item.uid for uid, _ in conditions.queue)
        conditions.living[item.uid] = item
        if item.status in (ConditionalStatus.WAITING, ConditionalStatus.SUSPENDED):
            count = conditions.accounts.get(item.account_id, 0)
            conditions.accounts[item.account_id] = count + 1
        if item.status == ConditionalStatus.WAITING:
            arm(state, item)


def _conditional(row: list[Any], steps: list[int]) -> Conditional:
    item = Conditional(row[0], row[1], row[2])
    (
        item.label, item.status, item.trading_day, item.insert_ns, item.touched_ns, item.needs_all,
        conditions, orders, item.touched, item.time_condition, item.gtd_date, item.cancels_closes,
        item.client_tag, item.code,
    ) = row[3:]  # fmt: skip
    item.conditions = [Condition(*condition) for condition in conditions]
    item.orders = [ConditionalOrder(*order) for order in orders]
    item.touched, item.steps = list(item.touched), list(steps)
    return item
