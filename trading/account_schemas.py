"""Shapes of account requests and answers (H-7)."""

from typing import Any

from rest_framework import serializers

from exchange_site.fields import MoneyIn, StrictSerializer, TextIn
from trading.order_schemas import OrderOut
from trading.representations import FUNDS_FIELDS

TYPES = [("individual", "individual"), ("institutional", "institutional")]


class OpenIn(StrictSerializer):
    user_id = TextIn(required=False)
    user_name = TextIn(required=False, max_length=64)
    account_name = TextIn(max_length=64)
    account_type = serializers.ChoiceField(TYPES)
    init_cash = MoneyIn(required=False, help_text="only where the venue grants practice money")


class CreateIn(StrictSerializer):
    account_id = serializers.RegexField(r"^ACC_[0-9a-f]{32}$", required=False)
    account_name = TextIn(max_length=64)
    account_type = serializers.ChoiceField(TYPES, required=False, default="individual")
    init_balance = MoneyIn(required=False)
    init_cash = MoneyIn(required=False, help_text="the same as `init_balance`")


class MoneyMoveIn(StrictSerializer):
    account_id = TextIn(max_length=128)
    user_id = TextIn(required=False)
    amount = MoneyIn(least=1)
    method = TextIn(required=False, max_length=32, default="")
    remark = TextIn(required=False, max_length=200, default="", allow_blank=True)


class OpenedOut(serializers.Serializer):  # type: ignore[misc]
    account_id = serializers.CharField()
    status = serializers.CharField()


class FlowOut(serializers.Serializer):  # type: ignore[misc]
    flow_id = serializers.CharField()
    account_id = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.CharField()
    amount = serializers.FloatField(help_text="+ in, − out")
    balance_before = serializers.FloatField(help_text="without open profit")
    balance_after = serializers.FloatField()
    method = serializers.CharField()
    remark = serializers.CharField()
    operator_id = serializers.CharField()
    reverses = serializers.CharField()
    reference = serializers.CharField()
    trading_day = serializers.IntegerField()
    timestamp = serializers.IntegerField()


def _shape(name: str, fields: dict[str, Any]) -> Any:
    return type(name, (serializers.Serializer,), fields)


_QIFI_FIGURES = (
    *FUNDS_FIELDS, "WithdrawQuota", "static_balance", "position_profit", "float_profit", "balance",
    "available", "risk_ratio",
)  # fmt: skip
QifiOut = _shape(
    "QifiOut",
    {
        "user_id": serializers.CharField(),
        "currency": serializers.CharField(),
        **{name: serializers.FloatField() for name in _QIFI_FIGURES},
    },
)
_SIDES = ("long", "short")
_LOTS = ("", "_today", "_his", "_frozen", "_frozen_today", "_frozen_his")
_SIDE_MONEY = (
    "open_price", "open_cost", "position_price", "position_cost", "float_profit", "position_profit",
    "margin", "cost", "profit",
)  # fmt: skip
_POSITION_NAMES = ("user_id", "account_id", "exchange_id", "instrument_id")
PositionOut = _shape(
    "PositionOut",
    {
        **{name: serializers.CharField() for name in _POSITION_NAMES},
        "last_price": serializers.FloatField(),
        **{f"volume_{side}{part}": serializers.IntegerField() for side in _SIDES for part in _LOTS},
        **{f"{name}_{side}": serializers.FloatField() for side in _SIDES for name in _SIDE_MONEY},
        **{name: serializers.FloatField() for name in ("float_profit", "position_profit", "margin")},
    },
)


class AccountOut(serializers.Serializer):  # type: ignore[misc]
    account_id = serializers.CharField()
    user_id = serializers.CharField()
    user_name = serializers.CharField()
    account_name = serializers.CharField()
    account_type = serializers.CharField()
    currency = serializers.CharField()
    status = serializers.CharField()
    can_trade = serializers.BooleanField()
    can_withdraw = serializers.BooleanField()
    balance = serializers.FloatField()
    available = serializers.FloatField()
    frozen = serializers.FloatField()
    margin = serializers.FloatField()
    profit = serializers.FloatField()
    risk_ratio = serializers.FloatField()
    created_at = serializers.IntegerField()
    qifi = QifiOut()


class AccountDetailOut(AccountOut):
    positions = PositionOut(many=True)
    orders = OrderOut(many=True, help_text="working ones")


class AccountsOut(serializers.Serializer):  # type: ignore[misc]
    items = AccountOut(many=True)
    total = serializers.IntegerField()
    next_cursor = serializers.IntegerField(allow_null=True)


class PositionsOut(serializers.Serializer):  # type: ignore[misc]
    items = PositionOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class FlowsOut(serializers.Serializer):  # type: ignore[misc]
    items = FlowOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# Examples of the schema.

_FUNDS = dict.fromkeys(FUNDS_FIELDS, 0.0)
ACCOUNT_ID = "ACC_7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22"
QIFI = {
    "user_id": ACCOUNT_ID,
    "currency": "CNY",
    **_FUNDS,
    "deposit": 1_000_000.0,
    "WithdrawQuota": 1_000_000.0,
    "static_balance": 1_000_000.0,
    "position_profit": 0.0,
    "float_profit": 0.0,
    "balance": 1_000_000.0,
    "available": 1_000_000.0,
    "risk_ratio": 0.0,
}
ACCOUNT = {
    "account_id": ACCOUNT_ID,
    "user_id": "7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22",
    "user_name": "alice",
    "account_name": "main",
    "account_type": "individual",
    "currency": "CNY",
    "status": "ACTIVE",
    "can_trade": True,
    "can_withdraw": True,
    "balance": 1_000_000.0,
    "available": 1_000_000.0,
    "frozen": 0.0,
    "margin": 0.0,
    "profit": 0.0,
    "risk_ratio": 0.0,
    "created_at": 1795230000000,
    "qifi": QIFI,
}
POSITION = {
    "user_id": ACCOUNT_ID,
    "account_id": ACCOUNT_ID,
    "exchange_id": "SHFE",
    "instrument_id": "SHFE.cu2701",
    "last_price": 74390.0,
    **{f"volume_{side}{part}": 0 for side in _SIDES for part in _LOTS},
    **{f"{name}_{side}": 0.0 for side in _SIDES for name in _SIDE_MONEY},
    **dict.fromkeys(("float_profit", "position_profit", "margin"), 0.0),
}
FLOW = {
    "flow_id": "TXN2026112100000001",
    "account_id": ACCOUNT_ID,
    "kind": "deposit",
    "status": "completed",
    "amount": 1000.0,
    "balance_before": 1_000_000.0,
    "balance_after": 1_001_000.0,
    "method": "bank",
    "remark": "",
    "operator_id": "7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22",
    "reverses": "",
    "reference": "rest-…",
    "trading_day": 20261121,
    "timestamp": 1795230000000,
}
