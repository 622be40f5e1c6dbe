"""Instruments and the venue for staff over REST (T-13, T-14, H "admin")."""

from typing import Any

from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.views import StaffView
from trading import instrument_selectors as selectors
from trading import instrument_serializers as shapes
from trading import instrument_services as services
from trading.command_view import audited, validated
from trading.engine.codes import (
    ACCOUNT_EXISTS,
    INSTRUMENT_NOT_FOUND,
    INVALID_FIELD,
    WAITS_FOR_APPROVAL,
    WORKER_NOT_RUNNING,
)
from trading.lists import StaffReadView, paged
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
CREATED = {
    "exchange_id": "SHFE",
    "instrument_id": "cu2701",
    "product_id": "cu",
    "volume_multiple": 5,
    "price_tick": "10",
    "session_template": "night_0100",
    "limit_up_ratio": "0.1",
    "limit_down_ratio": "0.1",
    "listing_price": "74000",
    "expire_date": 20270115,
}
CHANGED = {"instrument_id": SYMBOL, "status": "TRADING"}
CHANGING = (INSTRUMENT_NOT_FOUND, INVALID_FIELD, WAITS_FOR_APPROVAL, WORKER_NOT_RUNNING)
TAG = "staff: instruments"


class Instruments(StaffReadView):
    right = "trading.view_instrument"

    @documented(
        "Every instrument",
        answer=shapes.InstrumentsOut,
        example={"items": [INSTRUMENT], "total": 1, "next_cursor": None},
        errors=(INVALID_FIELD,),
        parameters=(shapes.InstrumentsIn,),
        tag=TAG,
        operation_id="admin_instruments_list",
    )
    def get(self, request: Any) -> Response:
        given = {name: value for name, value in request.query_params.items() if name != "format"}
        query = validated(shapes.InstrumentsIn, given)
        rows = selectors.instruments(self.venue, query)
        return paged(request, rows, lambda found: selectors.instruments_data(self.venue, found), True)


class OperatorView(StaffView):
    """Acts on instruments, each with its audit row."""

    right = "trading.operate_instruments"

    def act(self, request: Any, action: str, target: str, perform: Any, **fields: Any) -> Response:
        """Run a service once for the request's key."""
        venue, user = current_venue(), request.user

        def run(command_id: str) -> Any:
            return perform(venue=venue, user=user, command_id=command_id, **fields)

        return audited(request, venue, action, "instrument", target[:64], run)


class Create(OperatorView):
    @documented(
        "List an instrument",
        request=shapes.InstrumentIn,
        sent=CREATED,
        answer=shapes.InstrumentChangedOut,
        example=CHANGED,
        status=201,
        errors=(ACCOUNT_EXISTS, INVALID_FIELD, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        body = validated(shapes.InstrumentIn, request.data)
        symbol = f"{body['exchange_id']}.{body['instrument_id']}"
        return self.act(request, "create", symbol, services.create, body=body)


class Update(OperatorView):
    @documented(
        "Change an instrument",
        request=shapes.InstrumentUpdateIn,
        sent={"margin_ratio_long": "0.15", "margin_ratio_short": "0.15", "reason": "volatility"},
        answer=shapes.InstrumentChangedOut,
        example=CHANGED,
        errors=CHANGING,
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def put(self, request: Any, instrument_id: str) -> Response:
        body = validated(shapes.InstrumentUpdateIn, request.data)
        return self.act(request, "change", instrument_id, services.update, text=instrument_id, body=body)


def _status_view(action: str, summary: str, method: str, status: str, perform: Any) -> type[OperatorView]:
    """A view of one change of an instrument's status."""

    @documented(
        summary,
        request=None if method == "delete" else shapes.ReasonIn,
        sent=None if method == "delete" else {"reason": "announcement 17"},
        answer=shapes.InstrumentChangedOut,
        example={**CHANGED, "status": status},
        errors=CHANGING,
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def handle(self: OperatorView, request: Any, instrument_id: str) -> Response:
        reason = validated(shapes.ReasonIn, request.data)["reason"]
        return self.act(request, action, instrument_id, perform, text=instrument_id, reason=reason)

    return type(action.title(), (OperatorView,), {method: handle, "__module__": __name__})


Suspend = _status_view("suspend", "Suspend trading", "put", "SUSPENDED", services.suspend)
Resume = _status_view("resume", "Resume trading", "put", "TRADING", services.resume)
Delist = _status_view("delist", "End an instrument for good", "delete", "DELISTED", services.delist)


class OneVenue(StaffReadView):
    right = "trading.view_venue"

    @documented(
        "The venue: clock, day, switches, settings",
        answer=shapes.VenueOut,
        example={
            "venue": "main",
            "number": 1,
            "mode": "ALWAYS",
            "trading_day": 20261121,
            "settlement_minute": 930,
            "is_halted": False,
            "halt_reason": "",
            "is_settling": False,
            "engine_version": 1,
            "projector_seq": 98765,
            "phases": {"always": "CONTINUOUS"},
            "settings": {"max_order_amount": 100000000000},
        },
        tag="staff: venue",
    )
    def get(self, request: Any) -> Response:
        return Response(selectors.venue_data(self.venue))
