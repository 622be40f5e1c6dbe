"""Rates over REST: GET and PUT /api/admin/rates/commission and /margin (T-56, H)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import FlagIn, TextIn
from trading import rate_services as services
from trading.command_view import audited, validated
from trading.engine.codes import ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, INVALID_FIELD, WORKER_NOT_RUNNING
from trading.instrument_serializers import RatesIn
from trading.lists import StaffReadView

TAG = "staff: instruments"
ROW = {"holder": "", "target": "SHFE.cu"}
MARGIN = {"margin_ratio_long": 0.12, "margin_ratio_short": 0.12}
COMMISSION = {
    "open_fee_ratio": 0.00005, "open_fee_per_lot": 0.0, "close_fee_ratio": 0.00005, "close_fee_per_lot": 0.0,
    "close_today_fee_ratio": 0.0001, "close_today_fee_per_lot": 0.0,
}  # fmt: skip
_ERRORS = (ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, INVALID_FIELD, WORKER_NOT_RUNNING)


class SetRatesIn(RatesIn):
    """Rates that are not given stay; null inherits. `holder`: "", "group:NAME" or "account:ID"."""

    holder = TextIn(required=False, default="", max_length=140, allow_blank=True)
    target = TextIn(max_length=64, help_text="a symbol or a product, EXCHANGE.product")
    apply_now = FlagIn(required=False, default=False)
    reason = TextIn(max_length=200)


class RateOut(serializers.Serializer):  # type: ignore[misc]
    holder = serializers.CharField()
    target = serializers.CharField()
    margin_ratio_long = serializers.FloatField(allow_null=True, required=False)
    margin_ratio_short = serializers.FloatField(allow_null=True, required=False)
    open_fee_ratio = serializers.FloatField(allow_null=True, required=False)
    open_fee_per_lot = serializers.FloatField(allow_null=True, required=False)
    close_fee_ratio = serializers.FloatField(allow_null=True, required=False)
    close_fee_per_lot = serializers.FloatField(allow_null=True, required=False)
    close_today_fee_ratio = serializers.FloatField(allow_null=True, required=False)
    close_today_fee_per_lot = serializers.FloatField(allow_null=True, required=False)


class RateTableOut(serializers.Serializer):  # type: ignore[misc]
    items = RateOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RatesView(StaffReadView):
    names: tuple[str, ...] = ()

    @property
    def right(self) -> str:
        """Looking needs less than changing."""
        return "trading.view_raterow" if self.request.method == "GET" else "trading.operate_instruments"

    def listed(self) -> Response:
        return Response({"items": services.table(self.venue, self.names), "next_cursor": None})

    def change(self, request: Any) -> Response:
        """Set the rates of this kind that the body gives; 9008 for one of the other kind or none."""
        body = validated(SetRatesIn, request.data)
        named = {name: body.pop(name) for name in list(body) if name in services.RATES}
        strange = sorted(set(named) - set(self.names)) or ([] if named else [self.names[0]])
        if strange:
            raise ExchangeError(INVALID_FIELD, {"field": strange[0]})

        def perform(command_id: str) -> Any:
            return services.set_rates(
                venue=self.venue, user=request.user, command_id=command_id, rates=named, **body
            )

        target = f"{body['holder'] or '*'} {body['target']}"
        return audited(request, self.venue, "set_rates", "rates", target, perform)


def _listed(summary: str, rates: dict[str, float]) -> Any:
    example = {"items": [{**ROW, **rates}], "next_cursor": None}
    return documented(summary, answer=RateTableOut, example=example, tag=TAG)


def _changed(summary: str, rates: dict[str, float]) -> Any:
    sent = {**ROW, **{name: str(value) for name, value in rates.items()}, "reason": "exchange notice"}
    return documented(
        summary, request=SetRatesIn, sent=sent, answer=RateOut, example={**ROW, **MARGIN, **COMMISSION},
        errors=_ERRORS, parameters=(IDEMPOTENCY,), tag=TAG,
    )  # fmt: skip


class CommissionRates(RatesView):
    names = services.COMMISSION

    @_listed("Commission rates of products, instruments, groups and accounts", COMMISSION)
    def get(self, request: Any) -> Response:
        return self.listed()

    @_changed("Set commission rates; they hold from the next fill", COMMISSION)
    def put(self, request: Any) -> Response:
        return self.change(request)


class MarginRates(RatesView):
    names = services.MARGIN

    @_listed("Margin rates of products, instruments, groups and accounts", MARGIN)
    def get(self, request: Any) -> Response:
        return self.listed()

    @_changed("Set margin rates; for held lots from the next settlement, or at once by apply_now", MARGIN)
    def put(self, request: Any) -> Response:
        return self.change(request)
