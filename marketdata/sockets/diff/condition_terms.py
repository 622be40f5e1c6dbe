"""Condition orders as DIFF clients write them ⇄ the core's rows (D-34, T-70).

A fault carries in `params["check"]` the number that clients know, as the core's own do.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from exchange_site.exceptions import ExchangeError
from marketdata.sockets.diff.condition_messages import (
    Amount,
    ConditionIn,
    ConditionOrderIn,
    InsertConditionOrder,
)
from trading.choices import TIME_CONDITION
from trading.codec import direction_from_name, to_lots, to_number, to_units
from trading.engine.codes import ILLEGAL_ORDER_PARAMETER
from trading.engine.conditions import (
    Condition,
    ConditionalOffset,
    ConditionalOrder,
    ConditionalPrice,
    ConditionalStatus,
    ConditionKind,
    PriceSource,
    Relation,
)
from trading.engine.messages import ConditionalRow, Direction, PlaceConditional, TimeCondition
from trading.engine.units import MAX_PRICE, NS_PER_SECOND

LABEL = "DIFF"
BAD_PRICE, BAD_TIME, BAD_RANGE, BAD_BREAK_EVEN = 503, 502, 505, 506
BAD_VOLUME, BAD_LIMIT, BAD_DATE = 508, 509, 510
_LAST_SECOND = 253_402_300_799  # of the year 9999
STATUS = {
    ConditionalStatus.WAITING: "live", ConditionalStatus.SUSPENDED: "suspend",
    ConditionalStatus.TRIGGERED: "touched", ConditionalStatus.CANCELLED: "cancel",
    ConditionalStatus.EXPIRED: "discard", ConditionalStatus.FAILED: "touched",
}  # fmt: skip
_GOOD_FOR = {name: int(TimeCondition[name]) for name in ("GFD", "GTD", "GTC")}
_FALLING = (Relation.LE, Relation.L)
_SymbolOf = Callable[[str], str]


def fault(field: str, check: int) -> ExchangeError:
    """1008 for a field, with the number clients know."""
    return ExchangeError(ILLEGAL_ORDER_PARAMETER, {"field": field, "check": check})


def command_of(
    message: InsertConditionOrder, account_id: str, client_tag: str, symbol_of: _SymbolOf
) -> PlaceConditional:
    """The command a message asks for; 1008 names the field that is wrong."""
    logic = message.conditions_logic_operator or "OR"
    if logic not in ("AND", "OR"):
        raise fault("conditions_logic_operator", BAD_PRICE)
    good_for = message.time_condition_type or "GFD"
    if good_for not in _GOOD_FOR:
        raise fault("time_condition_type", BAD_DATE)
    return PlaceConditional(
        account_id,
        message.order_id,
        LABEL,
        [list(_condition(one, symbol_of)) for one in message.condition_list],
        [list(_order(one, symbol_of)) for one in message.order_list],
        logic == "AND",
        _GOOD_FOR[good_for],
        message.gtd_date if good_for == "GTD" else 0,
        message.is_cancel_origin_close_order,
        client_tag,
    )


def _symbol(one: ConditionIn | ConditionOrderIn, symbol_of: _SymbolOf) -> str:
    if "." in one.instrument_id or not one.exchange_id:
        return symbol_of(one.instrument_id)
    return f"{one.exchange_id}.{one.instrument_id}"


def _price(value: Amount | None, field: str, check: int) -> int:
    try:
        units = to_units(value if value is not None else "", field, MAX_PRICE)
    except ValueError as error:
        raise fault(field, check) from error
    if units <= 0:
        raise fault(field, check)
    return units


def _member(kind: type[IntEnum], name: str, field: str, check: int) -> int:
    if name not in kind.__members__:
        raise fault(field, check)
    return int(kind[name])


def _condition(one: ConditionIn, symbol_of: _SymbolOf) -> Condition:
    make = _CONDITIONS.get(one.contingent_type)
    if make is None:
        raise fault("contingent_type", BAD_PRICE)
    return make(
        one, _symbol(one, symbol_of), _member(PriceSource, one.price_source, "price_source", BAD_PRICE)
    )


def _time(one: ConditionIn, symbol: str, source: int) -> Condition:
    """At a second of UTC; before 10 000 A.D."""
    try:
        ns = to_units(one.contingent_time, "contingent_time", _LAST_SECOND * 10_000) * (
            NS_PER_SECOND // 10_000
        )
    except ValueError as error:
        raise fault("contingent_time", BAD_TIME) from error
    return Condition(ConditionKind.TIME, symbol, time_ns=ns)


def _market_open(one: ConditionIn, symbol: str, source: int) -> Condition:
    return Condition(ConditionKind.MARKET_OPEN, symbol)


def _threshold(one: ConditionIn, symbol: str, source: int) -> Condition:
    relation = _member(Relation, one.price_relation, "price_relation", BAD_PRICE)
    price = _price(one.contingent_price, "contingent_price", BAD_PRICE)
    return Condition(ConditionKind.PRICE, symbol, source, relation, price)


def _trailing(one: ConditionIn, symbol: str, source: int) -> Condition:
    """`contingent_price` is the distance: L and LE below the peak, G and GE above the low."""
    return _threshold(one, symbol, source)._replace(kind=ConditionKind.TRAILING)


def _range(one: ConditionIn, symbol: str, source: int) -> Condition:
    left = _price(one.contingent_price_range_left, "contingent_price_range_left", BAD_RANGE)
    right = _price(one.contingent_price_range_right, "contingent_price_range_right", BAD_RANGE)
    return Condition(ConditionKind.PRICE_RANGE, symbol, source, 0, left, right)


def _break_even(one: ConditionIn, symbol: str, source: int) -> Condition:
    """BUY guards a long position: above the price first, then back at it."""
    direction = _member(Direction, one.break_even_direction, "break_even_direction", BAD_BREAK_EVEN)
    relation = Relation.GE if direction == Direction.BUY else Relation.LE
    price = _price(one.break_even_price, "break_even_price", BAD_BREAK_EVEN)
    return Condition(ConditionKind.BREAK_EVEN, symbol, source, relation, price)


_CONDITIONS: dict[str, Callable[[ConditionIn, str, int], Condition]] = {
    "time": _time, "market_open": _market_open, "price": _threshold, "price_range": _range,
    "break_even": _break_even, "trailing": _trailing,
}  # fmt: skip


def _order(one: ConditionOrderIn, symbol_of: _SymbolOf) -> ConditionalOrder:
    offset = _member(ConditionalOffset, one.offset, "offset", BAD_VOLUME)
    price_kind = _member(ConditionalPrice, one.price_type, "price_type", BAD_LIMIT)
    if one.volume_type not in ("NUM", "CLOSE_ALL"):
        raise fault("volume_type", BAD_VOLUME)
    is_all = one.volume_type == "CLOSE_ALL" and offset != ConditionalOffset.REVERSE
    if is_all and offset == ConditionalOffset.OPEN:
        raise fault("volume_type", BAD_VOLUME)
    is_whole = is_all or offset == ConditionalOffset.REVERSE
    limit = _price(one.limit_price, "limit_price", BAD_LIMIT) if price_kind == ConditionalPrice.LIMIT else 0
    try:
        volume = 0 if is_whole else to_lots(one.volume)
        direction = direction_from_name(one.direction)
    except ValueError as error:
        raise fault("volume" if "volume" in str(error) else "direction", BAD_VOLUME) from error
    return ConditionalOrder(
        _symbol(one, symbol_of), direction, offset, volume, is_all, price_kind, limit, one.close_today_prior
    )


# ----------------------------------------------------------------- as clients see it


def shown(row: ConditionalRow, user_id: str) -> dict[str, Any]:
    """A condition order as `rtn_condition_orders` carries it."""
    logic = "AND" if row.needs_all else "OR"
    conditions = [Condition(*values) for values in row.conditions]
    return {
        "user_id": user_id,
        "order_id": row.order_id,
        "trading_day": row.trading_day,
        "insert_date_time": row.insert_time_ns // NS_PER_SECOND,
        "condition_list": [
            _shown_condition(one, bool(done)) for one, done in zip(conditions, row.touched, strict=True)
        ],
        "conditions_logic_oper": logic,
        "conditions_logic_operator": logic,
        "order_list": [_shown_order(ConditionalOrder(*values)) for values in row.orders],
        "time_condition_type": TIME_CONDITION[row.time_condition],
        "GTD_date": row.gtd_date,
        "is_cancel_ori_close_order": bool(row.cancels_closes),
        "is_cancel_origin_close_order": bool(row.cancels_closes),
        "status": STATUS[ConditionalStatus(row.status)],
        "touched_time": row.touched_time_ns // NS_PER_SECOND,
        "label": row.label,
        "error_code": row.code,
    }


_NAMES = {
    ConditionKind.PRICE: "price", ConditionKind.TRAILING: "trailing", ConditionKind.TIME: "time",
    ConditionKind.MARKET_OPEN: "market_open", ConditionKind.PRICE_RANGE: "price_range",
    ConditionKind.BREAK_EVEN: "break_even",
}  # fmt: skip


def _shown_condition(one: Condition, is_touched: bool) -> dict[str, Any]:
    exchange_id, _, instrument_id = one.symbol.partition(".")
    price, is_range = to_number(one.price), one.kind == ConditionKind.PRICE_RANGE
    is_even = one.kind == ConditionKind.BREAK_EVEN
    has_price = one.kind in (ConditionKind.PRICE, ConditionKind.TRAILING)
    return {
        "contingent_type": _NAMES[ConditionKind(one.kind)],
        "exchange_id": exchange_id,
        "instrument_id": instrument_id,
        "contingent_time": one.time_ns // NS_PER_SECOND,
        "contingent_price": price if has_price else 0,
        "price_relation": Relation(one.relation).name if has_price else "",
        "contingent_price_range_left": price if is_range else 0,
        "contingent_price_range_right": to_number(one.price2) if is_range else 0,
        "break_even_price": price if is_even else 0,
        "break_even_direction": ("SELL" if one.relation in _FALLING else "BUY") if is_even else "",
        "price_source": PriceSource(one.source).name,
        "is_touched": is_touched,
    }


def _shown_order(one: ConditionalOrder) -> dict[str, Any]:
    exchange_id, _, instrument_id = one.symbol.partition(".")
    return {
        "exchange_id": exchange_id,
        "instrument_id": instrument_id,
        "direction": Direction(one.direction).name,
        "offset": ConditionalOffset(one.offset).name,
        "close_today_prior": bool(one.close_today_first),
        "volume_type": "CLOSE_ALL" if one.close_all else "NUM",
        "volume": one.volume,
        "price_type": ConditionalPrice(one.price_kind).name,
        "limit_price": to_number(one.limit_price),
    }
