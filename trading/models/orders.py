"""Orders and trades."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from trading import choices
from trading.fields import MoneyField, not_negative, text_of, venue_key


class Order(models.Model):
    """An order and where it stands; partitioned by the trading day of its acceptance (T-33)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    trading_day = models.IntegerField(_("trading day"))
    seq = models.BigIntegerField()
    uid = models.BigIntegerField(_("uid"))
    account_id = models.CharField(_("account"))
    order_id = models.CharField(_("order"), max_length=128)
    symbol = models.CharField(_("symbol"))
    direction = text_of(choices.Direction)
    offset = text_of(choices.Offset)
    volume = models.IntegerField(_("volume"))
    price_type = text_of(choices.PriceType)
    limit_price = MoneyField(_("price"))
    time_condition = text_of(choices.TimeCondition)
    volume_condition = text_of(choices.VolumeCondition)
    min_volume = models.IntegerField()
    gtd_date = models.IntegerField()
    hedge_flag = models.CharField()
    client_tag = models.CharField(blank=True)
    exchange_order_id = models.BigIntegerField()
    status = text_of(choices.OrderStatus)
    volume_left = models.IntegerField(_("left"))
    filled_value = MoneyField()
    frozen_margin = MoneyField()
    frozen_commission = MoneyField()
    end_reason = text_of(choices.EndReason)
    code = models.IntegerField(_("code"), default=0)
    params = models.JSONField(default=dict)
    insert_time_ns = models.BigIntegerField()
    insert_time = models.DateTimeField(_("submitted"))
    update_time_ns = models.BigIntegerField()
    update_time = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = [("cancel_any_order", _("Can cancel anybody's order"))]
        constraints = [
            # A refused order holds no id: its number may come again (exchange_order_id 0).
            models.UniqueConstraint(
                fields=["order_id", "account_id", "trading_day", "venue"],
                condition=Q(exchange_order_id__gt=0),
                name="order_client_id",
            ),
            models.CheckConstraint(
                condition=Q(exchange_order_id=0)
                | not_negative("filled_value", "frozen_margin", "frozen_commission")
                & Q(volume_left__gte=0, volume_left__lte=F("volume")),
                name="order_figures",
            ),
        ]
        indexes = [
            models.Index(fields=["account_id", "id"], name="order_account"),
            models.Index(fields=["symbol", "id"], name="order_symbol"),
            models.Index(fields=["order_id"], condition=Q(exchange_order_id=0), name="order_refused"),
            models.Index(
                fields=["account_id"],
                condition=Q(status__in=["Submitted", "PartiallyFilled"]),
                name="order_working",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id

    @property
    def filled_volume(self) -> int:
        """Lots filled."""
        return self.volume - self.volume_left if self.status != "Rejected" else 0


class Trade(models.Model):
    """One side of a fill; both sides of a trade are two rows (T-34)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    trading_day = models.IntegerField(_("trading day"))
    seq = models.BigIntegerField()
    symbol = models.CharField(_("symbol"))
    exchange_trade_id = models.BigIntegerField()
    direction = text_of(choices.Direction)
    offset = text_of(choices.Offset)
    account_id = models.CharField(_("account"))
    order_id = models.CharField(_("order"), max_length=128)
    order_uid = models.BigIntegerField()
    order_trading_day = models.IntegerField()
    exchange_order_id = models.BigIntegerField()
    counter_account_id = models.CharField(_("other side"))
    price = MoneyField(_("price"))
    volume = models.IntegerField(_("volume"))
    commission = MoneyField(_("commission"))
    close_profit = MoneyField(_("close profit"))
    is_taker = models.BooleanField(_("taker"))
    in_auction = models.BooleanField(_("auction"))
    open_interest = models.BigIntegerField()
    time_ns = models.BigIntegerField()
    time = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("trade")
        verbose_name_plural = _("trades")
        constraints = [
            models.UniqueConstraint(
                fields=["exchange_trade_id", "symbol", "direction", "trading_day", "venue"],
                name="trade_exchange_id",
            ),
            models.CheckConstraint(
                condition=Q(volume__gt=0) & not_negative("price", "commission"),
                name="trade_figures",
            ),
        ]
        indexes = [models.Index(fields=["account_id", "id"], name="trade_account")]

    def __str__(self) -> str:
        return self.trade_id

    @property
    def trade_id(self) -> str:
        """The trade's name outside its instrument (T-34)."""
        return f"{self.order_id}|{self.exchange_trade_id}"
