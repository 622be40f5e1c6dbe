"""JSON, Decimal and wire forms of the core's messages; all rounding happens here (T-1, T-3).

The wire form of a command is the msgpack array of its fields, that of a batch of events
the msgpack array of the events. Bounds are A-23a's: what passes here fits 63 bits, and its
text can stand in PostgreSQL, JSON and XML.
"""

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec

from trading.engine.messages import (
    COMMANDS,
    Direction,
    InstrumentRow,
    Offset,
    PriceType,
    ProductRow,
    Rates,
    TimeCondition,
    VolumeCondition,
)
from trading.engine.units import MAX_LOTS, MAX_MONEY, MAX_PRICE, SCALE

TEXT_LENGTH = 256
ORDER_ID = re.compile(r"[A-Za-z0-9_.:#@|+=~-]{1,128}")
"""Client order ids (T-30)."""

_INT63 = 2**63 - 1
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?")
_TOLERANCE = Decimal("1e-7")
_UNIT = Decimal(1) / SCALE


class MalformedCommand(ValueError):
    """Not a command this version knows, or a field outside its bounds (5003)."""


# ---------------------------------------------------------------- wire: commands

_Money = Annotated[int, msgspec.Meta(ge=-MAX_MONEY, le=MAX_MONEY)]
_Price = Annotated[int, msgspec.Meta(ge=-MAX_PRICE, le=MAX_PRICE)]
_Lots = Annotated[int, msgspec.Meta(ge=-MAX_LOTS, le=MAX_LOTS)]
_Int = Annotated[int, msgspec.Meta(ge=-_INT63, le=_INT63)]
_Text = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH)]
_OrderId = Annotated[str, msgspec.Meta(max_length=128)]

_BOUNDED: dict[str, Any] = {
    "amount": _Money,
    "init_cash": _Money,
    "limit_price": _Price,
    "volume": _Lots,
    "min_volume": _Lots,
    "order_id": _OrderId,
}
_BY_TYPE: dict[Any, Any] = {
    int: _Int,
    str: _Text,
    dict[str, int]: dict[_Text, _Int],
    list[int]: list[_Int],
}


def _bounded(name: str, kind: Any) -> Any:
    bounded = _BOUNDED.get(name) or _BY_TYPE.get(kind, kind)
    return bounded | None if kind == int | None and name in _BOUNDED else bounded


def _decoder(command_class: type[Any]) -> "msgspec.msgpack.Decoder[Any]":
    """A decoder to the class itself with the bounds on its fields.

    msgspec keeps what it learns about a class on the class, so the annotations are
    replaced only while it looks at them.
    """
    plain = command_class.__annotations__
    hints = get_type_hints(command_class)
    command_class.__annotations__ = {name: _bounded(name, kind) for name, kind in hints.items()}
    try:
        return msgspec.msgpack.Decoder(command_class)
    finally:
        command_class.__annotations__ = plain


_VERSIONS = {command_class: key for key, command_class in COMMANDS.items()}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_ROWS: dict[str, tuple[str, Any]] = {
    "SetProduct": ("row", ProductRow),
    "CreateInstrument": ("row", InstrumentRow),
    "SetRates": ("rates", Rates),
}


def encode_command(command: Any) -> tuple[str, int, bytes]:
    """(type, version, payload) of a command; MalformedCommand names what is out of bounds."""
    key = _VERSIONS.get(type(command))
    if key is None:
        raise MalformedCommand(f"{type(command).__name__} is not a command")
    try:
        payload = _encode(command)
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedCommand(f"{key[0]}: {error}") from error
    decode_command(*key, payload)
    return key[0], key[1], payload


def decode_command(kind: str, version: int, payload: bytes) -> Any:
    """The command of a log entry; MalformedCommand when it is none (A-23a)."""
    decode = COMMAND_DECODERS.get((kind, version))
    if decode is None:
        raise MalformedCommand(f"unknown command {kind[:64]!r} version {version}")
    return decode(payload)


def _checked(kind: str, version: int) -> Callable[[bytes], Any]:
    """The decoder of one type: shape and bounds by msgspec, then its text."""
    decode = _decoder(COMMANDS[kind, version]).decode
    check = _CHECKS.get(kind)

    def decode_checked(payload: bytes) -> Any:
        try:
            command = decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedCommand(_explain(kind, version, error)) from error
        if check is None:
            _check_cold(kind, command)
        else:
            check(kind, command)
        return command

    return decode_checked


def _explain(kind: str, version: int, error: Exception) -> str:
    """msgspec's text with the field's name for its position."""
    fields = COMMANDS[kind, version]._fields

    def name(match: re.Match[str]) -> str:
        return f"{fields[int(match[1])]}{match[2]}"

    return f"{kind}: " + re.sub(r"`\$\[(\d+)\](.*)`", name, str(error))


def _check_order(kind: str, c: Any) -> None:
    """The text of the commonest command, in one look at the joined fields."""
    text = f"{c.account_id}{c.order_id}{c.symbol}{c.hedge_flag}{c.client_tag}"
    if not text.isprintable():
        check_text(text, kind)


def _check_cancel(kind: str, command: Any) -> None:
    text = f"{command.account_id}{command.order_id}"
    if not text.isprintable():
        check_text(text, kind)


def _check_nothing(_: str, __: Any) -> None:
    """A Tick has no fields."""


def _check_cold(kind: str, command: Any) -> None:
    _check_value(list(command), kind)
    if kind in _ROWS:
        field, row_class = _ROWS[kind]
        try:
            msgspec.convert(getattr(command, field), row_class)
        except msgspec.ValidationError as error:
            raise MalformedCommand(f"{kind}.{field}: {error}") from error


def _check_value(value: Any, where: str) -> None:
    if isinstance(value, str):
        check_text(value, where)
    elif isinstance(value, int):
        if not -_INT63 <= value <= _INT63:
            raise MalformedCommand(f"{where}: {value} is beyond 63 bits")
    elif isinstance(value, list | tuple):
        for item in value:
            _check_value(item, where)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_value(key, where)
            _check_value(item, f"{where}.{key}")
    elif value is not None:
        raise MalformedCommand(f"{where}: {type(value).__name__} has no place in a command")


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "PlaceOrder": _check_order,
    "CancelOrder": _check_cancel,
    "Tick": _check_nothing,
}
"""Types whose text is looked at at once; all others field by field."""

COMMAND_DECODERS: dict[tuple[str, int], Callable[[bytes], Any]] = {key: _checked(*key) for key in COMMANDS}
"""(type, version) → decoder of the payload; raises MalformedCommand."""


def check_text(text: str, what: str, length: int = 4_096) -> str:
    """The text, or MalformedCommand for control characters, surrogates or too much of it."""
    if len(text) > length:
        raise MalformedCommand(f"{what}: longer than {length} characters")
    found = _CONTROL.search(text)
    if found:
        raise MalformedCommand(f"{what}: character U+{ord(found[0]):04X} is not allowed")
    return text


# ------------------------------------------------------------------ wire: events


def encode_events(events: list[list[Any]]) -> bytes:
    """Events of a batch as they stand in the event stream (A-41)."""
    return _encode(events)


def decode_events(data: bytes) -> list[list[Any]]:
    """Inverse of `encode_events`; ValueError for other data."""
    events: list[list[Any]] = _decode(data)
    return events


# ------------------------------------------------------------------------- edge


def to_units(value: Decimal | str | int | float, what: str = "value", maximum: int = MAX_MONEY) -> int:
    """Yuan as 1/10 000 yuan (T-3); ValueError names what is not such an amount.

    Strings and Decimals are exact; a float within 10^-7 yuan of a multiple is that
    multiple; bool, NaN, infinities and amounts beyond ``maximum`` (units) are refused.
    """
    number = _to_decimal(value, what)
    if abs(number) * SCALE > maximum:
        raise ValueError(f"{what}: {value} is beyond {maximum // SCALE} yuan")
    units = int((number * SCALE).to_integral_value())
    difference = abs(number - units * _UNIT)
    if difference > (_TOLERANCE if isinstance(value, float) else 0):
        raise ValueError(f"{what}: {value} is not a multiple of 0.0001")
    return units


def _to_decimal(value: Decimal | str | int | float, what: str) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(f"{what}: a number is needed, not {value}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{what}: {value} is not a finite number")
        return Decimal(repr(value))
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise ValueError(f"{what}: {value[:40]!r} is not a decimal number")
        return Decimal(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > 20:
            raise ValueError(f"{what}: {value} is not a finite amount")
        return value
    if isinstance(value, int):
        if abs(value) > 10**20:
            raise ValueError(f"{what}: the number is too large")
        return Decimal(value)
    raise ValueError(f"{what}: a number is needed, not {type(value).__name__}")


def to_lots(value: int | float | str | Decimal, what: str = "volume") -> int:
    """A whole number of lots of at most 10^6 (T-3); ValueError otherwise."""
    number = _to_decimal(value, what)
    if number != number.to_integral_value():
        raise ValueError(f"{what}: {value} is not a whole number")
    if abs(number) > MAX_LOTS:
        raise ValueError(f"{what}: {value} is beyond {MAX_LOTS} lots")
    return int(number)


def to_decimal(units: int) -> Decimal:
    """1/10 000 yuan as yuan, exactly, with four places."""
    return Decimal(units).scaleb(-4)


def to_number(units: int) -> float:
    """1/10 000 yuan as the nearest JSON number."""
    return units / SCALE


def check_order_id(text: str) -> str:
    """A client's order id as it came (T-30); ValueError when it breaks the pattern."""
    if not isinstance(text, str) or not ORDER_ID.fullmatch(text):
        raise ValueError("order_id: 1 to 128 of A-Z a-z 0-9 _ . : # @ | + = ~ -")
    return text


# ------------------------------------------------------------------------ enums

_Kind = TypeVar("_Kind", bound=IntEnum)
_ALIASES = {"MARKET": "ANY", "CLOSETD": "CLOSETODAY", "CLOSEYD": "CLOSEYESTERDAY"}


def enum_from_name(kind: type[_Kind], name: str) -> _Kind:
    """A member by its name in any case, with or without underscores (D-5); else ValueError."""
    if not isinstance(name, str):
        raise ValueError(f"{kind.__name__}: a name is needed, not {name!r}")
    plain = name.strip().upper().replace("_", "")
    members = kind.__members__
    member = members.get(plain, members.get(_ALIASES.get(plain, "")))
    if member is None:
        raise ValueError(f"{kind.__name__}: {name[:40]!r} is none of {', '.join(names(kind))}")
    return member


def names(kind: type[IntEnum]) -> Iterator[str]:
    """The names of an enum in order."""
    return iter(kind.__members__)


def direction_from_name(name: str) -> Direction:
    return enum_from_name(Direction, name)


def offset_from_name(name: str) -> Offset:
    return enum_from_name(Offset, name)


def price_type_from_name(name: str) -> PriceType:
    """LIMIT, ANY (also MARKET), BEST, FIVELEVEL."""
    return enum_from_name(PriceType, name)


def time_condition_from_name(name: str) -> TimeCondition:
    return enum_from_name(TimeCondition, name)


def volume_condition_from_name(name: str) -> VolumeCondition:
    return enum_from_name(VolumeCondition, name)


def name_of(kind: type[IntEnum], value: int) -> str:
    """The name of a value; ValueError for one outside the enum."""
    return kind(value).name


# --------------------------------------------------------------- QIFI `towards`

_TOWARDS = {
    1: (Direction.BUY, Offset.OPEN),
    2: (Direction.BUY, Offset.OPEN),
    -2: (Direction.SELL, Offset.OPEN),
    3: (Direction.BUY, Offset.CLOSE),
    -3: (Direction.SELL, Offset.CLOSE),
    -1: (Direction.SELL, Offset.CLOSEYESTERDAY),
    4: (Direction.BUY, Offset.CLOSETODAY),
    -4: (Direction.SELL, Offset.CLOSETODAY),
}
_FROM_TOWARDS = {pair: number for number, pair in reversed(_TOWARDS.items())}
_FROM_TOWARDS[Direction.BUY, Offset.CLOSEYESTERDAY] = 3


def from_towards(towards: int) -> tuple[Direction, Offset]:
    """Direction and offset of QIFI's ``towards`` (T-37); ValueError for other numbers."""
    pair = None if isinstance(towards, bool) else _TOWARDS.get(towards)
    if pair is None:
        raise ValueError(f"towards: {towards!r} is none of {sorted(_TOWARDS)}")
    return pair


def to_towards(direction: int, offset: int) -> int:
    """QIFI's ``towards``; a short's history lots have no number of their own and give 3."""
    return _FROM_TOWARDS[Direction(direction), Offset(offset)]
