"""Instruments as CSV: every bad line named, nothing half applied (T-14).

Prices and fees are yuan, ratios decimals, days yyyymmdd; an empty rate inherits the
product's. A line of a known symbol changes it, another creates it.
"""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import F

from trading.calendar import from_int
from trading.choices import SELF_TRADE_MODE
from trading.contracts import exact
from trading.engine.messages import (
    CreateInstrument,
    InstrumentRow,
    SetRates,
    UpdateInstrument,
)
from trading.engine.units import NS_PER_SECOND, PPB, PPM, SCALE
from trading.models import Instrument, Order, Position, Product, SessionTemplate

RATES = {
    "margin_long": ("margin_long_ppm", PPM),
    "margin_short": ("margin_short_ppm", PPM),
    "open_fee_ratio": ("open_ratio_ppb", PPB),
    "open_fee_per_lot": ("open_per_lot", SCALE),
    "close_fee_ratio": ("close_ratio_ppb", PPB),
    "close_fee_per_lot": ("close_per_lot", SCALE),
    "close_today_fee_ratio": ("close_today_ratio_ppb", PPB),
    "close_today_fee_per_lot": ("close_today_per_lot", SCALE),
}
FIXED = ("exchange_id", "instrument_id", "product_id", "instrument_class")
FIXED_WHEN_USED = ("volume_multiple", "price_tick")
SELF_TRADE = {text: number for number, text in SELF_TRADE_MODE.items()}


class Column(NamedTuple):
    """A column of the file: the field it stands for, how it is read and shown."""

    field: str
    read: Callable[[str], Any]
    show: Callable[[Any], str] = str


def _scaled(field: str, scale: int, least: int = 0) -> Column:
    def read(text: str) -> int:
        value = exact(text, scale)
        if value < least:
            raise ValueError(f"{text!r} is too small")
        return value

    return Column(field, read, lambda value: _plain(Decimal(value) / scale))


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _money(field: str, least: int = 0) -> Column:
    return _scaled(field, SCALE, least)._replace(show=lambda value: _plain(Decimal(value)))


def _day(text: str) -> int:
    day = int(text or 0)
    if day:
        from_int(day)
    return day


def _mode(text: str) -> int:
    if text not in SELF_TRADE:
        raise ValueError(f"{text!r} is none of {', '.join(SELF_TRADE)}")
    return SELF_TRADE[text]


COLUMNS: dict[str, Column] = {
    "exchange_id": Column("exchange_id", str),
    "instrument_id": Column("instrument_id", str),
    "product_id": Column("product_id", str),
    "name_zh": Column("name_zh", str),
    "name_en": Column("name_en", str),
    "instrument_class": Column("instrument_class", str),
    "volume_multiple": _scaled("volume_multiple", 1, 1),
    "price_tick": _money("price_tick", 1),
    "session_template": Column("session_template", str),
    "limit_up": _scaled("limit_up_ppm", PPM, 1),
    "limit_down": _scaled("limit_down_ppm", PPM, 1),
    "min_limit_volume": _scaled("min_limit_volume", 1),
    "max_limit_volume": _scaled("max_limit_volume", 1),
    "min_market_volume": _scaled("min_market_volume", 1),
    "max_market_volume": _scaled("max_market_volume", 1),
    "position_limit": _scaled("position_limit", 1),
    "list_date": Column("list_date", _day),
    "expire_date": Column("expire_date", _day),
    "listing_price": _money("listing_price"),
    "self_trade_mode": Column("self_trade_mode", _mode),
    "breaker_move": _scaled("breaker_move_ppm", PPM),
    "breaker_window_s": _scaled("breaker_window_ns", NS_PER_SECOND),
    "breaker_auction_s": _scaled("breaker_auction_ns", NS_PER_SECOND),
}
HEADER = [*COLUMNS, *RATES]


class BadFile(Exception):
    """Lines that cannot be applied, one text each; nothing was sent."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def export_csv(venue: str) -> str:
    """All instruments of a venue as CSV text."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(HEADER)
    for row in Instrument.objects.filter(venue__code=venue).order_by("symbol"):
        writer.writerow(_shown(row))
    return output.getvalue()


def _shown(row: Instrument) -> list[str]:
    values = [column.show(getattr(row, column.field)) for column in COLUMNS.values()]
    for field, scale in RATES.values():
        value = getattr(row, field)
        unit = 1 if scale == SCALE else scale  # money is in yuan already
        values.append("" if value is None else _plain(Decimal(value) / unit))
    return values


def parse_csv(venue: str, text: str) -> list[Any]:
    """The commands that bring a venue's instruments to a file's; raises BadFile."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    missing = [name for name in HEADER if name not in (reader.fieldnames or [])]
    if missing:
        raise BadFile([f"missing columns: {', '.join(missing)}"])
    known = _Known(venue)
    commands: list[Any] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for line in reader:
        try:
            symbol = f"{line['exchange_id']}.{line['instrument_id']}"
            if symbol in seen:
                raise ValueError(f"{symbol} is already on line {seen[symbol]}")
            seen[symbol] = reader.line_num
            commands.extend(_commands(line, known))
        except ValueError as error:
            faults.append(f"line {reader.line_num}: {error}")
    if faults:
        raise BadFile(faults)
    return commands


class _Known:
    """What the tables say about a venue, read once for a file."""

    def __init__(self, venue: str) -> None:
        mine = {"venue__code": venue}
        self.instruments = {row.symbol: row for row in Instrument.objects.filter(**mine)}
        products = Product.objects.filter(**mine)
        self.products = set(products.values_list("exchange_id", "product_id"))
        templates = SessionTemplate.objects.filter(**mine)
        self.templates = set(templates.values_list("name", flat=True))
        lots = F("long_today") + F("long_his") + F("short_today") + F("short_his")
        held = Position.objects.filter(**mine).alias(lots=lots).filter(lots__gt=0)
        self.used = set(held.values_list("symbol", flat=True))
        working = Order.objects.filter(**mine, status__in=["Submitted", "PartiallyFilled"])
        self.used |= set(working.values_list("symbol", flat=True))


def _commands(line: dict[str, str], known: _Known) -> list[Any]:
    fields = {column.field: _read(name, column, line) for name, column in COLUMNS.items()}
    rates = [_rate(name, line[name], scale) if line[name] else None for name, (_, scale) in RATES.items()]
    symbol = f"{fields['exchange_id']}.{fields['instrument_id']}"
    if (fields["exchange_id"], fields["product_id"]) not in known.products:
        raise ValueError(f"product_id: no product {fields['exchange_id']}.{fields['product_id']}")
    if fields["session_template"] not in known.templates:
        raise ValueError(f"session_template: no template {fields['session_template']}")
    if fields["listing_price"] % fields["price_tick"]:
        raise ValueError("listing_price: not a multiple of price_tick")
    old = known.instruments.get(symbol)
    if old is not None:
        return _update(old, fields, rates, symbol in known.used)
    own = None if all(rate is None for rate in rates) else rates
    return [CreateInstrument(list(InstrumentRow(**fields, rates=own)))]


def _read(name: str, column: Column, line: dict[str, str]) -> Any:
    try:
        return column.read((line[name] or "").strip())
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _rate(name: str, text: str, scale: int) -> int:
    try:
        value = exact(text.strip(), scale)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if value < 0 or scale == PPM and not 0 < value <= PPM:
        raise ValueError(f"{name}: {text!r} is out of bounds")
    return value


def _update(old: Instrument, fields: dict[str, Any], rates: list[int | None], is_used: bool) -> list[Any]:
    """The changes of a known instrument, as commands."""
    changes = {name: value for name, value in fields.items() if value != _core(old, name)}
    for name in FIXED:
        if name in changes:
            raise ValueError(f"{name}: cannot change")
    if is_used and any(name in changes for name in FIXED_WHEN_USED):
        raise ValueError(f"{old.symbol} has positions or orders: multiple and tick stay")
    found: list[Any] = []
    if changes:
        found.append(UpdateInstrument(old.symbol, changes, "import"))
    now = [
        None if (value := getattr(old, field)) is None else _units(value, scale)
        for field, scale in RATES.values()
    ]
    if now != rates:
        found.append(SetRates("", old.symbol, rates, reason="import"))
    return found


def _core(row: Instrument, name: str) -> Any:
    """A field of the row in the core's units."""
    value = getattr(row, name)
    if name == "self_trade_mode":
        return SELF_TRADE[value]
    return int(value * SCALE) if isinstance(value, Decimal) else value


def _units(value: Any, scale: int) -> int:
    return int(value * SCALE) if scale == SCALE else int(value)
