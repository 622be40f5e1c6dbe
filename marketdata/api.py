"""The public market over REST: instruments, quotes, books, recent trades (H-2, H-7)."""

from typing import Any

from rest_framework.response import Response

from accounts.api import validated
from exchange_site.documented import PUBLIC, documented
from exchange_site.lists import CsvMixin, numbered
from exchange_site.views import PublicView
from marketdata import selectors
from marketdata import serializers as shapes
from trading.engine.codes import INSTRUMENT_NOT_FOUND, SERVICE_UNAVAILABLE
from trading.selectors import current_venue

SYMBOL = "SHFE.cu2701"
INSTRUMENT = {
    "instrument_id": SYMBOL,
    "exchange_id": "SHFE",
    "product_id": "cu",
    "name_zh": "沪铜2701",
    "name_en": "Copper 2701",
    "instrument_class": "FUTURE",
    "volume_multiple": 5,
    "session_template": "night_0100",
    "min_limit_volume": 1,
    "max_limit_volume": 500,
    "min_market_volume": 1,
    "max_market_volume": 30,
    "position_limit": 0,
    "list_date": 20260116,
    "expire_date": 20270115,
    "status": "TRADING",
    "pre_open_interest": 12000,
    "open_interest": 12345,
    "self_trade_mode": "REFUSE",
    "price_tick": 10.0,
    "listing_price": 74000.0,
    "pre_settlement": 74390.0,
    "pre_close": 74400.0,
    "upper_limit": 81820.0,
    "lower_limit": 66950.0,
    "limit_up_ratio": 0.1,
    "limit_down_ratio": 0.1,
    "margin_ratio_long": 0.12,
    "margin_ratio_short": 0.12,
    "open_fee_ratio": 0.00005,
    "open_fee_per_lot": 0.0,
    "close_fee_ratio": 0.00005,
    "close_fee_per_lot": 0.0,
    "close_today_fee_ratio": 0.0001,
    "close_today_fee_per_lot": 0.0,
}
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
    return validated(serializer_class, request.query_params.dict())


class Instruments(CsvMixin, PublicView):
    @documented(
        "The venue's instruments",
        answer=shapes.InstrumentsOut,
        example={"items": [INSTRUMENT], "total": 1, "next_cursor": None},
        parameters=(shapes.InstrumentsIn,),
        common=PUBLIC,
        tag="market",
        operation_id="market_instruments_list",
    )
    def get(self, request: Any) -> Response:
        venue, query = current_venue(), query_of(shapes.InstrumentsIn, request)
        rows, page = numbered(selectors.instruments(venue, query), query)
        return Response({"items": selectors.instruments_data(venue, rows), **page})


class OneInstrument(PublicView):
    @documented(
        "One instrument",
        answer=shapes.InstrumentOut,
        example=INSTRUMENT,
        errors=(INSTRUMENT_NOT_FOUND,),
        common=PUBLIC,
        tag="market",
    )
    def get(self, request: Any, instrument_id: str) -> Response:
        venue = current_venue()
        query_of(shapes.NoQueryIn, request)
        row = selectors.instrument(venue, instrument_id)
        return Response(selectors.instruments_data(venue, [row])[0])


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
