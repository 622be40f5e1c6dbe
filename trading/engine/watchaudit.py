"""Do conditional orders and the risk watch agree with their indexes? Part of `audit.validate` (T-58)."""

from collections import Counter
from collections.abc import Iterator

from trading.engine.conditions import (
    NO_PEAK,
    Conditional,
    ConditionalStatus,
    ConditionKind,
    Half,
    SymbolIndex,
    Trail,
)
from trading.engine.state import State
from trading.engine.watchstate import RiskLevel

_WAITING = int(ConditionalStatus.WAITING)
_VALID = (_WAITING, int(ConditionalStatus.SUSPENDED))
_Place = tuple[str, int, int]
"""(instrument, "" for a time; uid; number of the condition)."""


def condition_faults(state: State) -> list[str]:
    """Conditional orders against the indexes, the counts and the queue."""
    found, wanted = Counter(_indexed(state)), Counter(_waiting(state))
    faults = [f"condition {place}: {found[place]} times in the indexes" for place in found - wanted]
    faults += [f"condition {place} waits and is in no index" for place in wanted - found]
    faults += [
        f"{symbol}: an index of conditions is out of order"
        for symbol, index in state.conditions.index.items()
        if not _is_sorted(index)
    ]
    return faults + _count_faults(state) + _queue_faults(state)


def _indexed(state: State) -> Iterator[_Place]:
    conditions = state.conditions
    for time_ns, uid, n in conditions.times:
        if time_ns > state.time_ns:
            yield "", uid, n
    for symbol, index in conditions.index.items():
        for uid, n in index.opens:
            yield symbol, uid, n
        for half in _halves(index):
            for _, uid, n in half.ladder:
                yield symbol, uid, n
            for _, entries in half.trail.groups:
                for _, uid, n in entries:
                    yield symbol, uid, n


def _waiting(state: State) -> Iterator[_Place]:
    """What must be indexed; a time that is past may have been missed for good."""
    for item in state.conditions.living.values():
        if item.status != _WAITING:
            continue
        for n, condition in enumerate(item.conditions):
            if item.touched[n]:
                continue
            if condition.kind != ConditionKind.TIME:
                yield condition.symbol, item.uid, n
            elif condition.time_ns > state.time_ns:
                yield "", item.uid, n


def _halves(index: SymbolIndex) -> Iterator[Half]:
    for pair in index.halves:
        yield from pair


def _is_sorted(index: SymbolIndex) -> bool:
    lists = [half.ladder for half in _halves(index)]
    return (
        index.opens == sorted(index.opens)
        and all(entries == sorted(entries) for entries in lists)
        and all(_is_sound(half.trail) for half in _halves(index))
    )


def _is_sound(trail: Trail) -> bool:
    """Peaks fall, distances rise within a group, the bound is what the groups say."""
    peaks = [peak for peak, _ in trail.groups]
    bounds = [peak - entries[0][0] for peak, entries in trail.groups if entries and peak != NO_PEAK]
    return (
        peaks == sorted(set(peaks), reverse=True)
        and all(entries and entries == sorted(entries) for _, entries in trail.groups)
        and trail.bound == max(bounds, default=NO_PEAK)
    )


def _count_faults(state: State) -> list[str]:
    conditions = state.conditions
    living = conditions.living.values()
    counts = Counter(item.account_id for item in living if item.status in _VALID)
    faults = [] if counts == Counter(conditions.accounts) else ["conditional orders are miscounted"]
    return faults + [
        f"conditional order {item.uid} is known otherwise by its id"
        for item in living
        if not _is_known(state, item)
    ]


def _is_known(state: State, item: Conditional) -> bool:
    ids = state.conditions.ids.get(item.account_id, {})
    return ids.get(item.order_id) == [item.uid, item.status]


def _queue_faults(state: State) -> list[str]:
    conditions = state.conditions
    due = Counter(uid for uid, _ in conditions.queue)
    faults = [
        f"order of conditional {uid} is queued, but it is over" for uid in due if uid not in conditions.living
    ]
    for item in conditions.living.values():
        if item.pending != due[item.uid] or (item.status not in _VALID and not item.pending):
            faults.append(f"conditional order {item.uid}: {item.pending} to place, {due[item.uid]} queued")
    return faults


def risk_faults(state: State) -> list[str]:
    """Levels, liquidations and hold-backs against the accounts."""
    risk, known = state.risk, state.accounts
    faults = [
        f"{account_id}: risk level {level}"
        for account_id, level in risk.levels.items()
        if account_id not in known or not RiskLevel.NORMAL < level <= RiskLevel.LIQUIDATION
    ]
    faults += [
        f"{account_id} is liquidated and held back at once or unknown"
        for account_id, task in risk.tasks.items()
        if account_id in risk.held or account_id not in known or task.account_id != account_id
    ]
    if not 0 <= risk.position <= len(risk.holders):
        faults.append(f"the round stands at {risk.position} of {len(risk.holders)} holders")
    return faults
