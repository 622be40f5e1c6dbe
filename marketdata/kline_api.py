"""Bars, ticks and the market's snapshot over REST (H-7, H-9, M-3)."""

from typing import Any

from rest_framework import serializers as drf
from rest_framework.response import Response

from exchange_site.documented import PUBLIC, documented
from exchange_site.views import PublicView
from marketdata import kline_selectors as selectors
from marketdata import serializers as shapes
from marketdata.api import QUOTED, SYMBOL, query_of
from marketdata.periods import period_of
from trading.selectors import current_venue

BAR = {
    "timestamp": 1795230000000,
    "trading_day": 20261121,
    "open": 74380.0,
    "high": 74400.0,
    "low": 74370.0,
    "close": 74390.0,
    "volume": 321,
    "amount": 119395950.0,
    "open_oi": 12300,
    "close_oi": 12345,
    "is_finished": True,
}
TICK = {
    "timestamp": 1795230000500,
    "trading_day": 20261121,
    "last_price": 74390.0,
    "average": 74330.5,
    "highest": 74450.0,
    "lowest": 74210.0,
    "volume": 4321,
    "amount": 1605842000.0,
    "open_interest": 12345,
    "bids": [{"price": 74380.0, "volume": 3}],
    "asks": [{"price": 74390.0, "volume": 2}],
}
SNAPSHOT = {
    "instrument_id": SYMBOL,
    "timestamp": 1795230000000000000,
    "trading_day": 20261121,
    "last_price": 74390.0,
    "change_percent": 0.1212,
    "change_amount": 90.0,
    "change_base": "pre_settlement",
    "pre_close": 74400.0,
    **{f"{side}_price{n}": None for side in ("bid", "ask") for n in range(1, 6)},
    **{f"{side}_volume{n}": 0 for side in ("bid", "ask") for n in range(1, 6)},
    "open": 74300.0,
    "high": 74450.0,
    "low": 74210.0,
    "volume": 4321,
    "turnover": 1605842000.0,
    "open_interest": 12345,
    "upper_limit": 81820.0,
    "lower_limit": 66950.0,
}


def _bars(instrument_id: str, period: int | str, query: dict[str, Any]) -> Response:
    rows = selectors.klines(
        current_venue(), instrument_id, period, query["count"], query["start"], query["end"]
    )
    return Response({"items": rows})


class Klines(PublicView):
    @documented(
        "Bars of an instrument, a main-contract or an index series",
        answer=shapes.BarsOut,
        example={"items": [BAR]},
        errors=QUOTED,
        parameters=(shapes.BarsIn,),
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str) -> Response:
        query = query_of(shapes.BarsIn, request)
        return _bars(instrument_id, query["period"], query)


class KlinesOfPeriod(PublicView):
    @documented(
        "Bars of a period",
        answer=shapes.BarsOut,
        example={"items": [BAR]},
        errors=QUOTED,
        parameters=(shapes.BarsOfPeriodIn,),
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str, period: str) -> Response:
        query = query_of(shapes.BarsOfPeriodIn, request)
        try:
            wanted = period_of(period)
        except ValueError as error:
            raise drf.ValidationError({"period": [str(error)]}) from error
        return _bars(instrument_id, wanted, query)


class Ticks(PublicView):
    @documented(
        "The last ticks of a time",
        answer=shapes.StoredTicksOut,
        example={"items": [TICK]},
        errors=QUOTED,
        parameters=(shapes.TicksIn,),
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str) -> Response:
        query = query_of(shapes.TicksIn, request)
        rows = selectors.ticks(current_venue(), instrument_id, query["limit"], query["start"], query["end"])
        return Response({"items": rows})


class Snapshot(PublicView):
    @documented(
        "The newest state of all instruments",
        answer=shapes.SnapshotOut,
        example={"items": [SNAPSHOT]},
        errors=QUOTED[1:],
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any) -> Response:
        query_of(shapes.NoQueryIn, request)
        return Response({"items": selectors.snapshot(current_venue())})
