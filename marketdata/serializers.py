"""Query parameters and answers of the market endpoints."""

from rest_framework import serializers

from exchange_site.fields import StrictSerializer, WholeIn
from marketdata.periods import period_of
from trading.engine.views import MAX_DEPTH
from trading.quotes_writer import TRADES_KEPT


class DepthIn(StrictSerializer):
    depth = WholeIn(least=1, most=MAX_DEPTH, required=False, default=5)


class LimitIn(StrictSerializer):
    limit = WholeIn(least=1, most=TRADES_KEPT, required=False, default=50)


class NoQueryIn(StrictSerializer):
    """Takes nothing."""


class AuctionOut(serializers.Serializer):  # type: ignore[misc]
    price = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField()
    imbalance = serializers.IntegerField()


class TickOut(serializers.Serializer):  # type: ignore[misc]
    """Prices are null where there is none."""

    instrument_id = serializers.CharField()
    last_price = serializers.FloatField(allow_null=True)
    bid_price = serializers.FloatField(allow_null=True)
    bid_volume = serializers.IntegerField()
    ask_price = serializers.FloatField(allow_null=True)
    ask_volume = serializers.IntegerField()
    open = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    average = serializers.FloatField(allow_null=True)
    upper_limit = serializers.FloatField(allow_null=True)
    lower_limit = serializers.FloatField(allow_null=True)
    pre_close = serializers.FloatField(allow_null=True)
    pre_settlement = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField()
    turnover = serializers.FloatField()
    open_interest = serializers.IntegerField()
    pre_open_interest = serializers.IntegerField()
    volume_multiple = serializers.IntegerField()
    price_tick = serializers.FloatField()
    phase = serializers.CharField()
    status = serializers.CharField()
    trading_day = serializers.IntegerField()
    auction = AuctionOut(allow_null=True)
    source = serializers.CharField(help_text="venue: its own matching; else the feed: ctp, simulated")
    timestamp = serializers.IntegerField(help_text="ms")


class LevelOut(serializers.Serializer):  # type: ignore[misc]
    price = serializers.FloatField()
    volume = serializers.IntegerField()
    order_count = serializers.IntegerField()


class BookOut(serializers.Serializer):  # type: ignore[misc]
    instrument_id = serializers.CharField()
    bids = LevelOut(many=True)
    asks = LevelOut(many=True)
    as_of_seq = serializers.IntegerField()
    timestamp = serializers.IntegerField(help_text="ms")


class PublicTradeOut(serializers.Serializer):  # type: ignore[misc]
    trade_id = serializers.CharField()
    instrument_id = serializers.CharField()
    price = serializers.FloatField()
    volume = serializers.IntegerField()
    direction = serializers.CharField(help_text="the taker's; empty in an auction", allow_blank=True)
    timestamp = serializers.IntegerField(help_text="ms")


class PublicTradesOut(serializers.Serializer):  # type: ignore[misc]
    items = PublicTradeOut(many=True)


class PeriodIn(serializers.CharField):  # type: ignore[misc]
    """A period by any of its names (H-9)."""

    def to_internal_value(self, data: object) -> int | str:  # type: ignore[override]
        try:
            return period_of(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


MAX_MS = 2**42


class RangeIn(StrictSerializer):
    start = WholeIn(least=0, most=MAX_MS, required=False, default=None, help_text="ms")
    end = WholeIn(least=0, most=MAX_MS, required=False, default=None, help_text="ms")


class BarsOfPeriodIn(RangeIn):
    count = WholeIn(least=1, most=10_000, required=False, default=200)


class BarsIn(BarsOfPeriodIn):
    period = PeriodIn(required=False, default=period_of("1min"))


class TicksIn(RangeIn):
    limit = WholeIn(least=1, most=10_000, required=False, default=100)


class BarOut(serializers.Serializer):  # type: ignore[misc]
    timestamp = serializers.IntegerField(
        help_text="ms, the bar's start; day bars: 00:00 UTC+8 of the trading day"
    )
    trading_day = serializers.IntegerField()
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.IntegerField()
    amount = serializers.FloatField()
    open_oi = serializers.IntegerField()
    close_oi = serializers.IntegerField()
    is_finished = serializers.BooleanField()


class BarsOut(serializers.Serializer):  # type: ignore[misc]
    items = BarOut(many=True)


class SideOut(serializers.Serializer):  # type: ignore[misc]
    price = serializers.FloatField()
    volume = serializers.IntegerField()


class StoredTickOut(serializers.Serializer):  # type: ignore[misc]
    """Totals are those of the trading day."""

    timestamp = serializers.IntegerField(help_text="ms")
    trading_day = serializers.IntegerField()
    last_price = serializers.FloatField(allow_null=True)
    average = serializers.FloatField(allow_null=True)
    highest = serializers.FloatField(allow_null=True)
    lowest = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField()
    amount = serializers.FloatField()
    open_interest = serializers.IntegerField()
    bids = SideOut(many=True)
    asks = SideOut(many=True)


class StoredTicksOut(serializers.Serializer):  # type: ignore[misc]
    items = StoredTickOut(many=True)


class _Levels:
    """bid_price1 … ask_volume5."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields: dict[str, serializers.Field] = super().get_fields()  # type: ignore[misc]
        for side in ("bid", "ask"):
            for n in range(1, 6):
                fields[f"{side}_price{n}"] = serializers.FloatField(allow_null=True)
                fields[f"{side}_volume{n}"] = serializers.IntegerField()
        return fields


class SnapshotRowOut(_Levels, serializers.Serializer):  # type: ignore[misc]
    """Prices are null where there is none; the change is against `change_base`."""

    instrument_id = serializers.CharField()
    timestamp = serializers.IntegerField(help_text="ns")
    trading_day = serializers.IntegerField()
    last_price = serializers.FloatField(allow_null=True)
    change_percent = serializers.FloatField(allow_null=True)
    change_amount = serializers.FloatField(allow_null=True)
    change_base = serializers.CharField()
    pre_close = serializers.FloatField(allow_null=True)
    open = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField()
    turnover = serializers.FloatField()
    open_interest = serializers.IntegerField()
    upper_limit = serializers.FloatField(allow_null=True)
    lower_limit = serializers.FloatField(allow_null=True)


class SnapshotOut(serializers.Serializer):  # type: ignore[misc]
    items = SnapshotRowOut(many=True)
