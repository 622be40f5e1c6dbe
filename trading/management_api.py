"""Anybody's accounts and money, for operators (O-4); every act is audited (O-3)."""

from typing import Any

from django.db.models import Q
from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import FlagIn, StrictSerializer, TextIn
from trading import account_schemas as shapes
from trading import management_services as services
from trading import order_selectors, selectors
from trading.account_api import account_detail
from trading.command_view import audited, validated
from trading.engine.codes import (
    ACCOUNT_NOT_FOUND,
    DEPOSIT_REFUSED,
    INVALID_FIELD,
    WAITS_FOR_APPROVAL,
    WITHDRAWAL_REFUSED,
    WORKER_NOT_RUNNING,
)
from trading.lists import NUMBERED, PAGES, StaffReadView, paged, query
from trading.representations import flow_data

TAG = "management"
STATUSES = ("PENDING", "ACTIVE", "FROZEN", "CLOSED")
MODES = [(name, name) for name in ("TRADING_ONLY", "WITHDRAW_ONLY", "FULL")]
STATUS = {
    "account_id": shapes.ACCOUNT_ID,
    "status": "FROZEN",
    "freeze_mode": "FULL",
    "can_close": True,
    "reason": "asked by the risk desk",
}
_MOVED = {"account_id": shapes.ACCOUNT_ID, "amount": "1000.00", "method": "bank", "reason": "first deposit"}
_ERRORS = (ACCOUNT_NOT_FOUND, INVALID_FIELD, WORKER_NOT_RUNNING)


class AccountReasonIn(StrictSerializer):
    reason = TextIn(max_length=200)


class FreezeIn(AccountReasonIn):
    mode = serializers.ChoiceField(MODES, required=False, default="FULL")
    can_close = FlagIn(required=False, default=True)


class OperatorMoneyIn(shapes.MoneyMoveIn):
    reason = TextIn(required=False, max_length=200, default="")


class StatusOut(serializers.Serializer):  # type: ignore[misc]
    account_id = serializers.CharField()
    status = serializers.CharField()
    freeze_mode = serializers.CharField()
    can_close = serializers.BooleanField()
    reason = serializers.CharField()


class Accounts(StaffReadView):
    right = "trading.view_all"

    @documented(
        "Every account",
        answer=shapes.AccountsOut,
        example={"items": [shapes.ACCOUNT], "total": 1, "next_cursor": None},
        errors=(INVALID_FIELD,),
        parameters=(
            query("status", "", enum=list(STATUSES)),
            query("user_id", "32 hex"),
            query("search", "part of an account's id or name"),
            *NUMBERED,
        ),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        rows = selectors.accounts_of(self.venue)
        wanted = {name: request.query_params.get(name, "") for name in ("status", "user_id", "search")}
        for name, value in wanted.items():
            if "\x00" in value or len(value) > 64 or (name == "status" and value and value not in STATUSES):
                raise ExchangeError(INVALID_FIELD, {"field": name})
        if wanted["status"]:
            rows = rows.filter(status=wanted["status"])
        if wanted["user_id"]:
            rows = rows.filter(user_id=wanted["user_id"].replace("-", "").lower())
        if wanted["search"]:
            text = wanted["search"]
            rows = rows.filter(Q(account_id__contains=text) | Q(account_name__contains=text))
        return paged(request, rows, lambda found: selectors.accounts_data(self.venue, found), numbered=True)


class Detail(StaffReadView):
    right = "trading.view_all"

    @documented(
        "An account with its positions and working orders",
        answer=shapes.AccountDetailOut,
        example={**shapes.ACCOUNT, "positions": [shapes.POSITION], "orders": []},
        errors=(ACCOUNT_NOT_FOUND,),
        tag=TAG,
        operation_id="management_account_detail",
    )
    def get(self, request: Any, account_id: str) -> Response:
        return Response(account_detail(self.venue, selectors.account_for(self.venue, account_id, None)))


class Transactions(StaffReadView):
    right = "trading.view_all"

    @documented(
        "Movements of an account's money, newest first",
        answer=shapes.FlowsOut,
        example={"items": [shapes.FLOW], "next_cursor": None},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=PAGES,
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, None)
        rows = order_selectors.flows(self.venue, account.account_id)
        return paged(request, rows, lambda found: [flow_data(row) for row in found])


class MoneyView(StaffReadView):
    """Base of deposit and withdrawal."""

    right = "trading.move_money"

    def move(self, request: Any, action: str, service: Any) -> Response:
        """Carry out what the body asks for."""
        body = validated(OperatorMoneyIn, request.data)
        body.pop("user_id", None)
        body["remark"] = body["remark"] or body["reason"]
        del body["reason"]
        selectors.account_for(self.venue, body["account_id"], None)

        def perform(command_id: str) -> Any:
            return service(venue=self.venue, user=request.user, command_id=command_id, **body)

        return audited(request, self.venue, action, "account", body["account_id"], perform)


class DepositView(MoneyView):
    @documented(
        "Money into an account",
        request=OperatorMoneyIn,
        sent=_MOVED,
        answer=shapes.FlowOut,
        example=shapes.FLOW,
        errors=(*_ERRORS, DEPOSIT_REFUSED),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        return self.move(request, "deposit", services.deposit)


class WithdrawView(MoneyView):
    @documented(
        "Money out of an account, at most what is available",
        request=OperatorMoneyIn,
        sent=_MOVED,
        answer=shapes.FlowOut,
        example={**shapes.FLOW, "kind": "withdrawal", "amount": -1000.0},
        errors=(*_ERRORS, WITHDRAWAL_REFUSED, WAITS_FOR_APPROVAL),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        return self.move(request, "withdraw", services.withdraw)


class StatusView(StaffReadView):
    """Base of what changes an account's status; says who may and what is done."""

    right = "trading.operate_accounts"

    def change(
        self, request: Any, account_id: str, action: str, service: Any, shape: Any = AccountReasonIn
    ) -> Response:
        """Carry out a change of status that the body gives a reason for."""
        body = validated(shape, request.data)
        selectors.account_for(self.venue, account_id, None)

        def perform(command_id: str) -> Any:
            return service(
                venue=self.venue, user=request.user, command_id=command_id, account_id=account_id, **body
            )

        return audited(request, self.venue, action, "account", account_id, perform)


def _documented(summary: str, status: str, shape: Any = AccountReasonIn, **sent: Any) -> Any:
    return documented(
        summary,
        request=shape,
        sent={"reason": "asked by the risk desk", **sent},
        answer=StatusOut,
        example={**STATUS, "status": status},
        errors=_ERRORS,
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )


class Freeze(StatusView):
    @_documented("Freeze an account", "FROZEN", FreezeIn, mode="FULL", can_close=True)
    def post(self, request: Any, account_id: str) -> Response:
        return self.change(request, account_id, "freeze", services.freeze, FreezeIn)


class Unfreeze(StatusView):
    @_documented("Let a frozen account trade again", "ACTIVE")
    def post(self, request: Any, account_id: str) -> Response:
        return self.change(request, account_id, "unfreeze", services.unfreeze)


class Approve(StatusView):
    @_documented("Let a waiting account trade", "ACTIVE")
    def post(self, request: Any, account_id: str) -> Response:
        return self.change(request, account_id, "approve", services.approve)


class Reject(StatusView):
    @_documented("Turn a waiting account down, for good", "CLOSED")
    def post(self, request: Any, account_id: str) -> Response:
        return self.change(request, account_id, "reject", services.reject)


class Close(StatusView):
    @_documented("Close an empty account, for good", "CLOSED")
    def post(self, request: Any, account_id: str) -> Response:
        return self.change(request, account_id, "close", services.close)
