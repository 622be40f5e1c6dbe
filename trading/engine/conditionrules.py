"""What a conditional order must satisfy to be kept, and when a condition is true (T-70).

Faults are (code, params); `params["check"]` is the number that DIFF clients know.
"""

from typing import Any

from trading.engine import codes
from trading.engine.conditions import (
    Condition,
    ConditionalOffset,
    ConditionalOrder,
    ConditionalPrice,
    ConditionKind,
    PriceSource,
    Relation,
)
from trading.engine.entities import Instrument
from trading.engine.messages import TimeCondition
from trading.engine.state import State
from trading.engine.units import MAX_LOTS, MAX_PRICE

Fault = tuple[int, dict[str, Any]]
_CONDITION_RANGES = (
    ("kind", max(ConditionKind)), ("source", max(PriceSource)), ("relation", max(Relation)),
)  # fmt: skip
_ORDER_RANGES = (
    ("direction", 1), ("offset", max(ConditionalOffset)), ("price_kind", max(ConditionalPrice)),
    ("time_condition", max(TimeCondition)),
)  # fmt: skip


def market_value(instrument: Instrument, source: int) -> int:
    """Last price, best bid or best ask; 0 when there is none."""
    if source == PriceSource.BID:
        return instrument.book.best_bid()
    if source == PriceSource.ASK:
        return instrument.book.best_ask()
    return instrument.last_price


def is_true(state: State, condition: Condition) -> bool | None:
    """Is a condition on the price true now? None when nothing can be said."""
    if condition.kind not in (ConditionKind.PRICE, ConditionKind.PRICE_RANGE):
        return None
    value = market_value(state.instruments[condition.symbol], condition.source)
    if not value:
        return None
    if condition.kind == ConditionKind.PRICE_RANGE:
        return condition.price <= value <= condition.price2
    if condition.relation == Relation.GE:
        return value >= condition.price
    if condition.relation == Relation.LE:
        return value <= condition.price
    return value > condition.price if condition.relation == Relation.G else value < condition.price


def resolve_touch(state: State, condition: Condition) -> Condition:
    """TOUCH waits from the side on which the market is now."""
    instrument = state.instruments.get(condition.symbol)
    if condition.relation != Relation.TOUCH or instrument is None:
        return condition
    value = 0
    if 0 <= condition.source <= max(PriceSource):
        value = market_value(instrument, condition.source) or instrument.mark
    relation = Relation.LE if value > condition.price else Relation.GE
    return condition._replace(relation=int(relation))


def _beyond(row: Any, ranges: tuple[tuple[str, int], ...]) -> str:
    return next((name for name, highest in ranges if not 0 <= getattr(row, name) <= highest), "")


def condition_fault(state: State, conditions: list[Condition], needs_all: bool) -> Fault | None:
    """The first fault of the conditions (501 … 506, 540)."""
    for condition in conditions:
        fault = _fault_of(state, condition, needs_all)
        if fault is not None:
            return fault
    if needs_all and all(is_true(state, condition) is True for condition in conditions):
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "conditions", "check": 540}
    return None


def _fault_of(state: State, condition: Condition, needs_all: bool) -> Fault | None:
    illegal = codes.ILLEGAL_ORDER_PARAMETER
    field = _beyond(condition, _CONDITION_RANGES)
    if field:
        return illegal, {"field": field, "check": 503}
    if condition.kind == ConditionKind.TIME:
        if condition.time_ns <= (0 if needs_all else state.time_ns):
            return illegal, {"field": "time", "check": 502}
        return None
    instrument = state.instruments.get(condition.symbol)
    if instrument is None:
        return codes.INSTRUMENT_NOT_FOUND, {"symbol": condition.symbol, "check": 501}
    if condition.kind == ConditionKind.MARKET_OPEN:
        return None
    if not 0 < condition.price <= MAX_PRICE:
        return illegal, {"field": "price", "check": _PRICE_CHECK.get(condition.kind, 503)}
    if condition.kind == ConditionKind.PRICE_RANGE:
        if not condition.price <= condition.price2 <= MAX_PRICE:
            return illegal, {"field": "price2", "check": 505}
    if not needs_all and is_true(state, condition) is True:
        value = market_value(instrument, condition.source)
        return illegal, {"field": "price", "price": value, "check": 504}
    return None


_PRICE_CHECK = {int(ConditionKind.PRICE_RANGE): 505, int(ConditionKind.BREAK_EVEN): 506}


def orders_fault(state: State, orders: list[ConditionalOrder]) -> Fault | None:
    """The first fault of what would be placed (507 … 509)."""
    for order in orders:
        fault = _order_fault(state, order)
        if fault is not None:
            return fault
    return None


def _order_fault(state: State, order: ConditionalOrder) -> Fault | None:
    instrument = state.instruments.get(order.symbol)
    if instrument is None:
        return codes.INSTRUMENT_NOT_FOUND, {"symbol": order.symbol, "check": 507}
    field = _beyond(order, _ORDER_RANGES)
    if field:
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": field, "check": 508}
    whole = order.close_all or order.offset == ConditionalOffset.REVERSE
    if not whole and not 0 < order.volume <= MAX_LOTS:
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "volume", "check": 508}
    if order.price_kind != ConditionalPrice.LIMIT:
        return None
    if not 0 < order.limit_price <= MAX_PRICE:
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "limit_price", "check": 509}
    if order.limit_price % instrument.price_tick:
        return codes.PRICE_OFF_TICK, {"tick": instrument.price_tick, "check": 509}
    return None
