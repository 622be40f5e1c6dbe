"""Banks, transfers, passwords, status and own rates of an account over REST (T-100, H)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import bank_services as banks
from accounts import services as users
from accounts.serializers import DoneOut, PasswordIn
from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.fields import MoneyIn, StrictSerializer, TextIn
from exchange_site.ratelimit import LOGIN, Draw, client_address
from trading import account_schemas as shapes
from trading import bank_services as services
from trading import order_selectors, rate_selectors, selectors
from trading.command_view import carry_out, validated
from trading.engine.codes import (
    ACCOUNT_FROZEN,
    ACCOUNT_NOT_FOUND,
    AUTHENTICATION_FAILED,
    DEPOSIT_REFUSED,
    INVALID_FIELD,
    NOT_FOUND,
    NOT_PERMITTED,
    SERVICE_UNAVAILABLE,
    TOO_MANY_REQUESTS,
    WAITS_FOR_APPROVAL,
    WITHDRAWAL_REFUSED,
    WORKER_NOT_RUNNING,
)
from trading.engine.units import MAX_MONEY
from trading.lists import PAGES, ReadView, paged, query
from trading.rate_api import COMMISSION, MARGIN
from trading.representations import flow_data

TAG = "accounts"
BANK: dict[str, Any] = {
    "bank_id": "DEMO", "name": "演示银行", "is_demonstration": True, "number": "****0001",
    "signed_at": 1795230000000, "balance": 1_000_000.0, "is_locked": False,
}  # fmt: skip
STATUS: dict[str, Any] = {
    "account_id": shapes.ACCOUNT_ID, "status": "ACTIVE", "freeze_mode": "NONE", "can_trade": True,
    "can_withdraw": True, "can_close": True, "reason": "", "has_fund_password": True,
    "fund_password_locked": False,
}  # fmt: skip
MOVED = {"amount": "-1000.00", "bank_id": "DEMO", "bank_password": "…", "future_password": "…"}
SECRETS = ("bank_password", "future_password")


class TransferIn(StrictSerializer):
    account_id = TextIn(max_length=128)
    bank_id = TextIn(max_length=16)
    amount = MoneyIn(least=-MAX_MONEY, help_text="+ into the account, - out of it")
    bank_password = PasswordIn()
    future_password = PasswordIn(help_text="the account's fund password")
    remark = TextIn(required=False, max_length=200, default="", allow_blank=True)


class PasswordsIn(StrictSerializer):
    kind = serializers.ChoiceField([("trading", "trading"), ("fund", "fund")])
    old_password = PasswordIn(help_text="for the first fund password: the log-in password")
    new_password = PasswordIn()


class BankOut(serializers.Serializer):  # type: ignore[misc]
    bank_id = serializers.CharField()
    name = serializers.CharField()
    is_demonstration = serializers.BooleanField()
    number = serializers.CharField(help_text="the last four characters")
    signed_at = serializers.IntegerField(help_text="ms")
    balance = serializers.FloatField(allow_null=True, help_text="of a demonstration bank")
    is_locked = serializers.BooleanField()


class BanksOut(serializers.Serializer):  # type: ignore[misc]
    items = BankOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AccountStatusOut(serializers.Serializer):  # type: ignore[misc]
    account_id = serializers.CharField()
    status = serializers.CharField()
    freeze_mode = serializers.CharField()
    can_trade = serializers.BooleanField()
    can_withdraw = serializers.BooleanField()
    can_close = serializers.BooleanField()
    reason = serializers.CharField()
    has_fund_password = serializers.BooleanField()
    fund_password_locked = serializers.BooleanField()


class OwnRateOut(serializers.Serializer):  # type: ignore[misc]
    instrument_id = serializers.CharField()
    margin_ratio_long = serializers.FloatField(required=False)
    margin_ratio_short = serializers.FloatField(required=False)
    open_fee_ratio = serializers.FloatField(required=False)
    open_fee_per_lot = serializers.FloatField(required=False)
    close_fee_ratio = serializers.FloatField(required=False)
    close_fee_per_lot = serializers.FloatField(required=False)
    close_today_fee_ratio = serializers.FloatField(required=False)
    close_today_fee_per_lot = serializers.FloatField(required=False)


class OwnRatesOut(serializers.Serializer):  # type: ignore[misc]
    items = OwnRateOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    today = serializers.DictField(child=serializers.FloatField(), help_text="the account's sums of this day")


class Banks(ReadView):
    @documented(
        "The banks an account is signed with",
        answer=BanksOut,
        example={"items": [BANK], "next_cursor": None},
        errors=(ACCOUNT_NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        rows = banks.banks_of(self.venue, account.account_id)
        return Response({"items": [services.bank_data(row) for row in rows], "next_cursor": None})


class Transfers(ReadView):
    @documented(
        "Transfers between the account and its banks, newest first",
        answer=shapes.FlowsOut,
        example={"items": [{**shapes.FLOW, "kind": "transfer", "method": "bank:DEMO"}], "next_cursor": None},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=PAGES,
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        rows = order_selectors.flows(self.venue, account.account_id).filter(kind=services.TRANSFER)
        return paged(request, rows, lambda found: [flow_data(row) for row in found])


class TransferView(ReadView):
    @documented(
        "Money from a bank into the account, or out of it to the bank",
        request=TransferIn,
        sent={"account_id": shapes.ACCOUNT_ID, **MOVED},
        answer=shapes.FlowOut,
        example={**shapes.FLOW, "kind": "transfer", "amount": -1000.0, "method": "bank:DEMO"},
        errors=(
            ACCOUNT_NOT_FOUND, ACCOUNT_FROZEN, NOT_FOUND, AUTHENTICATION_FAILED, TOO_MANY_REQUESTS,
            NOT_PERMITTED, DEPOSIT_REFUSED, WITHDRAWAL_REFUSED, WAITS_FOR_APPROVAL, INVALID_FIELD,
            SERVICE_UNAVAILABLE, WORKER_NOT_RUNNING,
        ),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )  # fmt: skip
    def post(self, request: Any) -> Response:
        body = validated(TransferIn, request.data)
        shown = {name: str(value) for name, value in body.items() if name not in SECRETS}
        return carry_out(
            request,
            self.venue,
            lambda command_id: services.transfer(
                venue=self.venue, user=request.user, command_id=command_id, **body
            ),
            shown,
        )


class Passwords(ReadView):
    def draws(self, request: Any) -> list[Draw]:
        user = request.user.pk.hex if request.user.is_authenticated else ""
        return [Draw(f"login:p:{user}:{client_address(request)}", LOGIN)]

    @documented(
        "Change the log-in password or the account's fund password",
        request=PasswordsIn,
        sent={"kind": "fund", "old_password": "correct horse battery", "new_password": "staple battery"},
        answer=DoneOut,
        example={"done": True},
        errors=(ACCOUNT_NOT_FOUND, AUTHENTICATION_FAILED, TOO_MANY_REQUESTS, INVALID_FIELD),
        tag=TAG,
    )
    def post(self, request: Any, account_id: str) -> Response:
        body = validated(PasswordsIn, request.data)
        old, new = body["old_password"], body["new_password"]
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        if body["kind"] == "trading":
            users.change_password(user=request.user, old=old, new=new, keep=request.auth)
        else:
            services.change_password(
                venue=self.venue, user=request.user, account_id=account.account_id, old=old, new=new,
                request=request,
            )  # fmt: skip
        return Response({"done": True})


class Status(ReadView):
    @documented(
        "What the account may do now, and why not",
        answer=AccountStatusOut,
        example=STATUS,
        errors=(ACCOUNT_NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        kept = banks.fund_password_of(self.venue, account.account_id)
        named = ("account_id", "status", "freeze_mode")
        shown = selectors.accounts_data(self.venue, [account])[0]
        return Response(
            {
                **{name: getattr(account, name) for name in named},
                "can_trade": shown["can_trade"],
                "can_withdraw": shown["can_withdraw"],
                "can_close": account.status == "ACTIVE" or (account.status == "FROZEN" and account.can_close),
                "reason": account.freeze_reason,
                "has_fund_password": kept is not None,
                "fund_password_locked": kept is not None and kept.is_locked,
            }
        )


class OwnRates(ReadView):
    names: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()

    def listed(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        rows = rate_selectors.instruments(self.venue, request.query_params.get("instrument_id", ""))
        response = paged(
            request, rows, lambda found: rate_selectors.own_rates(self.venue, account, found, self.names)
        )
        response.data["today"] = {name: float(getattr(account, name)) for name in self.sums}
        return response


def _rates(summary: str, rates: dict[str, float], today: dict[str, float]) -> Any:
    return documented(
        summary,
        answer=OwnRatesOut,
        example={"items": [{"instrument_id": "SHFE.cu2701", **rates}], "next_cursor": None, "today": today},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=(query("instrument_id", "full symbol or unambiguous id"), *PAGES),
        tag=TAG,
    )


class Commission(OwnRates):
    names, sums = tuple(COMMISSION), ("commission", "frozen_commission")

    @_rates("Commission rates that hold for this account", COMMISSION, {"commission": 18.6})
    def get(self, request: Any, account_id: str) -> Response:
        return self.listed(request, account_id)


class Margin(OwnRates):
    names, sums = tuple(MARGIN), ("margin", "frozen_margin")

    @_rates("Margin rates that hold for this account", MARGIN, {"margin": 44_634.0})
    def get(self, request: Any, account_id: str) -> Response:
        return self.listed(request, account_id)
