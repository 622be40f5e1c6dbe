"""Query parameters and answers of the market endpoints."""

from rest_framework import serializers

from exchange_site.fields import StrictSerializer, TextIn, WholeIn
from exchange_site.lists import PageIn
from trading.choices import InstrumentStatus
from trading.engine.views import MAX_DEPTH
from trading.quotes_writer import TRADES_KEPT


class InstrumentsIn(PageIn):
    exchange_id = TextIn(max_length=16, required=False)
    product_id = TextIn(max_length=16, required=False)
    status = serializers.ChoiceField(InstrumentStatus.values, required=False)
    instrument_class = TextIn(max_length=16, required=False)


class DepthIn(StrictSerializer):
    depth = WholeIn(least=1, most=MAX_DEPTH, required=False, default=5)


class LimitIn(StrictSerializer):
    limit = WholeIn(least=1, most=TRADES_KEPT, required=False, default=50)


class NoQueryIn(StrictSerializer):
    """Takes nothing."""


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
