"""Instruments, rates and sessions of the tables as DIFF's instrument fields. Blocking."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from marketdata.bars.continuous import main_rank
from marketdata.feeds.store import quoted_listings
from trading.engine.sessions import to_date
from trading.engine.units import PPM, SCALE
from trading.models import Instrument, Product, SessionSection, Venue
from trading.representations import RATES, units_of

FUTURE, CONT, INDEX = "FUTURE", "CONT", "INDEX"
MAIN, WEIGHTED = "KQ.m@", "KQ.i@"
_UTC8 = timedelta(hours=8)
_PPB = 10**9
_CLOSING_HOUR = 15
_ENDED = ("EXPIRED", "DELISTED")
_TRADING_PHASES = ("CONTINUOUS",)
_ALL_DAY = {"day": [["00:00:00", "24:00:00"]], "night": []}
Timetable = dict[str, list[list[str]]]


class Listing(NamedTuple):
    """An instrument: money in 1/10 000 yuan, `expire_s` unix seconds (0 = never)."""

    symbol: str
    ins_class: str
    exchange_id: str
    instrument_id: str
    product_id: str
    name_zh: str
    name_en: str
    price_tick: int
    volume_multiple: int
    template: str
    status: str
    expire_date: int
    expire_s: int
    min_limit_volume: int
    max_limit_volume: int
    min_market_volume: int
    max_market_volume: int
    position_limit: int
    pre_settlement: int
    pre_close: int
    pre_open_interest: int
    upper_limit: int
    lower_limit: int
    margin: int
    commission: int
    trading_time: Timetable
    underlying_symbol: str = ""

    @property
    def product_key(self) -> str:
        return f"{self.exchange_id}.{self.product_id}"

    @property
    def expired(self) -> bool:
        return self.status in _ENDED

    @property
    def has_night(self) -> bool:
        return bool(self.trading_time["night"])


def read_catalogue(venue: str) -> tuple[dict[str, Listing], dict[str, Timetable], int]:
    """(instruments by symbol, timetables by template, trading day); empty before the venue is there."""
    row = Venue.objects.filter(code=venue).values_list("id", "trading_day").first()
    if row is None:
        return {}, {}, 0
    number, day = row
    tables = _timetables(SessionSection.objects.filter(venue=number), day)
    products = {
        (product.exchange_id, product.product_id): product for product in Product.objects.filter(venue=number)
    }
    found: dict[str, Listing] = {}
    for instrument in Instrument.objects.filter(venue=number).exclude(status="CREATED").order_by("symbol"):
        product = products.get((instrument.exchange_id, instrument.product_id))
        found[instrument.symbol] = _listing(instrument, product, tables)
    for series in _series(found.values(), day):
        found[series.symbol] = series
    return found, tables, day


def _timetables(rows: Iterable[SessionSection], day: int) -> dict[str, Timetable]:
    tables: dict[str, Timetable] = {}
    for row in rows:
        table = tables.setdefault(row.template, {"day": [], "night": []})
        if row.phase in _TRADING_PHASES:
            part = table["night" if row.is_night else "day"]
            part.append([_clock(row.start_minute), _clock(row.end_minute)])
    for table in tables.values():
        for part in table.values():
            part.sort()
    return {name: around_the_clock(day) if table == _ALL_DAY else table for name, table in tables.items()}


def around_the_clock(day: int) -> Timetable:
    """A venue that never closes in TqSdk's terms, so that it takes every moment for trading time.

    TqSdk's day runs from 18:00 to 18:00 and its Monday begins on Friday evening; night
    sections count from midnight of its day before.
    """
    ends_weekend = bool(day) and to_date(day).isoweekday() in (6, 7, 1)
    night_end = "72:00:00" if ends_weekend else "24:00:00"
    return {"day": [["00:00:00", "18:00:00"]], "night": [["18:00:00", night_end]]}


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}:00"


def _rate(instrument: Instrument, product: Product | None, name: str) -> Any:
    column = RATES[name][0]
    value = getattr(instrument, column)
    return value if value is not None or product is None else getattr(product, column)


def _listing(row: Instrument, product: Product | None, tables: dict[str, Timetable]) -> Listing:
    settled = units_of(row.pre_settlement)
    worth = settled * row.volume_multiple
    margin = worth * int(_rate(row, product, "margin_ratio_long") or 0) // PPM
    by_lot = units_of(Decimal(_rate(row, product, "open_fee_per_lot") or 0))
    commission = worth * int(_rate(row, product, "open_fee_ratio") or 0) // _PPB + by_lot
    return Listing(
        row.symbol, row.instrument_class, row.exchange_id, row.instrument_id, row.product_id,
        row.name_zh, row.name_en, units_of(row.price_tick), row.volume_multiple, row.session_template,
        row.status, row.expire_date, _expiry(row.expire_date), row.min_limit_volume,
        row.max_limit_volume, row.min_market_volume, row.max_market_volume, row.position_limit, settled,
        units_of(row.pre_close), row.pre_open_interest, units_of(row.upper_limit),
        units_of(row.lower_limit), margin, commission,
        tables.get(row.session_template, {"day": [], "night": []}),
    )  # fmt: skip


def brought_rows(venue: str) -> dict[str, Listing]:
    """What a feed quotes at this venue, as instruments that can be watched alone. Asks the cache."""
    found: dict[str, Listing] = {}
    for item in quoted_listings(venue):
        head = re.match(r"[A-Za-z]*", item.symbol)
        found[item.full] = Listing(
            item.full, FUTURE, item.exchange_id, item.symbol, head.group() if head else "", item.symbol,
            item.symbol, round(item.price_tick * SCALE), item.multiple, "", "TRADING", 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, around_the_clock(0),
        )  # fmt: skip
    return found


def _expiry(day: int) -> int:
    """The close of the expire date, unix seconds."""
    if not day:
        return 0
    close = datetime(day // 10_000, day // 100 % 100, day % 100, _CLOSING_HOUR, tzinfo=UTC) - _UTC8
    return int(close.timestamp())


# ------------------------------------------------------------------ KQ.m and KQ.i


def _series(rows: Iterable[Listing], day: int) -> Iterable[Listing]:
    """The main-contract and index series of each product with a living contract (M-16)."""
    products: dict[str, list[Listing]] = {}
    for row in rows:
        if row.ins_class == FUTURE and not row.expired:
            products.setdefault(row.product_key, []).append(row)
    for key, contracts in products.items():
        main = main_contract(contracts, day)
        yield main._replace(
            symbol=MAIN + key, ins_class=CONT, exchange_id="KQ", instrument_id=f"m@{key}",
            name_zh=f"{main.name_zh}主连", name_en=f"{main.name_en} main",
            underlying_symbol=main.symbol, expire_date=0, expire_s=0,
        )  # fmt: skip
        yield main._replace(
            symbol=WEIGHTED + key, ins_class=INDEX, exchange_id="KQ", instrument_id=f"i@{key}",
            name_zh=f"{main.name_zh}指数", name_en=f"{main.name_en} index", expire_date=0, expire_s=0,
        )  # fmt: skip


def main_contract(contracts: list[Listing], day: int) -> Listing:
    """The contract that the product's main series follows (M-16)."""
    return min(contracts, key=lambda row: main_rank(row.symbol, row.expire_date, row.pre_open_interest, day))


# -------------------------------------------------------------------- quote fields


def decimals(tick: int) -> int:
    """Decimals of prices on a tick (1/10 000 yuan)."""
    places = 4
    while places and tick % 10 == 0:
        tick //= 10
        places -= 1
    return places


def delivery(row: Listing) -> tuple[int, int]:
    """(year, month) of delivery, zeros for a series."""
    return (row.expire_date // 10_000, row.expire_date // 100 % 100) if row.expire_date else (0, 0)


def static_fields(row: Listing) -> dict[str, Any]:
    """The quote fields that are the instrument's own (D-22)."""
    year, month = delivery(row)
    return {
        "instrument_id": row.symbol,
        "instrument_name": row.name_zh,
        "exchange_id": row.exchange_id,
        "product_id": row.product_id,
        "ins_class": row.ins_class,
        "underlying_symbol": row.underlying_symbol,
        "price_tick": row.price_tick / SCALE,
        "price_decs": decimals(row.price_tick),
        "volume_multiple": row.volume_multiple,
        "max_limit_order_volume": row.max_limit_volume,
        "min_limit_order_volume": row.min_limit_volume,
        "max_market_order_volume": row.max_market_volume,
        "min_market_order_volume": row.min_market_volume,
        "position_limit": row.position_limit,
        "open_limit": 0,
        "expired": row.expired,
        # Left out where there is none: TqSdk counts the days to it and takes no "-".
        **({"expire_datetime": float(row.expire_s)} if row.expire_s else {}),
        "delivery_year": year,
        "delivery_month": month,
        "trading_time": row.trading_time,
        "margin": row.margin / SCALE,
        "commission": row.commission / SCALE,
    }
