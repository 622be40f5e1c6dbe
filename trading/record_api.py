"""The caller's orders, trades and positions over REST, from the tables (H-4, A-12)."""

from typing import Any

from rest_framework.response import Response

from exchange_site.documented import documented
from exchange_site.exceptions import ExchangeError
from trading import account_schemas, order_selectors, selectors
from trading import order_schemas as shapes
from trading.engine.codes import ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, INVALID_FIELD, ORDER_NOT_FOUND
from trading.lists import ACCOUNT, FILTERS, STATUS, ReadView, checked_filters, paged, query
from trading.order_api import ORDER
from trading.representations import order_data, trade_data

TRADE = {
    "trade_id": "my-1|12",
    "order_id": "my-1",
    "exchange_order_id": "26112100000001",
    "exchange_trade_id": "12",
    "uid": 4711,
    "account_id": account_schemas.ACCOUNT_ID,
    "instrument_id": "SHFE.cu2701",
    "direction": "BUY",
    "offset": "OPEN",
    "price": 74390.0,
    "volume": 1,
    "commission": 18.6,
    "close_profit": 0.0,
    "is_taker": True,
    "trading_day": 20261121,
    "timestamp": 1795230000000,
}
LISTING = (ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, INVALID_FIELD)


class OneOrder(ReadView):
    @documented(
        "The caller's newest order with this id",
        answer=shapes.OrderOut,
        example=ORDER,
        errors=(ORDER_NOT_FOUND, INVALID_FIELD),
        parameters=(ACCOUNT, query("trading_day", "yyyymmdd", int)),
        tag="orders",
    )
    def get(self, request: Any, order_id: str) -> Response:
        day = request.query_params.get("trading_day", "")
        if day and not (day.isascii() and day.isdigit() and len(day) == 8):
            raise ExchangeError(INVALID_FIELD, {"field": "trading_day"})
        user_id = request.user.pk.hex
        account_id = request.query_params.get("account_id", "")
        row = order_selectors.newest_order(self.venue, user_id, order_id, account_id, int(day or 0))
        return Response(order_data(row, user_id))


class Orders(ReadView):
    @documented(
        "Orders, newest first",
        answer=shapes.OrdersOut,
        example={"items": [ORDER], "next_cursor": None},
        errors=LISTING,
        parameters=(ACCOUNT, STATUS, *FILTERS),
        tag="orders",
        operation_id="orders_list",
    )
    def get(self, request: Any) -> Response:
        return self.listed(request, "")

    def listed(self, request: Any, account_id: str) -> Response:
        """One page of the orders that the query asks for."""
        rows = order_selectors.orders(self.venue, checked_filters(request, self.venue, account_id))
        user_id = request.user.pk.hex
        return paged(request, rows, lambda found: [order_data(row, user_id) for row in found])


class AccountOrders(Orders):
    @documented(
        "Orders of an account, newest first",
        answer=shapes.OrdersOut,
        example={"items": [ORDER], "next_cursor": None},
        errors=LISTING,
        parameters=(STATUS, *FILTERS),
        tag="orders",
        operation_id="account_orders_list",
    )
    def get(self, request: Any, account_id: str) -> Response:  # type: ignore[override]
        return self.listed(request, account_id)


class Trades(ReadView):
    @documented(
        "Trades, newest first",
        answer=shapes.TradesOut,
        example={"items": [TRADE], "next_cursor": None},
        errors=LISTING,
        parameters=(ACCOUNT, *FILTERS),
        tag="trades",
        operation_id="trades_list",
    )
    def get(self, request: Any) -> Response:
        return self.listed(request, "")

    def listed(self, request: Any, account_id: str) -> Response:
        """One page of the trades that the query asks for."""
        rows = order_selectors.trades(self.venue, checked_filters(request, self.venue, account_id))
        return paged(request, rows, lambda found: [trade_data(row) for row in found])


class AccountTrades(Trades):
    @documented(
        "Trades of an account, newest first",
        answer=shapes.TradesOut,
        example={"items": [TRADE], "next_cursor": None},
        errors=LISTING,
        parameters=FILTERS,
        tag="trades",
        operation_id="account_trades_list",
    )
    def get(self, request: Any, account_id: str) -> Response:  # type: ignore[override]
        return self.listed(request, account_id)


class Positions(ReadView):
    @documented(
        "Open positions at the prices of this moment",
        answer=account_schemas.PositionsOut,
        example={"items": [account_schemas.POSITION], "next_cursor": None},
        errors=LISTING,
        parameters=(ACCOUNT, query("instrument_id", "full symbol or unambiguous id")),
        tag="positions",
        operation_id="positions_list",
    )
    def get(self, request: Any) -> Response:
        return self.listed(request, "")

    def listed(self, request: Any, account_id: str) -> Response:
        """The open positions that the query asks for."""
        filters = checked_filters(request, self.venue, account_id)
        found = selectors.positions_data(self.venue, filters["account_ids"])
        symbol = filters.get("symbol")
        items = [row for row in found if symbol in (None, row["instrument_id"])]
        return Response({"items": items, "next_cursor": None})


class AccountPositions(Positions):
    @documented(
        "Open positions of an account",
        answer=account_schemas.PositionsOut,
        example={"items": [account_schemas.POSITION], "next_cursor": None},
        errors=LISTING,
        parameters=(query("instrument_id", "full symbol or unambiguous id"),),
        tag="positions",
        operation_id="account_positions_list",
    )
    def get(self, request: Any, account_id: str) -> Response:  # type: ignore[override]
        return self.listed(request, account_id)
