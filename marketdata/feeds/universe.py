"""Which instruments a feed knows: a file, the product list, or so many made-up ones (G-21)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from marketdata.feeds.simulated import Listing
from marketdata.feeds.ticks import EXCHANGES, bare_symbol
from trading.calendar import TradingCalendar, load_holidays
from trading.contracts import listed_contracts, load_products
from trading.engine.units import SCALE

MAX_INSTRUMENTS = 100_000


def product_listings() -> list[Listing]:
    """Every contract of the product list that is listed today."""
    calendar = TradingCalendar(load_holidays())
    day = (datetime.now(UTC) + timedelta(hours=8)).date()
    rows = [row for product in load_products() for row in listed_contracts(product, day, calendar)]
    return [
        Listing(
            row.instrument_id, row.exchange_id, row.listing_price / SCALE, row.price_tick / SCALE,
            row.volume_multiple, row.limit_up_ppm / 1_000_000,
        )
        for row in rows
    ]  # fmt: skip


def made_up(count: int) -> list[Listing]:
    """So many instruments x00000, x00001, …"""
    exchanges = EXCHANGES[:6]
    return [Listing(f"x{n:05d}", exchanges[n % 6], 1_000.0 + n % 500 * 10) for n in range(count)]


def from_file(path: Path) -> list[Listing]:
    """One instrument a line: `EXCHANGE.name` or the name alone, then price, price tick and multiple.

    What is left out is as in the product list's most common contract; # begins a remark.
    ValueError names the first bad line.
    """
    found: dict[str, Listing] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines()[:MAX_INSTRUMENTS], 1):
        name, *figures = (part.strip() for part in line.partition("#")[0].split(","))
        if name:
            bare = bare_symbol(name)
            exchange = name.partition(".")[0] if bare != name else ""
            found[bare] = Listing(bare, exchange, *_figures(figures, number))
    return list(found.values())


def _figures(figures: list[str], number: int) -> tuple[float, float, int]:
    """Price, price tick, multiple."""
    kinds: list[tuple[type, float]] = [(float, 5_000.0), (float, 1.0), (int, 10)]
    try:
        values = [
            kind(figures[n]) if n < len(figures) and figures[n] else default
            for n, (kind, default) in enumerate(kinds)
        ]
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
    if min(values) <= 0:
        raise ValueError(f"line {number}: figures must be above 0")
    return values[0], values[1], int(values[2])
