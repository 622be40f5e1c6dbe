"""Venues, calendar, sessions, products, instruments and rates."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from trading import choices
from trading.fields import MoneyField, not_negative, text_of, venue_key


class Venue(models.Model):
    """One market: its clock, trading day and switches; `id` is the venue number of keys."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    code = models.SlugField(_("code"), max_length=32, unique=True)
    mode = text_of(choices.ClockMode)
    trading_day = models.IntegerField(_("trading day"))
    settlement_minute = models.PositiveSmallIntegerField(default=930)
    is_halted = models.BooleanField(_("halted"), default=False)
    halt_reason = models.CharField(blank=True)
    is_settling = models.BooleanField(_("settling"), default=False)
    engine_version = models.IntegerField(default=1)
    seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("venue")
        verbose_name_plural = _("venues")
        permissions = [
            ("halt_venue", _("Can halt and resume the venue")),
            ("view_all", _("Can see every account")),
        ]

    def __str__(self) -> str:
        return self.code


class TradingDay(models.Model):
    """One day of a venue's calendar (T-20)."""

    venue = venue_key()
    day = models.IntegerField(_("day"))
    seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("trading day")
        verbose_name_plural = _("trading days")
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["venue", "day"], name="tradingday_key")]

    def __str__(self) -> str:
        return str(self.day)


class SessionTemplate(models.Model):
    """A timetable that instruments name, and the phase it is in (T-20)."""

    venue = venue_key()
    name = models.CharField(_("name"))
    phase = text_of(choices.Phase, "CLOSED")
    phase_since_ns = models.BigIntegerField(default=0)
    phase_seq = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("session template")
        verbose_name_plural = _("session templates")
        constraints = [models.UniqueConstraint(fields=["venue", "name"], name="template_key")]

    def __str__(self) -> str:
        return self.name


class SessionSection(models.Model):
    """One section of a template, in minutes of the Shanghai day; a night may pass 1440."""

    venue = venue_key()
    template = models.CharField(_("template"))
    is_night = models.BooleanField(_("night"))
    phase = text_of(choices.Phase)
    start_minute = models.PositiveSmallIntegerField(_("start"))
    end_minute = models.PositiveSmallIntegerField(_("end"))
    seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("session section")
        verbose_name_plural = _("session sections")
        ordering = ["template", "-is_night", "start_minute"]
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "template", "is_night", "start_minute"], name="section_key"
            ),
            models.CheckConstraint(
                condition=Q(end_minute__gt=F("start_minute"), end_minute__lte=2880),
                name="section_minutes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.phase} {self.start_minute}-{self.end_minute}"


class RatesColumns(models.Model):
    """The eight rates of T-56; empty inherits from the next less specific level."""

    margin_long_ppm = models.IntegerField(null=True, blank=True)
    margin_short_ppm = models.IntegerField(null=True, blank=True)
    open_ratio_ppb = models.BigIntegerField(null=True, blank=True)
    open_per_lot = MoneyField(null=True, blank=True)
    close_ratio_ppb = models.BigIntegerField(null=True, blank=True)
    close_per_lot = MoneyField(null=True, blank=True)
    close_today_ratio_ppb = models.BigIntegerField(null=True, blank=True)
    close_today_per_lot = MoneyField(null=True, blank=True)

    class Meta:
        abstract = True


class Product(RatesColumns):
    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    exchange_id = models.CharField(_("exchange"))
    product_id = models.CharField(_("product"))
    name_zh = models.CharField(blank=True)
    name_en = models.CharField(blank=True)
    larger_side_margin = models.BooleanField(default=False)
    seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["exchange_id", "product_id"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "exchange_id", "product_id"], name="product_key")
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id}.{self.product_id}"


class Instrument(RatesColumns):
    """A contract (T-11); its rates are those set on it, over its product's."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    symbol = models.CharField(_("symbol"))
    exchange_id = models.CharField(_("exchange"))
    instrument_id = models.CharField(_("instrument"), db_index=True)
    product_id = models.CharField(_("product"))
    name_zh = models.CharField(blank=True)
    name_en = models.CharField(blank=True)
    instrument_class = models.CharField()
    volume_multiple = models.IntegerField()
    price_tick = MoneyField()
    session_template = models.CharField()
    limit_up_ppm = models.IntegerField()
    limit_down_ppm = models.IntegerField()
    min_limit_volume = models.IntegerField()
    max_limit_volume = models.IntegerField()
    min_market_volume = models.IntegerField()
    max_market_volume = models.IntegerField()
    position_limit = models.IntegerField()
    list_date = models.IntegerField()
    expire_date = models.IntegerField()
    listing_price = MoneyField()
    status = text_of(choices.InstrumentStatus)
    pre_settlement = MoneyField()
    pre_close = MoneyField()
    pre_open_interest = models.BigIntegerField()
    upper_limit = MoneyField()
    lower_limit = MoneyField()
    self_trade_mode = text_of(choices.SelfTradeMode)
    breaker_move_ppm = models.IntegerField()
    breaker_window_ns = models.BigIntegerField()
    breaker_auction_ns = models.BigIntegerField()
    seq = models.BigIntegerField(default=0)
    phase = text_of(choices.Phase)  # own phase while a circuit breaker holds it
    phase_seq = models.BigIntegerField(default=0)
    open_interest = models.BigIntegerField(default=0)
    open_interest_seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("instrument")
        verbose_name_plural = _("instruments")
        permissions = [("operate_instruments", _("Can create, change, suspend and delist instruments"))]
        ordering = ["symbol"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol"], name="instrument_key"),
            models.CheckConstraint(
                condition=Q(volume_multiple__gt=0, price_tick__gt=0)
                & not_negative("upper_limit", "lower_limit", "pre_settlement", "open_interest"),
                name="instrument_figures",
            ),
        ]
        indexes = [models.Index(fields=["venue", "exchange_id", "product_id"])]

    def __str__(self) -> str:
        return self.symbol


class RateRow(RatesColumns):
    """Rates of a holder for a target; all empty when they were removed (T-56)."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    holder = models.CharField(_("holder"), blank=True)
    target = models.CharField(_("target"))
    reason = models.CharField(blank=True)
    seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("rates")
        verbose_name_plural = _("rates")
        constraints = [models.UniqueConstraint(fields=["venue", "holder", "target"], name="raterow_key")]

    def __str__(self) -> str:
        return f"{self.holder or '*'} {self.target}"
