"""Conditional orders, risk alerts and liquidations (T-70, T-80 … T-82)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading import choices
from trading.fields import MoneyField, text_of, venue_key


class ConditionalOrder(models.Model):
    """A conditional order as it stands; conditions and orders as the core has them, named."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    uid = models.BigIntegerField()
    account_id = models.CharField(_("account"))
    order_id = models.CharField(_("order"))
    label = models.CharField(_("kind"))
    status = text_of(choices.ConditionalStatus)
    trading_day = models.IntegerField(_("trading day"))
    insert_time_ns = models.BigIntegerField()
    touched_time_ns = models.BigIntegerField(default=0)
    needs_all = models.BooleanField(default=False)
    conditions = models.JSONField(default=list)
    orders = models.JSONField(default=list)
    touched = models.JSONField(default=list)
    time_condition = text_of(choices.TimeCondition)
    gtd_date = models.IntegerField(default=0)
    cancels_closes = models.BooleanField(default=True)
    client_tag = models.CharField(blank=True)
    code = models.IntegerField(default=0)
    time = models.DateTimeField(_("time"))
    seq = models.BigIntegerField()

    class Meta:
        verbose_name = _("conditional order")
        verbose_name_plural = _("conditional orders")
        constraints = [models.UniqueConstraint(fields=["venue", "uid"], name="conditional_key")]
        indexes = [models.Index(fields=["account_id", "-id"], name="conditional_account")]

    def __str__(self) -> str:
        return self.order_id


class RiskNotice(models.Model):
    """A crossing of a risk level, a margin call, or an operator's hold-back; append-only (T-81)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    seq = models.BigIntegerField()
    kind = models.CharField(_("kind"))
    account_id = models.CharField(_("account"))
    user_id = models.CharField(_("user"), max_length=32)
    level_before = text_of(choices.RiskLevel)
    level = text_of(choices.RiskLevel)
    risk_ratio_ppm = models.BigIntegerField()
    balance = MoneyField()
    margin = MoneyField()
    amount = MoneyField(default=0)
    remark = models.CharField(_("remark"), blank=True)
    operator_id = models.CharField(blank=True)
    time = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("risk notice")
        verbose_name_plural = _("risk notices")
        indexes = [models.Index(fields=["account_id", "-id"], name="risknotice_account")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind}"


class LiquidationRecord(models.Model):
    """One forced liquidation, from its first step to its last (T-82)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    record_id = models.CharField(_("record"))
    account_id = models.CharField(_("account"))
    user_id = models.CharField(_("user"), max_length=32)
    status = text_of(choices.LiquidationStatus)
    cause = models.CharField(_("cause"))
    reason = models.CharField(_("reason"), blank=True)
    operator_id = models.CharField(blank=True)
    trading_day = models.IntegerField(_("trading day"))
    started_ns = models.BigIntegerField()
    risk_ratio_before_ppm = models.BigIntegerField()
    risk_ratio_after_ppm = models.BigIntegerField()
    pre_balance = MoneyField()
    post_balance = MoneyField()
    orders = models.IntegerField()
    lots = models.IntegerField()
    code = models.IntegerField(default=0)
    time = models.DateTimeField(_("time"))
    seq = models.BigIntegerField()

    class Meta:
        verbose_name = _("liquidation")
        permissions = [("manage_risk", _("Can liquidate an account or hold it back"))]
        verbose_name_plural = _("liquidations")
        constraints = [models.UniqueConstraint(fields=["venue", "record_id"], name="liquidation_key")]
        indexes = [models.Index(fields=["account_id", "-id"], name="liquidation_account")]

    def __str__(self) -> str:
        return self.record_id


class LiquidationStep(models.Model):
    """One closing order of a liquidation."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    seq = models.BigIntegerField()
    record_id = models.CharField(_("record"), db_index=True)
    account_id = models.CharField(_("account"))
    order_id = models.CharField(_("order"))
    symbol = models.CharField(_("instrument"))
    direction = text_of(choices.Direction)
    offset = text_of(choices.Offset)
    volume = models.IntegerField()
    closed = models.IntegerField()
    value = models.DecimalField(max_digits=30, decimal_places=4)
    risk_ratio_after_ppm = models.BigIntegerField()
    code = models.IntegerField(default=0)
    time = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("liquidation step")
        verbose_name_plural = _("liquidation steps")

    def __str__(self) -> str:
        return self.order_id
