"""Shapes of order requests and answers, for the schema (H-3, H-7)."""

from rest_framework import serializers

from exchange_site.fields import MoneyIn, TextIn, WholeIn
from trading import choices
from trading.engine.units import MAX_PRICE

ORDER_ID_PATTERN = r"^[A-Za-z0-9_.:#@|+=~-]{1,128}$"


class TermsIn(serializers.Serializer):  # type: ignore[misc]
    """What an order says, in its long form; `towards` may stand for direction and offset."""

    account_id = TextIn(max_length=128)
    user_id = TextIn(required=False)
    order_id = serializers.RegexField(ORDER_ID_PATTERN, required=False)
    instrument_id = TextIn(max_length=64)
    direction = serializers.ChoiceField(choices.Direction.choices, required=False)
    offset = serializers.ChoiceField(choices.Offset.choices, required=False)
    towards = serializers.ChoiceField([1, 2, -2, 3, -3, -1, 4, -4], required=False)
    volume = WholeIn(least=1)
    order_type = serializers.ChoiceField(
        [*choices.PriceType.choices, ("MARKET", "MARKET")], required=False, help_text="also `price_type`"
    )
    price_type = serializers.CharField(required=False)
    price = MoneyIn(most=MAX_PRICE, required=False, help_text="also `limit_price`")
    limit_price = MoneyIn(most=MAX_PRICE, required=False)
    time_condition = serializers.ChoiceField(choices.TimeCondition.choices, required=False)
    volume_condition = serializers.ChoiceField(choices.VolumeCondition.choices, required=False)
    min_volume = WholeIn(required=False)
    gtd_date = WholeIn(least=19700101, most=99991231, required=False)
    hedge_flag = TextIn(max_length=16, required=False)
    client_tag = TextIn(max_length=64, required=False)


class BatchIn(serializers.Serializer):  # type: ignore[misc]
    orders = TermsIn(many=True, help_text="1 to 500")


class CancelIn(serializers.Serializer):  # type: ignore[misc]
    account_id = TextIn(max_length=128)
    order_id = serializers.RegexField(ORDER_ID_PATTERN)
    user_id = TextIn(required=False)


class CancelBatchIn(serializers.Serializer):  # type: ignore[misc]
    account_id = TextIn(max_length=128)
    order_ids = serializers.ListField(child=serializers.RegexField(ORDER_ID_PATTERN), help_text="1 to 500")
    user_id = TextIn(required=False)


class CancelAllIn(serializers.Serializer):  # type: ignore[misc]
    account_id = TextIn(max_length=128)
    instrument_id = TextIn(max_length=64, required=False)
    user_id = TextIn(required=False)


class ModifyIn(CancelIn):
    price = MoneyIn(most=MAX_PRICE, required=False)
    volume = WholeIn(least=1, required=False)


class CloseIn(serializers.Serializer):  # type: ignore[misc]
    account_id = TextIn(max_length=128)
    instrument_id = TextIn(max_length=64)
    side = serializers.ChoiceField([("LONG", "LONG"), ("SHORT", "SHORT")])
    volume = WholeIn(least=1, required=False, help_text="absent: every free lot")
    price = MoneyIn(most=MAX_PRICE, required=False, help_text="absent: at the market")
    user_id = TextIn(required=False)


class OrderOut(serializers.Serializer):  # type: ignore[misc]
    order_id = serializers.CharField()
    exchange_order_id = serializers.CharField()
    uid = serializers.IntegerField()
    user_id = serializers.CharField()
    account_id = serializers.CharField()
    instrument_id = serializers.CharField()
    direction = serializers.CharField()
    offset = serializers.CharField()
    order_type = serializers.CharField()
    price = serializers.FloatField()
    volume = serializers.IntegerField()
    filled_volume = serializers.IntegerField()
    remaining_volume = serializers.IntegerField()
    avg_price = serializers.FloatField()
    status = serializers.CharField()
    time_condition = serializers.CharField()
    volume_condition = serializers.CharField()
    reason = serializers.CharField()
    code = serializers.IntegerField()
    trading_day = serializers.IntegerField()
    client_tag = serializers.CharField()
    submit_time = serializers.IntegerField()
    update_time = serializers.IntegerField()


class PendingOut(serializers.Serializer):  # type: ignore[misc]
    order_id = serializers.CharField()
    exchange_order_id = serializers.CharField()
    account_id = serializers.CharField()
    instrument_id = serializers.CharField()
    volume = serializers.IntegerField()
    status = serializers.CharField()
    command_id = serializers.CharField()


class CancelledOut(serializers.Serializer):  # type: ignore[misc]
    order_id = serializers.CharField()
    exchange_order_id = serializers.CharField()
    uid = serializers.IntegerField()
    account_id = serializers.CharField()
    instrument_id = serializers.CharField()
    status = serializers.CharField()
    remaining_volume = serializers.IntegerField()
    trading_day = serializers.IntegerField()
    update_time = serializers.IntegerField()


class CountOut(serializers.Serializer):  # type: ignore[misc]
    cancelled = serializers.IntegerField()


class CheckOut(serializers.Serializer):  # type: ignore[misc]
    code = serializers.IntegerField(help_text="0, or what the order would be refused with")
    message = serializers.CharField()
    margin = serializers.FloatField()
    commission = serializers.FloatField()
    available_after = serializers.FloatField()
    risk_ratio_after = serializers.FloatField()


class ResultOut(serializers.Serializer):  # type: ignore[misc]
    index = serializers.IntegerField()
    success = serializers.BooleanField()
    order_id = serializers.CharField()
    status = serializers.CharField()
    error = serializers.DictField(allow_null=True)


class BatchOut(serializers.Serializer):  # type: ignore[misc]
    total = serializers.IntegerField()
    success_count = serializers.IntegerField()
    failed_count = serializers.IntegerField()
    results = ResultOut(many=True)


class TradeOut(serializers.Serializer):  # type: ignore[misc]
    trade_id = serializers.CharField()
    order_id = serializers.CharField()
    exchange_order_id = serializers.CharField()
    exchange_trade_id = serializers.CharField()
    uid = serializers.IntegerField(help_text="the order's")
    account_id = serializers.CharField()
    instrument_id = serializers.CharField()
    direction = serializers.CharField()
    offset = serializers.CharField()
    price = serializers.FloatField()
    volume = serializers.IntegerField()
    commission = serializers.FloatField()
    close_profit = serializers.FloatField()
    is_taker = serializers.BooleanField()
    trading_day = serializers.IntegerField()
    timestamp = serializers.IntegerField()


class OrdersOut(serializers.Serializer):  # type: ignore[misc]
    items = OrderOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class TradesOut(serializers.Serializer):  # type: ignore[misc]
    items = TradeOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
