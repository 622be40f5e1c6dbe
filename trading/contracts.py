"""Which contracts of a product are listed on a day, and their terms (T-12): pure functions.

Products and sessions come from CSV files; every ratio and amount is exact, a value that the
core's units cannot hold is an error that names its line.
"""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from trading.calendar import DATA, TradingCalendar, to_int
from trading.engine.messages import InstrumentRow, Phase, ProductRow, Rates
from trading.engine.units import PPB, PPM, SCALE

QUARTERS = (3, 6, 9, 12)
FRIDAY = 4
PHASES = {
    "auction_order": Phase.AUCTION_ORDER,
    "auction_match": Phase.AUCTION_MATCH,
    "continuous": Phase.CONTINUOUS,
}
FIRST_NIGHT_MINUTE = 18 * 60
ALWAYS = "always"
"""The template that closes for settlement only (T-23)."""


class Month(NamedTuple):
    """A delivery month."""

    year: int
    month: int

    def plus(self, months: int) -> "Month":
        """The month so many months later."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    def last_date(self) -> date:
        return self.plus(1).first_day() - timedelta(days=1)


class Product(NamedTuple):
    """A line of products.csv in the core's units."""

    exchange_id: str
    product_id: str
    name_zh: str
    name_en: str
    volume_multiple: int
    price_tick: int
    sessions: str
    limit_ppm: int
    rates: Rates
    max_limit_volume: int
    max_market_volume: int
    position_limit: int
    listing_price: int
    months: str
    last_day: str

    def row(self) -> ProductRow:
        """The product as a command carries it."""
        return ProductRow(self.exchange_id, self.product_id, self.name_zh, self.name_en, list(self.rates))


def exact(text: str, scale: int) -> int:
    """A decimal text times scale as an int; ValueError when it is not a whole number."""
    try:
        value = Decimal(text) * scale
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not value.is_finite() or value != value.to_integral_value():
        raise ValueError(f"{text!r} is finer than 1/{scale}")
    return int(value)


def parse_product(line: dict[str, str]) -> Product:
    """One line of products.csv; ValueError names what is wrong with it."""
    margin = exact(line["margin_ratio"], PPM)
    factor = Decimal(line["close_today_fee_factor"])
    close_ratio, close_lot = Decimal(line["close_fee_ratio"]), Decimal(line["close_fee_per_lot"])
    rates = Rates(
        margin,
        margin,
        exact(line["open_fee_ratio"], PPB),
        exact(line["open_fee_per_lot"], SCALE),
        exact(str(close_ratio), PPB),
        exact(str(close_lot), SCALE),
        exact(str(close_ratio * factor), PPB),
        exact(str(close_lot * factor), SCALE),
    )
    return Product(
        line["exchange_id"],
        line["product_id"],
        line["name_zh"],
        line["name_en"],
        int(line["volume_multiple"]),
        exact(line["price_tick"], SCALE),
        line["sessions"],
        exact(line["limit_ratio"], PPM),
        rates,
        int(line["max_limit_order_volume"]),
        int(line["max_market_order_volume"]),
        int(line["position_limit"]),
        exact(line["listing_price"], SCALE),
        line["months"],
        line["last_day"],
    )


def load_products(path: Path = DATA / "products.csv") -> list[Product]:
    """All products; ValueError with every bad line named."""
    products, faults = [], []
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    for line in reader:
        try:
            products.append(parse_product(line))
        except (ValueError, KeyError, InvalidOperation) as error:
            faults.append(f"line {reader.line_num}: {error}")
    if faults:
        raise ValueError("\n".join(faults))
    return products


# ---------------------------------------------------------------- last trading day


def last_trading_day(rule: str, month: Month, calendar: TradingCalendar) -> date:
    """Last trading day of a delivery month by one of the rules of products.csv."""
    if rule == "prev_month_last":
        return _days_of(month.plus(-1), calendar)[-1]
    if rule == "day15":
        return calendar.on_or_after(month.first_day().replace(day=15))
    if rule == "trading10":
        return _days_of(month, calendar)[9]
    if rule == "trading-4":
        return _days_of(month, calendar)[-4]
    if rule == "monday_last":
        return [day for day in _days_of(month, calendar) if day.weekday() == 0][-1]
    if rule in ("friday2", "friday3"):
        return calendar.on_or_after(_friday(month, int(rule[-1])))
    raise ValueError(f"unknown rule for the last trading day: {rule}")


def _days_of(month: Month, calendar: TradingCalendar) -> list[date]:
    return list(calendar.between(month.first_day(), month.last_date()))


def _friday(month: Month, n: int) -> date:
    first = month.first_day()
    return first + timedelta(days=(FRIDAY - first.weekday()) % 7 + 7 * (n - 1))


# ---------------------------------------------------------------- listed months


def listed_months(product: Product, day: date, calendar: TradingCalendar) -> list[Month]:
    """Delivery months listed on a day, nearest first.

    The window starts at the first month whose last trading day has not passed.
    """
    start = Month(day.year, day.month)
    while last_trading_day(product.last_day, start, calendar) < day:
        start = start.plus(1)
    return _months(product.months, start)


def _months(rule: str, start: Month) -> list[Month]:
    if rule == "next3+even13":
        return _joined(_run(start, 3), [m for m in _run(start, 13) if m.month % 2 == 0])
    if rule == "next6+quarters24":
        return _joined(_run(start, 6), _quarters(_run(start, 24)))
    if rule == "next12+quarters8":
        return _joined(_run(start, 12), _quarters(_run(start.plus(12), 24)))
    if rule == "index":
        return _joined(_run(start, 2), _quarters(_run(start.plus(2), 6)))
    if rule == "bond3":
        return _quarters(_run(start, 9))
    wanted = parse_months(rule)
    return [month for month in _run(start, 12) if month.month in wanted]


def _run(start: Month, count: int) -> list[Month]:
    return [start.plus(n) for n in range(count)]


def _quarters(months: list[Month]) -> list[Month]:
    return [month for month in months if month.month in QUARTERS]


def _joined(near: list[Month], far: list[Month]) -> list[Month]:
    return sorted({*near, *far})


def parse_months(rule: str) -> set[int]:
    """Months of a rule like `1,3-5,9`; ValueError for anything else."""
    found: set[int] = set()
    for part in rule.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    if not found or not found <= set(range(1, 13)):
        raise ValueError(f"unknown rule for the listed months: {rule}")
    return found


# ---------------------------------------------------------------- contracts


def instrument_id(product: Product, month: Month) -> str:
    """The exchange's name of a contract; CZCE writes one digit of the year."""
    year = month.year % (10 if product.exchange_id == "CZCE" else 100)
    width = 1 if product.exchange_id == "CZCE" else 2
    return f"{product.product_id}{year:0{width}d}{month.month:02d}"


def contract(product: Product, month: Month, calendar: TradingCalendar, template: str = "") -> InstrumentRow:
    """A contract's terms; `template` replaces the product's session template."""
    code = f"{month.year % 100:02d}{month.month:02d}"
    return InstrumentRow(
        exchange_id=product.exchange_id,
        instrument_id=instrument_id(product, month),
        product_id=product.product_id,
        name_zh=f"{product.name_zh}{code}",
        name_en=f"{product.name_en} {code}",
        instrument_class="FUTURE",
        volume_multiple=product.volume_multiple,
        price_tick=product.price_tick,
        session_template=template or product.sessions,
        limit_up_ppm=product.limit_ppm,
        limit_down_ppm=product.limit_ppm,
        min_limit_volume=1,
        max_limit_volume=product.max_limit_volume,
        min_market_volume=1,
        max_market_volume=product.max_market_volume,
        position_limit=product.position_limit,
        list_date=0,
        expire_date=to_int(last_trading_day(product.last_day, month, calendar)),
        listing_price=product.listing_price,
    )


def listed_contracts(
    product: Product, day: date, calendar: TradingCalendar, template: str = ""
) -> list[InstrumentRow]:
    """Every contract of a product that is listed on a day."""
    return [contract(product, month, calendar, template) for month in listed_months(product, day, calendar)]


# ---------------------------------------------------------------- sessions


def minutes(text: str) -> int:
    """Minutes of a time like 25:30."""
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def load_sessions(path: Path = DATA / "sessions.csv") -> list[list[object]]:
    """Session templates as `SetSessions` wants them.

    A section that begins in the evening lies on the evening before the trading day.
    """
    templates: dict[str, list[list[int]]] = {}
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    for line in reader:
        start, end = minutes(line["start"]), minutes(line["end"])
        night = int(start >= FIRST_NIGHT_MINUTE)
        section = [night, int(PHASES[line["phase"]]), start, end]
        templates.setdefault(line["sessions"], []).append(section)
    return [[name, sections] for name, sections in templates.items()]
