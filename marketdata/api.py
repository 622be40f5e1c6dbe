"""The public market over REST: instruments, quotes, books, recent trades (H-2, H-7)."""

from typing import Any

from rest_framework.response import Response

from accounts.api import validated
from exchange_site.documented import PUBLIC, documented
from exchange_site.views import PublicView
from marketdata import selectors
from marketdata import serializers as shapes
from trading import instrument_selectors
from trading.engine.codes import INSTRUMENT_NOT_FOUND, SERVICE_UNAVAILABLE
from trading.instrument_api import INSTRUMENT
from trading.instrument_serializers import InstrumentOut, InstrumentsIn, InstrumentsOut
from trading.lists import CsvMixin, paged
from trading.selectors import current_venue

SYMBOL = "SHFE.cu2701"
TICK = {
    "instrument_id": SYMBOL,
    "last_price": 74390.0,
    "bid_price": 74380.0,
    "bid_volume": 3,
    "ask_price": 74390.0,
    "ask_volume": 2,
    "open": 74300.0,
    "high": 74450.0,
    "low": 74210.0,
    "average": 74330.5,
    "upper_limit": 81820.0,
    "lower_limit": 66950.0,
    "pre_close": 74400.0,
    "pre_settlement": 74390.0,
    "volume": 4321,
    "turnover": 1605842000.0,
    "open_interest": 12345,
    "pre_open_interest": 12000,
    "volume_multiple": 5,
    "price_tick": 10.0,
    "phase": "CONTINUOUS",
    "status": "TRADING",
    "trading_day": 20261121,
    "auction": None,
    "source": "venue",
    "timestamp": 1795230000000,
}
BOOK = {
    "instrument_id": SYMBOL,
    "bids": [{"price": 74380.0, "volume": 3, "order_count": 2}],
    "asks": [{"price": 74390.0, "volume": 2, "order_count": 1}],
    "as_of_seq": 98765,
    "timestamp": 1795230000000,
}
TRADE = {
    "trade_id": "26112100000007",
    "instrument_id": SYMBOL,
    "price": 74390.0,
    "volume": 1,
    "direction": "BUY",
    "timestamp": 1795230000000,
}
QUOTED = (INSTRUMENT_NOT_FOUND, SERVICE_UNAVAILABLE)


def query_of(serializer_class: Any, request: Any) -> dict[str, Any]:
    """The checked query parameters; 9008 naming the first bad one."""
    given = request.query_params.dict()
    given.pop("format", None)  # chooses the renderer
    return validated(serializer_class, given)


class Instruments(CsvMixin, PublicView):
    @documented(
        "The venue's instruments",
        answer=InstrumentsOut,
        example={"items": [INSTRUMENT], "total": 1, "next_cursor": None},
        parameters=(InstrumentsIn,),
        common=PUBLIC,
        tag="market",
        operation_id="market_instruments_list",
    )
    def get(self, request: Any) -> Response:
        venue, query = current_venue(), query_of(InstrumentsIn, request)
        rows = instrument_selectors.instruments(venue, query)
        return paged(request, rows, lambda found: instrument_selectors.instruments_data(venue, found), True)


class OneInstrument(PublicView):
    @documented(
        "One instrument",
        answer=InstrumentOut,
        example=INSTRUMENT,
        errors=(INSTRUMENT_NOT_FOUND,),
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str) -> Response:
        venue = current_venue()
        query_of(shapes.NoQueryIn, request)
        row = instrument_selectors.instrument_for(venue, instrument_id)
        return Response(instrument_selectors.instruments_data(venue, [row])[0])


class Tick(PublicView):
    @documented(
        "The newest quote of an instrument",
        answer=shapes.TickOut,
        example=TICK,
        errors=QUOTED,
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str) -> Response:
        query_of(shapes.NoQueryIn, request)
        return Response(selectors.tick_data(selectors.quote(current_venue(), instrument_id)))


class OrderBook(PublicView):
    @documented(
        "The order book's best levels",
        answer=shapes.BookOut,
        example=BOOK,
        errors=QUOTED,
        parameters=(shapes.DepthIn,),
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str) -> Response:
        depth = query_of(shapes.DepthIn, request)["depth"]
        return Response(selectors.book_data(selectors.quote(current_venue(), instrument_id), depth))


class RecentTrades(PublicView):
    @documented(
        "The last public trades",
        answer=shapes.PublicTradesOut,
        example={"items": [TRADE]},
        errors=QUOTED,
        parameters=(shapes.LimitIn,),
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str) -> Response:
        limit = query_of(shapes.LimitIn, request)["limit"]
        return Response({"items": selectors.recent_trades(current_venue(), instrument_id, limit)})
