"""/api/management/risk/…: the desk that watches accounts (T-80 … T-82, H-8)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.fields import FlagIn, StrictSerializer, TextIn
from trading import risk_selectors as reads
from trading import risk_services as services
from trading import selectors
from trading.account_schemas import ACCOUNT_ID
from trading.choices import RiskLevel
from trading.command_view import audited, validated
from trading.engine.codes import ACCOUNT_NOT_FOUND, INVALID_FIELD, WORKER_NOT_RUNNING
from trading.lists import PAGES, StaffReadView, paged, query

TAG = "risk"
ACCOUNT = {
    "user_id": "7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22", "account_id": ACCOUNT_ID, "user_name": "alice",
    "balance": 1_000_481.4, "margin": 960_634.0, "available": 39_847.4, "risk_ratio": 0.9602,
    "unrealized_pnl": 481.4, "position_count": 1, "level": "Critical",
}  # fmt: skip
INSTRUMENT = {
    "instrument_id": "SHFE.cu2701", "long": 12, "short": 12, "margin": 89_268.0, "accounts": 2,
}  # fmt: skip
SUMMARY = {
    "total_accounts": 12, "total_margin_used": 960_634.0, "total_available": 39_847.4,
    "average_risk_ratio": 0.9602, "high_risk_count": 0, "critical_risk_count": 1,
    "liquidation_count": 0, "instruments": [INSTRUMENT],
}  # fmt: skip
LIQUIDATION = {
    "record_id": "LIQ20261121000001", "account_id": ACCOUNT_ID, "time": 1795230000000, "status": "DONE",
    "risk_ratio_before": 1.02, "risk_ratio_after": 0.79, "pre_balance": 941_700.0,
    "post_balance": 938_200.0, "loss": 3_500.0, "instruments": ["SHFE.cu2701"], "remark": "risk",
}  # fmt: skip
_SENT = {"account_id": ACCOUNT_ID, "reason": "asked by the risk desk"}
_ERRORS = (ACCOUNT_NOT_FOUND, INVALID_FIELD, WORKER_NOT_RUNNING)


class RiskAccountOut(serializers.Serializer):  # type: ignore[misc]
    user_id = serializers.CharField()
    account_id = serializers.CharField()
    user_name = serializers.CharField()
    balance = serializers.FloatField()
    margin = serializers.FloatField()
    available = serializers.FloatField()
    risk_ratio = serializers.FloatField(help_text="9999: above every threshold")
    unrealized_pnl = serializers.FloatField()
    position_count = serializers.IntegerField()
    level = serializers.CharField()


class RiskAccountsOut(serializers.Serializer):  # type: ignore[misc]
    items = RiskAccountOut(many=True)
    total = serializers.IntegerField()


class InstrumentMarginOut(serializers.Serializer):  # type: ignore[misc]
    instrument_id = serializers.CharField()
    long = serializers.IntegerField()
    short = serializers.IntegerField()
    margin = serializers.FloatField()
    accounts = serializers.IntegerField()


class MarginSummaryOut(serializers.Serializer):  # type: ignore[misc]
    total_accounts = serializers.IntegerField()
    total_margin_used = serializers.FloatField()
    total_available = serializers.FloatField(help_text="of the accounts that hold margin")
    average_risk_ratio = serializers.FloatField(help_text="of the accounts that hold margin")
    high_risk_count = serializers.IntegerField()
    critical_risk_count = serializers.IntegerField()
    liquidation_count = serializers.IntegerField(help_text="records of liquidations")
    instruments = InstrumentMarginOut(many=True)


class LiquidationOut(serializers.Serializer):  # type: ignore[misc]
    record_id = serializers.CharField()
    account_id = serializers.CharField()
    time = serializers.IntegerField(help_text="ms")
    status = serializers.CharField()
    risk_ratio_before = serializers.FloatField()
    risk_ratio_after = serializers.FloatField()
    pre_balance = serializers.FloatField()
    post_balance = serializers.FloatField()
    loss = serializers.FloatField()
    instruments = serializers.ListField(child=serializers.CharField())
    remark = serializers.CharField()


class LiquidationsOut(serializers.Serializer):  # type: ignore[misc]
    items = LiquidationOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ForceLiquidateIn(StrictSerializer):
    account_id = TextIn(max_length=128)
    reason = TextIn(max_length=200)


class HoldBackIn(ForceLiquidateIn):
    is_held = FlagIn(required=False, default=True)


class ForcedOut(serializers.Serializer):  # type: ignore[misc]
    account_id = serializers.CharField()
    record_id = serializers.CharField()
    status = serializers.CharField()
    reason = serializers.CharField()


class HeldOut(serializers.Serializer):  # type: ignore[misc]
    account_id = serializers.CharField()
    is_held = serializers.BooleanField()
    reason = serializers.CharField()


class LevelIn(serializers.Serializer):  # type: ignore[misc]
    level = serializers.ChoiceField(RiskLevel.choices, required=False)


class SpanIn(serializers.Serializer):  # type: ignore[misc]
    start_date = serializers.DateTimeField(input_formats=["%Y%m%d", "%Y-%m-%d"], required=False)
    end_date = serializers.DateTimeField(input_formats=["%Y%m%d", "%Y-%m-%d"], required=False)


class RiskAccounts(StaffReadView):
    right = "trading.view_all"

    @documented(
        "Accounts that hold margin, the riskiest first",
        answer=RiskAccountsOut, example={"items": [ACCOUNT], "total": 1}, errors=(INVALID_FIELD,),
        parameters=(query("level", "", enum=RiskLevel.values),), tag=TAG,
    )  # fmt: skip
    def get(self, request: Any) -> Response:
        level = validated(LevelIn, _given(request)).get("level")
        rows = [one for one in reads.watched(self.venue) if level in (None, one.level)]
        return Response({"items": reads.rows_data(rows), "total": len(rows)})


class MarginSummary(StaffReadView):
    right = "trading.view_all"

    @documented("Margin of all accounts", answer=MarginSummaryOut, example=SUMMARY, tag=TAG)
    def get(self, request: Any) -> Response:
        return Response(reads.summary(self.venue))


class Liquidations(StaffReadView):
    right = "trading.view_all"

    @documented(
        "Forced liquidations, newest first",
        answer=LiquidationsOut, example={"items": [LIQUIDATION], "next_cursor": None},
        errors=(INVALID_FIELD,),
        parameters=(
            query("start_date", "yyyymmdd, inclusive", int), query("end_date", "yyyymmdd, exclusive", int),
            *PAGES,
        ),
        tag=TAG,
    )  # fmt: skip
    def get(self, request: Any) -> Response:
        span = validated(SpanIn, _given(request))
        rows = reads.liquidations(self.venue, span.get("start_date"), span.get("end_date"))
        return paged(request, rows, reads.liquidations_data)


def _given(request: Any) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if value != ""}


class RiskAct(StaffReadView):
    """Base of what the desk does to an account; each act is audited with its reason."""

    right = "trading.manage_risk"

    def act(self, request: Any, action: str, shape: Any, service: Any) -> Response:
        """Carry out what the body asks for."""
        body = validated(shape, request.data)
        account = selectors.account_for(self.venue, body["account_id"], None)

        def perform(command_id: str) -> Any:
            return service(venue=self.venue, user=request.user, command_id=command_id, **body)

        return audited(request, self.venue, action, "account", account.account_id, perform)


class ForceLiquidate(RiskAct):
    @documented(
        "Close every position of an account", request=ForceLiquidateIn, sent=_SENT, answer=ForcedOut,
        example={**_SENT, "record_id": "LIQ20261121000001", "status": "WAITING"}, errors=_ERRORS,
        parameters=(IDEMPOTENCY,), tag=TAG,
    )  # fmt: skip
    def post(self, request: Any) -> Response:
        return self.act(request, "force_liquidate", ForceLiquidateIn, services.force_liquidate)


class HoldBack(RiskAct):
    @documented(
        "Hold an account back from liquidation, or let it go", request=HoldBackIn,
        sent={**_SENT, "is_held": True}, answer=HeldOut, example={**_SENT, "is_held": True},
        errors=_ERRORS, parameters=(IDEMPOTENCY,), tag=TAG,
    )  # fmt: skip
    def post(self, request: Any) -> Response:
        return self.act(request, "hold_back", HoldBackIn, services.hold_back)
