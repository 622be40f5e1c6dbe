"""Every instrument in a few bytes, most traded first: what search and overview begin with (O-50, O-51)."""

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse

from exchange_site.pages import page
from marketdata.kline_selectors import snapshot
from trading.models import Instrument
from trading.selectors import current_venue, venue_number

CACHE_S = 5


def listing(venue: str) -> list[list[Any]]:
    """`[symbol, Chinese name, English name, lots today]` of each living instrument."""
    volumes = {row["instrument_id"]: row["volume"] for row in snapshot(venue)}
    rows = Instrument.objects.filter(venue=venue_number(venue), status__in=("TRADING", "SUSPENDED"))
    found = [
        [symbol, name_zh, name_en, volumes.get(symbol, 0)]
        for symbol, name_zh, name_en in rows.values_list("symbol", "name_zh", "name_en")
    ]
    return sorted(found, key=lambda row: (-row[3], row[0]))


@page()
def listing_page(request: HttpRequest) -> HttpResponse:
    """The list as JSON, at most 5 s old; public like all market data."""
    venue = current_venue()
    found = cache.get_or_set(f"listing:{venue}", lambda: listing(venue), CACHE_S)
    return JsonResponse(found, safe=False)
