"""Withdrawals that wait for a second person, over REST (T-100)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.models import MoneyRequest
from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import StrictSerializer, TextIn
from trading import account_schemas as shapes
from trading import approval_services as services
from trading.command_view import audited, validated
from trading.engine.codes import INVALID_FIELD, NOT_FOUND, WITHDRAWAL_REFUSED, WORKER_NOT_RUNNING
from trading.lists import PAGES, StaffReadView, paged

TAG = "management"
REQUEST: dict[str, Any] = {
    "request_id": 7, "account_id": shapes.ACCOUNT_ID, "amount": 500_000.0, "method": "bank", "remark": "",
    "status": "completed", "asked_by": shapes.ACCOUNT["user_id"], "asked_at": 1795230000000,
    "decided_by": shapes.ACCOUNT["user_id"], "code": 0, "flow_id": shapes.FLOW["flow_id"],
}  # fmt: skip


class DecisionIn(StrictSerializer):
    reason = TextIn(max_length=200)


class RequestOut(serializers.Serializer):  # type: ignore[misc]
    request_id = serializers.IntegerField()
    account_id = serializers.CharField()
    amount = serializers.FloatField()
    method = serializers.CharField()
    remark = serializers.CharField()
    status = serializers.CharField()
    asked_by = serializers.CharField()
    asked_at = serializers.IntegerField()
    decided_by = serializers.CharField()
    code = serializers.IntegerField()
    flow_id = serializers.CharField()


class RequestsOut(serializers.Serializer):  # type: ignore[misc]
    items = RequestOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class Requests(StaffReadView):
    right = "trading.move_money"

    @documented(
        "Withdrawals that waited or wait for a second person, newest first",
        answer=RequestsOut,
        example={"items": [REQUEST], "next_cursor": None},
        errors=(INVALID_FIELD,),
        parameters=PAGES,
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        rows = MoneyRequest.objects.filter(venue=self.venue)
        return paged(request, rows, lambda found: [services.request_data(row) for row in found])


def number_of(text: str) -> int:
    """The number of a request; 9007 for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ExchangeError(NOT_FOUND)
    return int(text)


class DecisionView(StaffReadView):
    right = "trading.move_money"

    def decide(self, request: Any, request_id: str, action: str, service: Any) -> Response:
        """Approve or reject; also a refused attempt is audited."""
        validated(DecisionIn, request.data)

        def perform(command_id: str) -> Any:
            return service(venue=self.venue, user=request.user, request_id=number_of(request_id))

        return audited(request, self.venue, action, "money request", request_id[:64], perform)


def _documented(summary: str, status: str) -> Any:
    return documented(
        summary,
        request=DecisionIn,
        sent={"reason": "seen the order form"},
        answer=RequestOut,
        example={**REQUEST, "status": status},
        errors=(NOT_FOUND, INVALID_FIELD, WITHDRAWAL_REFUSED, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )


class Approve(DecisionView):
    @_documented("Pay a waiting withdrawal out; never one's own", "completed")
    def post(self, request: Any, request_id: str) -> Response:
        return self.decide(request, request_id, "approve_withdrawal", services.approve)


class Reject(DecisionView):
    @_documented("Turn a waiting withdrawal down", "cancelled")
    def post(self, request: Any, request_id: str) -> Response:
        return self.decide(request, request_id, "reject_withdrawal", services.reject)
