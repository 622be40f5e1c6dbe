"""Everybody's orders, trades and movements of money, for staff (H-9, O-4)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import documented
from trading import account_schemas, order_schemas, order_selectors, selectors
from trading.command_view import validated
from trading.engine.codes import ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, INVALID_FIELD
from trading.lists import FILTERS, STATUS, FilterIn, StaffReadView, paged, query
from trading.order_api import ORDER
from trading.order_selectors import Filters
from trading.record_api import TRADE
from trading.representations import flow_data, order_data, trade_data

TAG = "management"
KINDS = ("deposit", "withdrawal", "transfer", "commission", "pnl", "settlement", "reversal")
ACCOUNT = query("account_id", "absent: all of them")
ERRORS = (ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, INVALID_FIELD)


class FlowFilterIn(FilterIn):
    kind = serializers.ChoiceField(KINDS, required=False)


class PartiesOut(order_schemas.TradeOut):
    counter_account_id = serializers.CharField(help_text="the other side")


class PartyTradesOut(serializers.Serializer):  # type: ignore[misc]
    items = PartiesOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeskView(StaffReadView):
    """A list over every account of the venue."""

    right = "trading.view_all"

    def filters(self, request: Any, shape: Any = FilterIn) -> Filters:
        """The query's filters; 1006 for an account that is not there."""
        given = {name: value for name, value in request.query_params.items() if value != ""}
        found = validated(shape, given)
        wanted = found.pop("account_id", "")
        accounts = [selectors.account_for(self.venue, wanted, None).account_id] if wanted else None
        if found.get("instrument_id"):
            found["symbol"] = selectors.symbol_of(self.venue, found["instrument_id"])
        return Filters(found, account_ids=accounts)


class Orders(DeskView):
    @documented(
        "Everybody's orders, newest first",
        answer=order_schemas.OrdersOut,
        example={"items": [ORDER], "next_cursor": None},
        errors=ERRORS,
        parameters=(ACCOUNT, STATUS, *FILTERS),
        tag=TAG,
        operation_id="management_orders_list",
    )
    def get(self, request: Any) -> Response:
        rows = order_selectors.orders(self.venue, self.filters(request))

        def show(found: Any) -> list[Any]:
            owners = order_selectors.owners_of(self.venue, found)
            return [order_data(row, owners.get(row.account_id, "")) for row in found]

        return paged(request, rows, show)


class Trades(DeskView):
    @documented(
        "Everybody's trades with both parties, newest first: one item for each side",
        answer=PartyTradesOut,
        example={
            "items": [{**TRADE, "counter_account_id": "ACC_" + "1" * 32}],
            "next_cursor": None,
        },
        errors=ERRORS,
        parameters=(ACCOUNT, *FILTERS),
        tag=TAG,
        operation_id="management_trades_list",
    )
    def get(self, request: Any) -> Response:
        rows = order_selectors.trades(self.venue, self.filters(request))

        def show(found: Any) -> list[Any]:
            return [{**trade_data(row), "counter_account_id": row.counter_account_id} for row in found]

        return paged(request, rows, show)


class Transactions(DeskView):
    @documented(
        "Everybody's movements of money, newest first",
        answer=account_schemas.FlowsOut,
        example={"items": [account_schemas.FLOW], "next_cursor": None},
        errors=ERRORS,
        parameters=(ACCOUNT, query("kind", "", enum=list(KINDS)), *FILTERS[2:]),
        tag=TAG,
        operation_id="management_transactions_list",
    )
    def get(self, request: Any) -> Response:
        filters = self.filters(request, FlowFilterIn)
        for name in ("symbol", "direction", "status"):
            filters.pop(name, None)
        rows = order_selectors.all_flows(self.venue, filters)
        return paged(request, rows, lambda found: [flow_data(row) for row in found])
