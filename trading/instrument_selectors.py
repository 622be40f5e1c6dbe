"""Reads of instruments and of the venue itself."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from accounts import venue_settings
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import INSTRUMENT_NOT_FOUND, NOT_FOUND
from trading.models import Instrument, Product, SessionTemplate, Venue
from trading.representations import RATES, instrument_data
from trading.selectors import is_sound, projector_seq, symbol_of, venue_number


def instruments(venue: str, filters: dict[str, Any]) -> QuerySet[Instrument]:
    """Instruments by symbol; filters: exchange_id, product_id, status, instrument_class."""
    names = ("exchange_id", "product_id", "status", "instrument_class")
    wanted = {name: filters[name] for name in names if filters.get(name)}
    return Instrument.objects.filter(venue=venue_number(venue), **wanted).order_by("symbol")


def instruments_data(venue: str, rows: Iterable[Instrument]) -> list[dict[str, Any]]:
    """Instruments as the API shows them, with the rates they inherit: one query for any number."""
    found = list(rows)
    wanted = {row.product_id for row in found}
    rates = {
        (product.exchange_id, product.product_id): {
            column: getattr(product, column) for column, _ in RATES.values()
        }
        for product in Product.objects.filter(venue=venue_number(venue), product_id__in=wanted)
    }
    return [instrument_data(row, rates.get((row.exchange_id, row.product_id))) for row in found]


def sound_symbol(venue: str, text: str) -> str:
    """The full symbol of an id from outside (T-10); 1007 for nonsense."""
    if not is_sound(text):
        raise ExchangeError(INSTRUMENT_NOT_FOUND)
    return symbol_of(venue, text)


def instrument_for(venue: str, text: str) -> Instrument:
    """The instrument by symbol or unambiguous bare id, as the tables have it now; 1007 for none."""
    if not is_sound(text):
        raise ExchangeError(INSTRUMENT_NOT_FOUND)
    rows = Instrument.objects.filter(venue=venue_number(venue))
    if "." in text:
        found = list(rows.filter(symbol=text))
    else:
        found = list(rows.filter(instrument_id=text).exclude(status__in=["DELISTED", "EXPIRED"])[:2])
    if len(found) != 1:
        extra = {"candidates": [row.symbol for row in found]} if found else {}
        raise ExchangeError(INSTRUMENT_NOT_FOUND, {}, {"instrument_id": text, **extra})
    return found[0]


def venue_data(venue: str) -> dict[str, Any]:
    """The venue's clock, day, switches and settings; 9007 before it was made."""
    row = Venue.objects.filter(code=venue).first()
    if row is None:
        raise ExchangeError(NOT_FOUND)
    templates = SessionTemplate.objects.filter(venue=row.id).order_by("name")
    return {
        "venue": row.code,
        "number": row.id,
        "mode": row.mode,
        "trading_day": row.trading_day,
        "settlement_minute": row.settlement_minute,
        "is_halted": row.is_halted,
        "halt_reason": row.halt_reason,
        "is_settling": row.is_settling,
        "engine_version": row.engine_version,
        "projector_seq": projector_seq(venue),
        "phases": {template.name: template.phase for template in templates},
        "settings": venue_settings.values(venue),
    }
