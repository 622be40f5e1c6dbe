"""The rates that hold for an account, by the core's order of precedence (T-56)."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from trading import selectors
from trading.models import Instrument, Product, RateRow, TradingAccount
from trading.representations import RATES

OUT_OF_USE = ("DELISTED", "EXPIRED")


def instruments(venue: str, text: str = "") -> QuerySet[Instrument]:
    """Listed instruments, or the one named; 1007 for an unknown name."""
    rows = Instrument.objects.filter(venue=selectors.venue_number(venue))
    if text:
        return rows.filter(symbol=selectors.symbol_of(venue, text))
    return rows.exclude(status__in=OUT_OF_USE)


def own_rates(
    venue: str, account: TradingAccount, rows: Sequence[Instrument], names: Sequence[str]
) -> list[dict[str, Any]]:
    """The named rates of each instrument for an account: its own row, its group's, the instrument's,
    the product's; in each the instrument before the product."""
    number = selectors.venue_number(venue)
    holders = [f"account:{account.account_id}"] + ([f"group:{account.group}"] if account.group else [])
    special = {
        (row.holder, row.target): row for row in RateRow.objects.filter(venue=number, holder__in=holders)
    }
    products = {str(row): row for row in Product.objects.filter(venue=number)}
    return [
        {"instrument_id": row.symbol, **_resolved(_layers(row, holders, special, products), names)}
        for row in rows
    ]


def _layers(
    row: Instrument, holders: list[str], special: dict[tuple[str, str], Any], products: dict[str, Product]
) -> list[Any]:
    product = f"{row.exchange_id}.{row.product_id}"
    keys = [(holder, target) for holder in holders for target in (row.symbol, product)]
    return [*(special[key] for key in keys if key in special), row, products[product]]


def _resolved(layers: list[Any], names: Sequence[str]) -> dict[str, float]:
    found = {}
    for name in names:
        column, scale = RATES[name]
        value = next((getattr(layer, column) for layer in layers if getattr(layer, column) is not None), 0)
        found[name] = float(value) / scale if scale else float(value)
    return found
