"""Bodies and answers of the staff's instrument and venue endpoints."""

import math
import re
from decimal import Decimal
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from exchange_site.fields import FlagIn, MoneyIn, StrictSerializer, TextIn, WholeIn
from trading.calendar import from_int
from trading.choices import InstrumentStatus, SelfTradeMode
from trading.engine.units import MAX_LOTS, MAX_PRICE, PPB, PPM

EXCHANGES = ("SHFE", "INE", "DCE", "CZCE", "GFEX", "CFFEX")
REASON_LENGTH = 200
_RATIO = re.compile(r"[+-]?[0-9]{1,6}(?:\.[0-9]{0,12})?")


def ratio_units(value: Any, scale: int) -> int:
    """A ratio as a whole number of 1/scale; ValueError for one that is finer or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a number is needed")
    if isinstance(value, str) and not _RATIO.fullmatch(value):
        raise ValueError(f"{value[:40]!r} is not a decimal number")
    if not isinstance(value, str) and (not math.isfinite(value) or abs(value) > PPM):
        raise ValueError("out of bounds")
    units = Decimal(str(value)) * scale
    if units != units.to_integral_value():
        raise ValueError(f"finer than 1/{scale}")
    return int(units)


class RatioIn(serializers.Field):  # type: ignore[misc]
    """A ratio of 1 as an exact string or a JSON number → int in 1/`scale`."""

    def __init__(self, scale: int = PPM, least: int = 0, most: int = PPM, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.least, self.most = scale, least, most

    def to_internal_value(self, data: Any) -> int:
        try:
            units = ratio_units(data, self.scale)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        if not self.least <= units <= self.most:
            least, most = (Decimal(bound) / self.scale for bound in (self.least, self.most))
            raise serializers.ValidationError(f"from {least} to {most}")
        return units

    def to_representation(self, value: int) -> float:
        return value / self.scale


class RatioInSchema(OpenApiSerializerFieldExtension):  # type: ignore[misc]
    """Shows a ratio of writes as a decimal string or a number."""

    target_class = "trading.instrument_serializers.RatioIn"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        places = len(str(self.target.scale)) - 1
        bounds = {
            "minimum": self.target.least / self.target.scale,
            "maximum": self.target.most / self.target.scale,
        }
        text = {"type": "string", "pattern": rf"^[0-9]{{1,2}}(\.[0-9]{{1,{places}}})?$", "example": "0.1"}
        return {"oneOf": [text, {"type": "number", **bounds}]}


class DayIn(WholeIn):
    """A day as yyyymmdd; 0 = none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(least=0, most=99_991_231, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        day = super().to_internal_value(data)
        if day:
            try:
                from_int(day)
            except ValueError as error:
                raise serializers.ValidationError("a day is needed: yyyymmdd") from error
        return day


class ReasonIn(StrictSerializer):
    reason = TextIn(max_length=REASON_LENGTH, required=False, allow_blank=True, default="")


class InstrumentsIn(StrictSerializer):
    """Filters and page of a list of instruments."""

    exchange_id = TextIn(max_length=16, required=False)
    product_id = TextIn(max_length=16, required=False)
    status = serializers.ChoiceField(InstrumentStatus.values, required=False)
    instrument_class = TextIn(max_length=16, required=False)
    page = WholeIn(least=1, most=100_000, required=False, default=1)
    page_size = WholeIn(least=1, most=500, required=False, default=100)


def _fee_ratio() -> RatioIn:
    return RatioIn(scale=PPB, most=PPB, required=False, allow_null=True)


def _fee() -> MoneyIn:
    return MoneyIn(most=MAX_PRICE, required=False, allow_null=True)


def _margin() -> RatioIn:
    return RatioIn(least=1, required=False, allow_null=True)


class RatesIn(StrictSerializer):
    """Rates of one instrument; those that are not given are the product's."""

    margin_ratio_long = _margin()
    margin_ratio_short = _margin()
    open_fee_ratio = _fee_ratio()
    open_fee_per_lot = _fee()
    close_fee_ratio = _fee_ratio()
    close_fee_per_lot = _fee()
    close_today_fee_ratio = _fee_ratio()
    close_today_fee_per_lot = _fee()


def _lots(**kwargs: Any) -> WholeIn:
    return WholeIn(most=MAX_LOTS, **kwargs)


class InstrumentTermsIn(RatesIn):
    """What may be changed on an instrument (T-14)."""

    name_zh = TextIn(max_length=64, required=False, allow_blank=True)
    name_en = TextIn(max_length=64, required=False, allow_blank=True)
    volume_multiple = WholeIn(least=1, most=MAX_LOTS, required=False)
    price_tick = MoneyIn(least=1, most=MAX_PRICE, required=False)
    session_template = TextIn(max_length=64, required=False)
    limit_up_ratio = RatioIn(least=1, most=10 * PPM, required=False)
    limit_down_ratio = RatioIn(least=1, required=False)
    min_limit_volume = _lots(required=False)
    max_limit_volume = _lots(required=False)
    min_market_volume = _lots(required=False)
    max_market_volume = _lots(required=False)
    position_limit = _lots(required=False, help_text="lots a side, 0 = none")
    list_date = DayIn(required=False, help_text="yyyymmdd, 0 = at once")
    expire_date = DayIn(required=False, help_text="yyyymmdd, 0 = never")
    listing_price = MoneyIn(most=MAX_PRICE, required=False, help_text="without one it stays CREATED")
    self_trade_mode = serializers.ChoiceField(SelfTradeMode.values, required=False)
    breaker_move_ratio = RatioIn(required=False, help_text="0 = off")
    breaker_window_s = WholeIn(most=86_400, required=False)
    breaker_auction_s = WholeIn(most=86_400, required=False)


class InstrumentUpdateIn(InstrumentTermsIn):
    apply_now = FlagIn(default=False, help_text="new margin rates hold for open positions at once")
    reason = TextIn(max_length=REASON_LENGTH, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not set(attrs) - {"apply_now", "reason"}:
            raise serializers.ValidationError({"instrument_id": ["nothing to change"]})
        return attrs


class InstrumentIn(InstrumentTermsIn):
    """A new instrument (T-11, T-12a)."""

    exchange_id = serializers.ChoiceField(EXCHANGES)
    instrument_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,32}$")
    product_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,16}$")
    instrument_class = serializers.ChoiceField(("FUTURE", "OPTION", "STOCK"), default="FUTURE")
    volume_multiple = WholeIn(least=1, most=MAX_LOTS)
    price_tick = MoneyIn(least=1, most=MAX_PRICE)
    session_template = TextIn(max_length=64)
    limit_up_ratio = RatioIn(least=1, most=10 * PPM)
    limit_down_ratio = RatioIn(least=1)
    reason = TextIn(max_length=REASON_LENGTH, required=False, allow_blank=True, default="")


# ------------------------------------------------------------------------ answers


class InstrumentOut(serializers.Serializer):  # type: ignore[misc]
    """A contract (T-11); ratios are of 1, money is yuan."""

    instrument_id = serializers.CharField(help_text="EXCHANGE.instrument")
    exchange_id = serializers.CharField()
    product_id = serializers.CharField()
    name_zh = serializers.CharField()
    name_en = serializers.CharField()
    instrument_class = serializers.CharField()
    volume_multiple = serializers.IntegerField()
    session_template = serializers.CharField()
    min_limit_volume = serializers.IntegerField()
    max_limit_volume = serializers.IntegerField()
    min_market_volume = serializers.IntegerField()
    max_market_volume = serializers.IntegerField()
    position_limit = serializers.IntegerField(help_text="lots a side, 0 = none")
    list_date = serializers.IntegerField(help_text="yyyymmdd, 0 = at once")
    expire_date = serializers.IntegerField(help_text="yyyymmdd, 0 = never")
    status = serializers.CharField()
    pre_open_interest = serializers.IntegerField()
    open_interest = serializers.IntegerField()
    self_trade_mode = serializers.CharField()
    price_tick = serializers.FloatField()
    listing_price = serializers.FloatField()
    pre_settlement = serializers.FloatField()
    pre_close = serializers.FloatField()
    upper_limit = serializers.FloatField()
    lower_limit = serializers.FloatField()
    limit_up_ratio = serializers.FloatField()
    limit_down_ratio = serializers.FloatField()
    margin_ratio_long = serializers.FloatField(allow_null=True)
    margin_ratio_short = serializers.FloatField(allow_null=True)
    open_fee_ratio = serializers.FloatField(allow_null=True)
    open_fee_per_lot = serializers.FloatField(allow_null=True)
    close_fee_ratio = serializers.FloatField(allow_null=True)
    close_fee_per_lot = serializers.FloatField(allow_null=True)
    close_today_fee_ratio = serializers.FloatField(allow_null=True)
    close_today_fee_per_lot = serializers.FloatField(allow_null=True)


class InstrumentsOut(serializers.Serializer):  # type: ignore[misc]
    items = InstrumentOut(many=True)
    total = serializers.IntegerField()
    next_cursor = serializers.IntegerField(allow_null=True)


class InstrumentChangedOut(serializers.Serializer):  # type: ignore[misc]
    instrument_id = serializers.CharField()
    status = serializers.CharField(required=False)
    repeated = serializers.BooleanField(required=False)


class VenueOut(serializers.Serializer):  # type: ignore[misc]
    venue = serializers.CharField()
    number = serializers.IntegerField()
    mode = serializers.CharField()
    trading_day = serializers.IntegerField()
    settlement_minute = serializers.IntegerField(help_text="of the Shanghai day")
    is_halted = serializers.BooleanField()
    halt_reason = serializers.CharField(allow_blank=True)
    is_settling = serializers.BooleanField()
    engine_version = serializers.IntegerField()
    projector_seq = serializers.IntegerField()
    phases = serializers.DictField(child=serializers.CharField(), help_text="of each session template")
    settings = serializers.DictField(child=serializers.IntegerField(), help_text="money in 1/10 000 yuan")
