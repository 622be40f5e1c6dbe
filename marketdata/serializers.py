"""Query parameters and answers of the market endpoints."""

from rest_framework import serializers

from exchange_site.fields import StrictSerializer, WholeIn
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
