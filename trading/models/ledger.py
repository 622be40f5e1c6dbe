"""Accounts, positions, cash flows and settled days."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from trading import choices
from trading.fields import MoneyField, not_negative, text_of, venue_key


class TradingAccount(models.Model):
    """An account and its realised figures and holds (T-52, T-58a, T-63).

    What follows prices (balance with position profit, available, ratio) is not stored.
    """

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    account_id = models.CharField(_("account"))
    user_id = models.CharField(_("user"), max_length=32, db_index=True)
    account_name = models.CharField(_("name"), blank=True)
    account_type = models.CharField(_("type"))
    currency = models.CharField(default="CNY")
    group = models.CharField(_("group"), blank=True)
    status = text_of(choices.AccountStatus)
    freeze_mode = text_of(choices.FreezeMode)
    can_close = models.BooleanField(default=True)
    freeze_reason = models.CharField(blank=True)
    is_market_maker = models.BooleanField(default=False)
    is_robot = models.BooleanField(default=False)
    max_order_amount = MoneyField(default=0)
    opened_ns = models.BigIntegerField()
    created_at = models.DateTimeField(_("created"))
    seq = models.BigIntegerField(default=0)
    pre_balance = MoneyField(default=0)
    deposit = MoneyField(default=0)
    withdraw = MoneyField(default=0)
    close_profit = MoneyField(default=0)
    commission = MoneyField(default=0)
    premium = MoneyField(default=0)
    margin = MoneyField(default=0)
    frozen_margin = MoneyField(default=0)
    frozen_commission = MoneyField(default=0)
    frozen_premium = MoneyField(default=0)
    funds_seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("trading account")
        verbose_name_plural = _("trading accounts")
        permissions = [("operate_accounts", _("Can approve, freeze and close trading accounts"))]
        constraints = [
            models.UniqueConstraint(fields=["venue", "account_id"], name="account_key"),
            models.CheckConstraint(
                condition=not_negative("deposit", "withdraw", "margin", "frozen_margin", "frozen_commission"),
                name="account_money",
            ),
        ]

    def __str__(self) -> str:
        return self.account_id

    @property
    def static_balance(self) -> Any:
        """pre_balance + deposit − withdraw, yuan (T-52)."""
        return self.pre_balance + self.deposit - self.withdraw

    @property
    def realised_balance(self) -> Any:
        """The balance without position profit, yuan (T-52)."""
        return self.static_balance + self.close_profit - self.commission - self.premium


class Position(models.Model):
    """One account's lots, costs and margin in one instrument, both sides (T-50)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    account_id = models.CharField(_("account"))
    symbol = models.CharField(_("symbol"))
    trading_day = models.IntegerField(_("trading day"))
    long_today = models.IntegerField()
    long_his = models.IntegerField()
    long_open_cost_today = MoneyField()
    long_open_cost_his = MoneyField()
    long_position_cost_today = MoneyField()
    long_position_cost_his = MoneyField()
    long_margin = MoneyField()
    long_frozen_today = models.IntegerField()
    long_frozen_his = models.IntegerField()
    short_today = models.IntegerField()
    short_his = models.IntegerField()
    short_open_cost_today = MoneyField()
    short_open_cost_his = MoneyField()
    short_position_cost_today = MoneyField()
    short_position_cost_his = MoneyField()
    short_margin = MoneyField()
    short_frozen_today = models.IntegerField()
    short_frozen_his = models.IntegerField()
    seq = models.BigIntegerField()

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        constraints = [
            models.UniqueConstraint(fields=["account_id", "symbol", "venue"], name="position_key"),
            models.CheckConstraint(
                condition=not_negative("long_margin", "short_margin")
                & Q(long_frozen_today__gte=0, long_frozen_today__lte=F("long_today"))
                & Q(long_frozen_his__gte=0, long_frozen_his__lte=F("long_his"))
                & Q(short_frozen_today__gte=0, short_frozen_today__lte=F("short_today"))
                & Q(short_frozen_his__gte=0, short_frozen_his__lte=F("short_his")),
                name="position_figures",
            ),
        ]
        indexes = [models.Index(fields=["symbol"], name="position_symbol")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.symbol}"


class MoneyReference(models.Model):
    """References of money commands, for ever; the core remembers eight days of them (A-5)."""

    venue = venue_key()
    account_id = models.CharField()
    reference = models.CharField()
    flow_id = models.CharField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["venue", "reference"], name="moneyreference_key")]

    def __str__(self) -> str:
        return self.reference


class CashFlow(models.Model):
    """One movement of money, never edited; partitioned by trading day (T-100)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    trading_day = models.IntegerField(_("trading day"))
    seq = models.BigIntegerField()
    flow_id = models.CharField(_("flow"))
    account_id = models.CharField(_("account"))
    kind = models.CharField(_("kind"))
    status = text_of(choices.FlowStatus, "completed")
    amount = MoneyField(_("amount"))
    balance_before = MoneyField()
    balance_after = MoneyField()
    reference = models.CharField(_("reference"), blank=True)
    method = models.CharField(blank=True)
    remark = models.CharField(blank=True)
    operator_id = models.CharField(blank=True)
    reverses = models.CharField(blank=True)
    time_ns = models.BigIntegerField()
    time = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("cash flow")
        verbose_name_plural = _("cash flows")
        permissions = [("move_money", _("Can deposit, withdraw and reverse"))]
        constraints = [
            models.UniqueConstraint(fields=["venue", "flow_id", "trading_day"], name="cashflow_flow_id"),
            models.CheckConstraint(
                condition=Q(balance_after=F("balance_before") + F("amount")),
                name="cashflow_money",
            ),
        ]
        indexes = [models.Index(fields=["account_id", "id"], name="cashflow_account")]

    def __str__(self) -> str:
        return self.flow_id


class AccountDay(models.Model):
    """An account's figures of one settled day; partitioned by trading day (T-93, T-94)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    trading_day = models.IntegerField(_("trading day"))
    seq = models.BigIntegerField()
    run_id = models.CharField()
    account_id = models.CharField(_("account"))
    pre_balance = MoneyField()
    deposit = MoneyField()
    withdraw = MoneyField()
    close_profit = MoneyField()
    position_profit = MoneyField()
    commission = MoneyField()
    balance = MoneyField()
    margin = MoneyField()
    risk_ratio_ppm = models.BigIntegerField()
    must_liquidate = models.BooleanField()
    time_ns = models.BigIntegerField()
    positions = models.JSONField(default=list)
    """Lots held over the settlement: [symbol, long, short, open cost long, open cost short, value
    long, value short, margin long, margin short], money in 1/10 000 yuan."""

    class Meta:
        verbose_name = _("account day")
        verbose_name_plural = _("account days")
        constraints = [
            models.UniqueConstraint(fields=["account_id", "trading_day", "venue"], name="accountday_key"),
            models.CheckConstraint(
                condition=not_negative("deposit", "withdraw", "margin"), name="accountday_money"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.trading_day}"


class SettlementDay(models.Model):
    """How the settlement of a venue's trading day went, after its events (T-91, T-94)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    trading_day = models.IntegerField(_("trading day"))
    run_id = models.CharField()
    state = text_of(choices.SettlementState)
    code = models.IntegerField(default=0)
    params = models.JSONField(default=dict)
    total_accounts = models.IntegerField(default=0)
    settled_accounts = models.IntegerField(default=0)
    next_trading_day = models.IntegerField(default=0)
    total_commission = MoneyField(default=0)
    total_profit = MoneyField(default=0)
    force_closed_accounts = models.JSONField(default=list)
    begun_ns = models.BigIntegerField(default=0)
    finished_ns = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("settlement day")
        verbose_name_plural = _("settlement days")
        constraints = [models.UniqueConstraint(fields=["venue", "trading_day"], name="settlementday_key")]

    def __str__(self) -> str:
        return str(self.trading_day)
