"""Conditional orders over REST: POST, GET and DELETE /api/conditional-orders (T-70)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import MoneyIn, TextIn, WholeIn
from trading import choices, selectors
from trading import condition_selectors as reads
from trading import condition_services as services
from trading.command_view import carry_out
from trading.condition_input import GOOD_FOR, KINDS, place_conditional
from trading.engine.codes import (
    ACCOUNT_FROZEN,
    ACCOUNT_NOT_FOUND,
    ILLEGAL_ORDER_PARAMETER,
    INSTRUMENT_NOT_FOUND,
    INVALID_FIELD,
    ORDER_ID_USED,
    ORDER_NOT_CANCELLABLE,
    ORDER_NOT_FOUND,
    PRICE_OFF_TICK,
    TOO_MANY_REQUESTS,
    WORKER_NOT_RUNNING,
)
from trading.engine.conditions import ConditionalOffset, ConditionalPrice, PriceSource
from trading.engine.units import MAX_PRICE
from trading.lists import ACCOUNT, PAGES, FilterIn, ReadView, checked_filters, paged, query
from trading.order_api import ACCOUNT as ACCOUNT_ID
from trading.order_input import own_user
from trading.order_schemas import ORDER_ID_PATTERN

TAG = "conditional orders"
STATUSES = [*choices.ConditionalStatus.choices, ("working", "working")]
SENT = {
    "account_id": ACCOUNT_ID,
    "order_id": "stop-1",
    "kind": "STOP_LOSS",
    "instrument_id": "SHFE.cu2701",
    "direction": "SELL",
    "offset": "CLOSE",
    "volume": 1,
    "trigger_price": "74200.00",
}
CONDITIONAL = {
    "order_id": "stop-1",
    "uid": 4712,
    "account_id": ACCOUNT_ID,
    "kind": "STOP_LOSS",
    "status": "WAITING",
    "needs_all": False,
    "conditions": [
        {
            "kind": "PRICE", "instrument_id": "SHFE.cu2701", "price_source": "LAST", "relation": "LE",
            "price": 74200.0, "price2": 0.0, "time": 0, "touched": False,
        }
    ],
    "orders": [
        {
            "instrument_id": "SHFE.cu2701", "direction": "SELL", "offset": "CLOSE", "volume": 1,
            "close_all": False, "order_type": "MARKET", "price": 0.0,
        }
    ],
    "time_condition": "GFD",
    "gtd_date": 0,
    "client_tag": "",
    "code": 0,
    "reason": "",
    "trading_day": 20261121,
    "insert_time": 1795230000000,
    "touch_time": 0,
}  # fmt: skip
_NAMED = (ACCOUNT_NOT_FOUND, ORDER_NOT_FOUND, INVALID_FIELD)
_CHANGING = (*_NAMED, ORDER_NOT_CANCELLABLE, WORKER_NOT_RUNNING)


def _names(kind: Any) -> list[tuple[str, str]]:
    return [(name, name) for name in kind]


class ConditionalIn(serializers.Serializer):  # type: ignore[misc]
    """A conditional order; OCO's `trigger_price` stops, its `trigger_price2` takes the profit."""

    account_id = TextIn(max_length=128)
    user_id = TextIn(required=False)
    order_id = serializers.RegexField(ORDER_ID_PATTERN, required=False)
    kind = serializers.ChoiceField(_names(KINDS))
    instrument_id = TextIn(max_length=64)
    direction = serializers.ChoiceField(choices.Direction.choices)
    offset = serializers.ChoiceField(_names(ConditionalOffset.__members__))
    volume = WholeIn(least=1, required=False, help_text="not for `close_all` and REVERSE")
    close_all = serializers.BooleanField(required=False)
    price_source = serializers.ChoiceField(_names(PriceSource.__members__), required=False)
    trigger_price = MoneyIn(most=MAX_PRICE, required=False)
    trigger_price2 = MoneyIn(most=MAX_PRICE, required=False, help_text="OCO, PRICE_RANGE")
    distance = MoneyIn(most=MAX_PRICE, required=False, help_text="TRAILING: from the best price seen")
    time = WholeIn(required=False, help_text="TIME: ms")
    order_type = serializers.ChoiceField(_names(ConditionalPrice.__members__), required=False)
    price = MoneyIn(most=MAX_PRICE, required=False, help_text="of order_type LIMIT")
    time_condition = serializers.ChoiceField(_names(GOOD_FOR), required=False)
    gtd_date = WholeIn(least=19700101, most=99991231, required=False)
    client_tag = TextIn(max_length=64, required=False)


class ConditionOut(serializers.Serializer):  # type: ignore[misc]
    kind = serializers.CharField()
    instrument_id = serializers.CharField()
    price_source = serializers.CharField()
    relation = serializers.CharField()
    price = serializers.FloatField()
    price2 = serializers.FloatField()
    time = serializers.IntegerField(help_text="ms, 0: none")
    touched = serializers.BooleanField()


class TriggeredOut(serializers.Serializer):  # type: ignore[misc]
    instrument_id = serializers.CharField()
    direction = serializers.CharField()
    offset = serializers.CharField()
    volume = serializers.IntegerField()
    close_all = serializers.BooleanField()
    order_type = serializers.CharField()
    price = serializers.FloatField()


class ConditionalOut(serializers.Serializer):  # type: ignore[misc]
    order_id = serializers.CharField()
    uid = serializers.IntegerField()
    account_id = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.CharField()
    needs_all = serializers.BooleanField()
    conditions = ConditionOut(many=True)
    orders = TriggeredOut(many=True)
    time_condition = serializers.CharField()
    gtd_date = serializers.IntegerField()
    client_tag = serializers.CharField(allow_blank=True)
    code = serializers.IntegerField(help_text="of a FAILED one")
    reason = serializers.CharField(allow_blank=True)
    trading_day = serializers.IntegerField()
    insert_time = serializers.IntegerField(help_text="ms")
    touch_time = serializers.IntegerField(help_text="ms of the last change of its status, 0: none")


class ConditionalsOut(serializers.Serializer):  # type: ignore[misc]
    items = ConditionalOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ConditionalFilterIn(FilterIn):
    status = serializers.ChoiceField(STATUSES, required=False)


class ChangeView(ReadView):
    """Base of what changes one conditional order of the caller."""

    def change(self, request: Any, order_id: str, action: int) -> Response:
        """Carry out a change of status, once for the request's key."""
        user_id = request.user.pk.hex
        selectors.catch_up_with(self.venue, user_id)
        account_id = request.query_params.get("account_id", "")
        if not account_id:
            account_id = reads.newest_conditional(self.venue, user_id, order_id).account_id

        def perform(command_id: str) -> Any:
            return services.change(
                venue=self.venue, user_id=user_id, account_id=account_id, order_id=order_id,
                action=action, command_id=command_id,
            )  # fmt: skip

        return carry_out(request, self.venue, perform)


class Conditionals(ChangeView):
    @documented(
        "Keep a conditional order: stop loss, take profit, touch, trailing, OCO and DIFF's kinds",
        request=ConditionalIn,
        sent=SENT,
        answer=ConditionalOut,
        example=CONDITIONAL,
        errors=(
            ACCOUNT_NOT_FOUND, ACCOUNT_FROZEN, INSTRUMENT_NOT_FOUND, ILLEGAL_ORDER_PARAMETER,
            PRICE_OFF_TICK, ORDER_ID_USED, TOO_MANY_REQUESTS, WORKER_NOT_RUNNING,
        ),
        parameters=(IDEMPOTENCY,),
        status=201,
        tag=TAG,
        operation_id="conditional_order_create",
    )  # fmt: skip
    def post(self, request: Any) -> Response:
        body = request.data
        if not isinstance(body, dict):
            raise ExchangeError(ILLEGAL_ORDER_PARAMETER, {"field": "body"})
        user_id = request.user.pk.hex
        own_user(body, user_id)
        command = place_conditional(body, lambda text: selectors.symbol_of(self.venue, text))

        def perform(command_id: str) -> Any:
            return services.place(venue=self.venue, user_id=user_id, command=command, command_id=command_id)

        return carry_out(request, self.venue, perform)

    @documented(
        "Conditional orders, newest first",
        answer=ConditionalsOut,
        example={"items": [CONDITIONAL], "next_cursor": None},
        errors=(ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, INVALID_FIELD),
        parameters=(
            ACCOUNT, query("status", "", enum=[value for value, _ in STATUSES]),
            query("instrument_id", "full symbol or unambiguous id"),
            query("trading_day", "yyyymmdd", int), *PAGES,
        ),
        tag=TAG,
        operation_id="conditional_orders_list",
    )  # fmt: skip
    def get(self, request: Any) -> Response:
        filters = checked_filters(request, self.venue, shape=ConditionalFilterIn)
        rows = reads.conditionals(self.venue, filters)
        return paged(request, rows, lambda found: [reads.table_data(row) for row in found])

    @documented(
        "Cancel a conditional order",
        answer=ConditionalOut,
        example={**CONDITIONAL, "status": "CANCELLED"},
        errors=_CHANGING,
        parameters=(query("order_id", "of the conditional order"), ACCOUNT, IDEMPOTENCY),
        tag=TAG,
        operation_id="conditional_order_cancel_by_query",
    )
    def delete(self, request: Any) -> Response:
        return self.change(request, request.query_params.get("order_id", ""), services.CANCEL)


class OneConditional(ChangeView):
    @documented(
        "The caller's newest conditional order with this id",
        answer=ConditionalOut,
        example=CONDITIONAL,
        errors=_NAMED,
        parameters=(ACCOUNT,),
        tag=TAG,
        operation_id="conditional_order",
    )
    def get(self, request: Any, order_id: str) -> Response:
        account_id = request.query_params.get("account_id", "")
        row = reads.newest_conditional(self.venue, request.user.pk.hex, order_id, account_id)
        return Response(reads.table_data(row))

    @documented(
        "Cancel a conditional order",
        answer=ConditionalOut,
        example={**CONDITIONAL, "status": "CANCELLED"},
        errors=_CHANGING,
        parameters=(ACCOUNT, IDEMPOTENCY),
        tag=TAG,
        operation_id="conditional_order_cancel",
    )
    def delete(self, request: Any, order_id: str) -> Response:
        return self.change(request, order_id, services.CANCEL)


class Suspend(ChangeView):
    @documented(
        "Let a waiting conditional order sleep",
        answer=ConditionalOut,
        example={**CONDITIONAL, "status": "SUSPENDED"},
        errors=_CHANGING,
        parameters=(ACCOUNT, IDEMPOTENCY),
        tag=TAG,
        operation_id="conditional_order_suspend",
    )
    def post(self, request: Any, order_id: str) -> Response:
        return self.change(request, order_id, services.SUSPEND)


class Resume(ChangeView):
    @documented(
        "Wake a suspended conditional order",
        answer=ConditionalOut,
        example=CONDITIONAL,
        errors=_CHANGING,
        parameters=(ACCOUNT, IDEMPOTENCY),
        tag=TAG,
        operation_id="conditional_order_resume",
    )
    def post(self, request: Any, order_id: str) -> Response:
        return self.change(request, order_id, services.RESUME)
