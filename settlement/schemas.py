"""Shapes of the settlement's REST rows and their examples (T-94)."""

from typing import Any

from rest_framework import serializers

from exchange_site.fields import FlagIn, MoneyIn, StrictSerializer, TextIn
from trading import account_schemas

ACCOUNT_ID, USER_ID = account_schemas.ACCOUNT_ID, account_schemas.ACCOUNT["user_id"]
SYMBOL = "SHFE.cu2701"


class PriceIn(StrictSerializer):
    instrument_id = TextIn(max_length=64)
    settlement_price = MoneyIn(least=1, most=10**13)


class SetPriceIn(PriceIn):
    confirm = FlagIn(required=False, default=False)
    reason = TextIn(required=False, default="", max_length=200, allow_blank=True)


class PricesIn(StrictSerializer):
    prices = PriceIn(many=True, allow_empty=False, max_length=5_000)
    confirm = FlagIn(required=False, default=False)
    reason = TextIn(required=False, default="", max_length=200, allow_blank=True)


class SettleIn(StrictSerializer):
    reason = TextIn(required=False, default="", max_length=200, allow_blank=True)


class SettlementRunOut(serializers.Serializer):  # type: ignore[misc]
    settlement_date = serializers.IntegerField()
    run_id = serializers.CharField()
    status = serializers.CharField()
    code = serializers.IntegerField()
    prices = serializers.IntegerField()
    missing = serializers.ListField(child=serializers.CharField())
    asked_by = serializers.CharField()
    started_by = serializers.CharField()


class SettlementResultOut(serializers.Serializer):  # type: ignore[misc]
    settlement_date = serializers.IntegerField()
    status = serializers.CharField()
    code = serializers.IntegerField()
    total_accounts = serializers.IntegerField()
    settled_accounts = serializers.IntegerField()
    failed_accounts = serializers.ListField(child=serializers.JSONField())
    force_closed_accounts = serializers.ListField(child=serializers.CharField())
    total_commission = serializers.FloatField()
    total_profit = serializers.FloatField()
    next_trading_day = serializers.IntegerField(allow_null=True)
    started_at = serializers.IntegerField()
    finished_at = serializers.IntegerField()


class AccountDayOut(serializers.Serializer):  # type: ignore[misc]
    user_id = serializers.CharField()
    user_name = serializers.CharField()
    account_id = serializers.CharField()
    pre_balance = serializers.FloatField()
    deposit = serializers.FloatField()
    withdraw = serializers.FloatField()
    close_profit = serializers.FloatField()
    position_profit = serializers.FloatField()
    commission = serializers.FloatField()
    balance = serializers.FloatField()
    margin = serializers.FloatField()
    available = serializers.FloatField()
    risk_ratio = serializers.FloatField()
    force_close = serializers.BooleanField()


class SettlementDetailOut(SettlementResultOut):
    accounts = AccountDayOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SettlementHistoryOut(serializers.Serializer):  # type: ignore[misc]
    items = SettlementResultOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SettlementPreviewOut(serializers.Serializer):  # type: ignore[misc]
    items = serializers.ListField(child=serializers.JSONField())
    next_cursor = serializers.CharField(allow_null=True)


RUN: dict[str, Any] = {
    "settlement_date": 20261123, "run_id": "RUN7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22", "status": "PRICED",
    "code": 0, "prices": 72, "missing": [], "asked_by": "", "started_by": "",
}  # fmt: skip
RESULT: dict[str, Any] = {
    "settlement_date": 20261123, "status": "DONE", "code": 0, "total_accounts": 12, "settled_accounts": 12,
    "failed_accounts": [], "force_closed_accounts": [], "total_commission": 1234.56, "total_profit": 0.0,
    "next_trading_day": 20261124, "started_at": 1795230000000, "finished_at": 1795230000250,
}  # fmt: skip
ACCOUNT_DAY: dict[str, Any] = {
    "user_id": USER_ID, "user_name": "alice", "account_id": ACCOUNT_ID, "pre_balance": 1_000_000.0,
    "deposit": 0.0, "withdraw": 0.0, "close_profit": 0.0, "position_profit": 500.0, "commission": 18.6,
    "balance": 1_000_481.4, "margin": 44_634.0, "available": 955_847.4, "risk_ratio": 0.0446,
    "force_close": False,
}  # fmt: skip
