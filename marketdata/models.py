"""Stored ticks and bars, and what the market-data process needs to go on (M-4, M-12).

Rows are written by that process and by rollups; prices are yuan. Tables with a row per
trade or per bar are partitioned by trading day.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from marketdata.feeds.models import FeedConnection as FeedConnection
from trading.fields import MoneyField, venue_key


class Tick(models.Model):
    """The market of one symbol as of a moment; `open` … `open_oi` are those of its own trades."""

    pk = models.CompositePrimaryKey("venue_id", "symbol", "tick_id", "trading_day")
    venue = venue_key()
    symbol = models.TextField()
    tick_id = models.BigIntegerField()
    trading_day = models.IntegerField()
    datetime_ns = models.BigIntegerField()
    last_price = MoneyField()
    average = MoneyField()
    highest = MoneyField()
    lowest = MoneyField()
    volume = models.BigIntegerField()
    amount = MoneyField()
    open_interest = models.BigIntegerField()
    bids = models.JSONField()  # [[price, lots], …] in 1/10 000 yuan, best first
    asks = models.JSONField()
    open = MoneyField()
    high = MoneyField()
    low = MoneyField()
    lots = models.BigIntegerField()
    turnover = MoneyField()
    open_oi = models.BigIntegerField()
    seq = models.BigIntegerField()

    class Meta:
        verbose_name = _("tick")
        verbose_name_plural = _("ticks")

    def __str__(self) -> str:
        return f"{self.symbol} {self.tick_id}"


class BarColumns(models.Model):
    """A finished bar; `duration_s` is its length, `bar_id` its dense number in the series."""

    pk = models.CompositePrimaryKey("venue_id", "symbol", "duration_s", "bar_id", "trading_day")
    venue = venue_key()
    symbol = models.TextField()
    duration_s = models.IntegerField()
    bar_id = models.BigIntegerField()
    trading_day = models.IntegerField()
    datetime_ns = models.BigIntegerField()
    open = MoneyField()
    high = MoneyField()
    low = MoneyField()
    close = MoneyField()
    volume = models.BigIntegerField()
    amount = MoneyField()
    open_oi = models.BigIntegerField()
    close_oi = models.BigIntegerField()
    seq = models.BigIntegerField()

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(low__lte=models.F("open"), high__gte=models.F("open"))
                & models.Q(low__lte=models.F("close"), high__gte=models.F("close")),
                name="%(class)s_range",
            )
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.duration_s} s {self.bar_id}"


class SecondBar(BarColumns):
    """Bars of 3 seconds, kept for days."""


class MinuteBar(BarColumns):
    """Bars of 1 to 60 minutes, kept for months."""


class DayBar(BarColumns):
    """Bars of a day, kept for ever; weeks and months are folded from them."""


class SeriesDay(models.Model):
    """The first id of a series on a trading day, so that ids never depend on retention (D-24).

    `duration_s` 0 is the series of ticks.
    """

    pk = models.CompositePrimaryKey("venue_id", "symbol", "duration_s", "trading_day")
    venue = venue_key()
    symbol = models.TextField()
    duration_s = models.IntegerField()
    trading_day = models.IntegerField()
    first_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.symbol} {self.duration_s} s {self.trading_day}"


class TickerState(models.Model):
    """Unfinished ticks and bars of a symbol as of the cursor (msgpack)."""

    pk = models.CompositePrimaryKey("venue_code", "symbol")
    venue_code = models.SlugField(max_length=32)
    symbol = models.TextField()
    state = models.BinaryField()

    def __str__(self) -> str:
        return self.symbol


class MarketCursor(models.Model):
    """The last event in these tables, written in the transaction of the rows."""

    venue = models.SlugField(max_length=32, primary_key=True)
    seq = models.BigIntegerField(default=0)
    state = models.BinaryField(default=bytes)  # calendar, contracts, products (msgpack)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.venue} {self.seq}"
