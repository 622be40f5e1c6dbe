"""Bodies of conditional orders → commands; every fault is 1008 and names its field (T-70)."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from trading.codec import MalformedCommand, check_order_id, direction_from_name, to_lots, to_units
from trading.engine.conditions import (
    Condition,
    ConditionalOffset,
    ConditionalOrder,
    ConditionalPrice,
    ConditionKind,
    PriceSource,
    Relation,
)
from trading.engine.messages import Direction, PlaceConditional, TimeCondition
from trading.engine.units import MAX_PRICE, NS_PER_MS
from trading.order_input import illegal, known_fields, text_field

KINDS = (
    "STOP_LOSS", "TAKE_PROFIT", "TOUCH", "TRAILING", "OCO", "TIME", "MARKET_OPEN", "PRICE_RANGE",
    "BREAK_EVEN",
)  # fmt: skip
GOOD_FOR = ("GFD", "GTD", "GTC")
FIELDS = frozenset(
    {
        "account_id", "user_id", "order_id", "kind", "instrument_id", "direction", "offset", "volume",
        "close_all", "price_source", "trigger_price", "trigger_price2", "distance", "time",
        "order_type", "price", "time_condition", "gtd_date", "client_tag",
    }
)  # fmt: skip
_MAX_MS = 253_402_300_799_000  # the last moment of the year 9999
_PRICES: dict[str, tuple[str, ...]] = {
    "TRAILING": ("distance",), "OCO": ("trigger_price", "trigger_price2"), "TIME": (),
    "MARKET_OPEN": (), "PRICE_RANGE": ("trigger_price", "trigger_price2"),
}  # fmt: skip


def place_conditional(body: dict[str, Any], symbol_of: Callable[[str], str]) -> PlaceConditional:
    """The conditional order a body asks for; 1008 names what is wrong, `symbol_of` may raise 1007."""
    known_fields(body, FIELDS)
    given = {name: value for name, value in body.items() if value is not None}
    kind = _name(given, "kind", KINDS)
    symbol = symbol_of(text_field(given, "instrument_id", 64))
    direction = int(_read(given, "direction", direction_from_name))
    good_for = TimeCondition[_name(given, "time_condition", GOOD_FOR, "GFD")]
    return PlaceConditional(
        text_field(given, "account_id"),
        str(_read(given, "order_id", check_order_id)) if given.get("order_id", "") != "" else "",
        kind,
        [list(condition) for condition in _conditions(given, kind, symbol, direction)],
        [list(_order(given, symbol, direction))],
        False,
        int(good_for),
        _whole(given, "gtd_date", 99991231) if good_for == TimeCondition.GTD else 0,
        client_tag=text_field(given, "client_tag", 64) if given.get("client_tag", "") != "" else "",
    )


def _read(body: dict[str, Any], field: str, read: Callable[[Any], Any]) -> Any:
    if field not in body:
        raise illegal(field, "is needed")
    try:
        return read(body[field])
    except (ValueError, MalformedCommand) as error:
        raise illegal(field, str(error)) from error


def _name(body: dict[str, Any], field: str, names: tuple[str, ...], default: str = "") -> str:
    value = body.get(field, default)
    found = value.upper() if isinstance(value, str) else ""
    if found not in names:
        raise illegal(field, f"one of {', '.join(names)}")
    return found


def _member(body: dict[str, Any], field: str, kind: type[IntEnum], default: str) -> int:
    return int(kind[_name(body, field, tuple(kind.__members__), default)])


def _whole(body: dict[str, Any], field: str, most: int) -> int:
    value = body.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise illegal(field, "a whole number is needed")
    return value


def _price(body: dict[str, Any], field: str) -> int:
    return int(_read(body, field, lambda value: to_units(value, field, MAX_PRICE)))


def _conditions(body: dict[str, Any], kind: str, symbol: str, direction: int) -> list[Condition]:
    """The conditions of a kind: a sell stops below the market and takes its profit above it."""
    source = _member(body, "price_source", PriceSource, "LAST")
    prices = [_price(body, field) for field in _PRICES.get(kind, ("trigger_price",))]
    below, above = int(Relation.LE), int(Relation.GE)
    if direction == Direction.BUY:
        below, above = above, below
    if kind == "TIME":
        return [Condition(ConditionKind.TIME, symbol, time_ns=_whole(body, "time", _MAX_MS) * NS_PER_MS)]
    if kind == "MARKET_OPEN":
        return [Condition(ConditionKind.MARKET_OPEN, symbol)]
    if kind == "OCO":
        stop, profit = prices
        sides = ((below, stop), (above, profit))
        return [Condition(ConditionKind.PRICE, symbol, source, way, price) for way, price in sides]
    if kind == "PRICE_RANGE":
        return [Condition(ConditionKind.PRICE_RANGE, symbol, source, 0, *prices)]
    shapes = {
        "STOP_LOSS": (ConditionKind.PRICE, below), "TAKE_PROFIT": (ConditionKind.PRICE, above),
        "TOUCH": (ConditionKind.PRICE, int(Relation.TOUCH)),
        "TRAILING": (ConditionKind.TRAILING, below), "BREAK_EVEN": (ConditionKind.BREAK_EVEN, above),
    }  # fmt: skip
    shape, relation = shapes[kind]
    return [Condition(shape, symbol, source, relation, prices[0])]


def _order(body: dict[str, Any], symbol: str, direction: int) -> ConditionalOrder:
    """What is placed when it triggers: at the market unless an `order_type` says otherwise."""
    offset = _member(body, "offset", ConditionalOffset, "")
    price_kind = _member(body, "order_type", ConditionalPrice, "MARKET")
    close_all = body.get("close_all", False)
    if not isinstance(close_all, bool):
        raise illegal("close_all", "true or false")
    if close_all and offset == ConditionalOffset.OPEN:
        raise illegal("close_all", "an opening order closes nothing")
    whole = close_all or offset == ConditionalOffset.REVERSE
    volume = 0 if whole else int(_read(body, "volume", to_lots))
    price = _price(body, "price") if price_kind == ConditionalPrice.LIMIT else 0
    return ConditionalOrder(symbol, direction, offset, volume, close_all, price_kind, price)
