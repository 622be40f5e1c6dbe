"""Bodies of order requests → commands; every fault is 1008 and names its field (T-3, T-30)."""

from collections.abc import Callable
from typing import Any

from exchange_site.exceptions import ExchangeError
from trading.codec import (
    MalformedCommand,
    check_order_id,
    check_text,
    direction_from_name,
    from_towards,
    offset_from_name,
    price_type_from_name,
    time_condition_from_name,
    to_lots,
    to_units,
    volume_condition_from_name,
)
from trading.engine.codes import ACCOUNT_NOT_FOUND, ILLEGAL_ORDER_PARAMETER, INVALID_FIELD
from trading.engine.messages import ModifyOrder, PlaceOrder, PriceType, TimeCondition
from trading.engine.units import MAX_PRICE

MAX_BATCH = 500
_SUBMIT = frozenset(
    {
        "account_id", "user_id", "order_id", "instrument_id", "direction", "offset", "towards",
        "volume", "order_type", "price_type", "price", "limit_price", "time_condition",
        "volume_condition", "min_volume", "gtd_date", "hedge_flag", "client_tag",
    }
)  # fmt: skip
_MODIFY = frozenset({"account_id", "user_id", "order_id", "price", "limit_price", "volume"})


def illegal(field: str, reason: str = "") -> ExchangeError:
    """The refusal that names a field."""
    return ExchangeError(ILLEGAL_ORDER_PARAMETER, {"field": field}, {"reason": reason} if reason else None)


def _read(body: dict[str, Any], field: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(body[field])
    except (ValueError, MalformedCommand) as error:
        raise illegal(field, str(error)) from error


def _one_of(body: dict[str, Any], *fields: str) -> str:
    """The field that is given among names for the same thing; "" for none, 1008 for two."""
    given = [field for field in fields if body.get(field) is not None]
    if len(given) > 1:
        raise illegal(given[1], f"the same as {given[0]}")
    return given[0] if given else ""


def known_fields(body: dict[str, Any], allowed: frozenset[str]) -> None:
    """1008 naming the first field that means nothing here."""
    unknown = sorted(set(body) - allowed)
    if unknown:
        raise illegal(unknown[0][:64], "unknown field")


def own_user(body: dict[str, Any], user_id: str) -> None:
    """1006 for a `user_id` that is not the caller's (H-7)."""
    given = body.get("user_id")
    if given is not None and (not isinstance(given, str) or given.replace("-", "").lower() != user_id):
        raise ExchangeError(ACCOUNT_NOT_FOUND)


def text_field(body: dict[str, Any], field: str, length: int = 128) -> str:
    """A text that must be there."""
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise illegal(field, "a text is needed")
    return str(_read(body, field, lambda text: check_text(text, field, length)))


def order_id_field(body: dict[str, Any]) -> str:
    """The client's order id that must be there."""
    if body.get("order_id") is None:
        raise illegal("order_id", "a text is needed")
    return str(_read(body, "order_id", check_order_id))


def _price(field: str) -> Callable[[Any], int]:
    return lambda value: to_units(value, field, MAX_PRICE)


def _side(body: dict[str, Any]) -> tuple[int, int]:
    if body.get("towards") is not None:
        if body.get("direction") is not None or body.get("offset") is not None:
            raise illegal("towards", "the same as direction and offset")
        direction, offset = _read(body, "towards", _towards)
        return int(direction), int(offset)
    for field in ("direction", "offset"):
        if body.get(field) is None:
            raise illegal(field, "a name is needed")
    return int(_read(body, "direction", direction_from_name)), int(_read(body, "offset", offset_from_name))


def _towards(value: Any) -> Any:
    if not isinstance(value, int):
        raise ValueError(f"towards: a whole number is needed, not {type(value).__name__}")
    return from_towards(value)


def _terms(body: dict[str, Any]) -> tuple[int, int, int]:
    """(price type, limit price, time condition); ANY is IOC unless it says otherwise."""
    field = _one_of(body, "price_type", "order_type")
    kind = _read(body, field, price_type_from_name) if field else PriceType.LIMIT
    field = _one_of(body, "limit_price", "price")
    price = _read(body, field, _price(field)) if field else 0
    if kind == PriceType.LIMIT and not field:
        raise illegal("price", "a limit order needs one")
    condition = TimeCondition.IOC if kind == PriceType.ANY else TimeCondition.GFD
    if body.get("time_condition") is not None:
        condition = _read(body, "time_condition", time_condition_from_name)
    return int(kind), 0 if kind else price, int(condition)


def _lots(field: str) -> Callable[[Any], int]:
    return lambda value: to_lots(value, field)


def _day(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or len(text) != 8 or not (text.isascii() and text.isdigit()):
        raise ValueError("gtd_date: yyyymmdd is needed")
    return int(text)


def place_order(body: dict[str, Any], symbol_of: Callable[[str], str]) -> PlaceOrder:
    """The order a body asks for; 1008 names what is wrong, `symbol_of` may raise 1007."""
    known_fields(body, _SUBMIT)
    if body.get("volume") is None:
        raise illegal("volume", "a whole number is needed")
    direction, offset = _side(body)
    price_type, price, condition = _terms(body)
    optional = {field: body[field] for field in body if body[field] is not None}
    return PlaceOrder(
        text_field(body, "account_id"),
        order_id_field(body) if "order_id" in optional and body["order_id"] != "" else "",
        symbol_of(text_field(body, "instrument_id", 64)),
        direction,
        offset,
        _read(body, "volume", _lots("volume")),
        price_type,
        price,
        condition,
        int(_read(optional, "volume_condition", volume_condition_from_name))
        if "volume_condition" in optional
        else 0,
        _read(optional, "min_volume", _lots("min_volume")) if "min_volume" in optional else 0,
        _read(optional, "gtd_date", _day) if "gtd_date" in optional else 0,
        text_field(body, "hedge_flag", 16) if "hedge_flag" in optional else "SPECULATION",
        _read(optional, "client_tag", _tag) if "client_tag" in optional else "",
    )


def _tag(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("client_tag: a text is needed")
    return check_text(value, "client_tag", 64)


def modify_order(body: dict[str, Any]) -> ModifyOrder:
    """The change a body asks for: price, total volume or both (T-35)."""
    known_fields(body, _MODIFY)
    field = _one_of(body, "limit_price", "price")
    price = _read(body, field, _price(field)) if field else None
    volume = _read(body, "volume", _lots("volume")) if body.get("volume") is not None else None
    if price is None and volume is None:
        raise illegal("price", "price or volume is needed")
    return ModifyOrder(text_field(body, "account_id"), order_id_field(body), price, volume)


def items_of(body: dict[str, Any], field: str) -> list[Any]:
    """The list of a batch: 1 to 500 of them, else 9008."""
    items = body.get(field)
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH:
        raise ExchangeError(INVALID_FIELD, {"field": field}, {"reason": f"a list of 1 to {MAX_BATCH}"})
    return items
