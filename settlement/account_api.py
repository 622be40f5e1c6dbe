"""Statements and the equity curve of the caller's accounts (T-93, H)."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from exchange_site.api import EnvelopeRenderer
from exchange_site.documented import documented
from settlement import rendering, statements
from settlement.api import day_of
from settlement.curve_selectors import curve
from settlement.schemas import ACCOUNT_ID, USER_ID
from trading.engine.codes import ACCOUNT_NOT_FOUND, INVALID_FIELD, NOT_FOUND
from trading.lists import PAGES, ReadView, paged

TAG = "accounts"
DAY: dict[str, Any] = {
    "date": 20261123, "account_id": ACCOUNT_ID, "pre_balance": 1_000_000.0, "deposit": 0.0, "withdraw": 0.0,
    "close_profit": 0.0, "position_profit": 500.0, "commission": 18.6, "balance": 1_000_481.4,
    "margin": 44_634.0, "available": 955_847.4, "risk_ratio": 0.0446,
}  # fmt: skip


class DayOut(serializers.Serializer):  # type: ignore[misc]
    date = serializers.IntegerField()
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


class DaysOut(serializers.Serializer):  # type: ignore[misc]
    items = DayOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class StatementOut(DayOut):
    user_id = serializers.CharField()
    user_name = serializers.CharField()
    account_name = serializers.CharField()
    currency = serializers.CharField()
    trades = serializers.ListField(child=serializers.DictField())
    positions = serializers.ListField(child=serializers.DictField())
    transfers = serializers.ListField(child=serializers.DictField())


class CurveOut(serializers.Serializer):  # type: ignore[misc]
    days = serializers.ListField(child=serializers.DictField())
    today = serializers.ListField(child=serializers.DictField())
    balance = serializers.FloatField()


class TextRenderer(BaseRenderer):  # type: ignore[misc]
    media_type, format, charset = "text/plain", "text", "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return rendering.as_text(data).encode("utf-8")


class StatementCsvRenderer(BaseRenderer):  # type: ignore[misc]
    media_type, format, charset = "text/csv", "csv", "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return rendering.as_csv(data).encode("utf-8-sig")


class PdfRenderer(BaseRenderer):  # type: ignore[misc]
    media_type, format, charset = "application/pdf", "pdf", None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return rendering.as_pdf(data)


class Statements(ReadView):
    @documented(
        "The account's settled days, newest first",
        answer=DaysOut,
        example={"items": [DAY], "next_cursor": None},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=PAGES,
        tag=TAG,
        operation_id="account_statements_list",
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = statements.account_of(self.venue, account_id, request.user.pk.hex)
        rows = statements.days_of(account)
        return paged(request, rows, lambda found: [statements.day_data(row) for row in found])


class Statement(ReadView):
    """`?format=json|text|csv|pdf`, or the same by Accept."""

    renderer_classes: ClassVar[Any] = (EnvelopeRenderer, TextRenderer, StatementCsvRenderer, PdfRenderer)

    @documented(
        "The statement of a settled day",
        answer=StatementOut,
        example={
            **DAY,
            "user_id": USER_ID,
            "user_name": "alice",
            "account_name": "main",
            "currency": "CNY",
            "trades": [],
            "positions": [],
            "transfers": [],
        },
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD, NOT_FOUND),
        tag=TAG,
    )
    def get(self, request: Any, account_id: str, date: str) -> Response:
        account = statements.account_of(self.venue, account_id, request.user.pk.hex)
        response = Response(statements.statement(account, day_of(date)))
        kind = request.accepted_renderer.format
        if kind in ("csv", "pdf"):
            name = f"statement-{day_of(date)}.{kind}"
            response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


class Curve(ReadView):
    @documented(
        "Equity per settled day, and today's path",
        answer=CurveOut,
        example={
            "days": [{"date": 20261123, "balance": 1_000_481.4, "deposit": 0.0, "withdraw": 0.0}],
            "today": [{"timestamp": 1795230000000, "balance": 1_000_500.0}],
            "balance": 1_000_500.0,
        },
        errors=(ACCOUNT_NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = statements.account_of(self.venue, account_id, request.user.pk.hex)
        return Response(curve(self.venue, account))
