"""GET /api/qifi/{account_id} (D-35)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import documented
from trading import account_schemas, selectors
from trading.engine.codes import ACCOUNT_NOT_FOUND
from trading.lists import ReadView
from trading.qifi import qifi


class QifiTextOut(serializers.Serializer):  # type: ignore[misc]
    """One account's day; positions by symbol, orders, trades and transfers by their ids."""

    account_cookie = serializers.CharField()
    portfolio = serializers.CharField()
    investor_name = serializers.CharField()
    broker_name = serializers.CharField()
    currency = serializers.CharField()
    money = serializers.FloatField(help_text="available")
    status = serializers.CharField()
    trading_day = serializers.CharField(help_text="yyyymmdd")
    accounts = account_schemas.QifiOut()
    positions = serializers.DictField(child=serializers.DictField())
    orders = serializers.DictField(child=serializers.DictField())
    trades = serializers.DictField(child=serializers.DictField())
    transfers = serializers.DictField(child=serializers.DictField())
    banks = serializers.DictField(child=serializers.DictField())
    frozen = serializers.DictField(child=serializers.FloatField())
    events = serializers.DictField(child=serializers.CharField())


class Qifi(ReadView):
    @documented(
        "One account's day as QIFI",
        answer=QifiTextOut,
        example={
            "account_cookie": account_schemas.ACCOUNT_ID,
            "portfolio": "default",
            "investor_name": "Alice",
            "broker_name": "main",
            "currency": "CNY",
            "money": 1000000.0,
            "status": "ACTIVE",
            "trading_day": "20261121",
            "accounts": account_schemas.QIFI,
            "positions": {},
            "orders": {},
            "trades": {},
            "transfers": {},
            "banks": {},
            "frozen": {},
            "events": {},
        },
        errors=(ACCOUNT_NOT_FOUND,),
        tag="accounts",
        operation_id="qifi_retrieve",
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        return Response(qifi(self.venue, account))
