"""Scheduled jobs as the admin shows them (O-10), settlement runs and their prices (T-91)."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from settlement.contest_models import Contest, ContestEntry
from trading.choices import SettlementState
from trading.fields import MoneyField

__all__ = ["Contest", "ContestEntry", "Job", "SettlementPrice", "SettlementRun"]


class Job(models.Model):
    """One job of one venue: its last run. Written by the runner alone, under the job's lock."""

    venue = models.SlugField(_("venue"), max_length=32)
    name = models.SlugField(_("name"), max_length=48)
    started_at = models.DateTimeField(_("last start"), null=True)
    ended_at = models.DateTimeField(_("last end"), null=True)
    done_at = models.DateTimeField(_("last success"), null=True)
    is_ok = models.BooleanField(_("ok"), null=True)
    result = models.TextField(_("result"), blank=True)
    started_by = models.CharField(_("started by"), max_length=150, blank=True)
    runs = models.BigIntegerField(_("runs"), default=0)
    failures = models.BigIntegerField(_("failures"), default=0)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["venue", "name"]
        permissions = [("run_job", _("Can run jobs"))]
        constraints = [models.UniqueConstraint(fields=["venue", "name"], name="job_key")]

    def __str__(self) -> str:
        return f"{self.venue} {self.name}"


class SettlementRun(models.Model):
    """The settlement of one trading day, from its prices to its end (T-91).

    What happened in the log is `trading.SettlementDay`; `settlement.run_services.follow`
    brings the state here up to it.
    """

    DRAFT, PRICED, RUNNING, DONE, FAILED = "DRAFT", "PRICED", "RUNNING", "DONE", "FAILED"

    venue = models.SlugField(_("venue"), max_length=32)
    trading_day = models.IntegerField(_("trading day"))
    run_id = models.CharField(_("run"), max_length=40)
    state = models.CharField(_("state"), max_length=8, choices=SettlementState.choices, default=DRAFT)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    code = models.IntegerField(_("code"), default=0)
    params = models.JSONField(default=dict)
    asked_by = models.CharField(_("asked by"), max_length=32, blank=True)
    asked_at = models.DateTimeField(_("asked at"), null=True)
    started_by = models.CharField(_("started by"), max_length=32, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True)

    class Meta:
        verbose_name = _("settlement run")
        verbose_name_plural = _("settlement runs")
        ordering = ["-trading_day"]
        permissions = [("settle", _("Can set settlement prices and run settlements"))]
        constraints = [models.UniqueConstraint(fields=["venue", "trading_day"], name="settlementrun_day")]

    def __str__(self) -> str:
        return f"{self.venue} {self.trading_day}"

    @property
    def attempt_id(self) -> str:
        """The `run_id` of the present attempt in the log."""
        return f"{self.run_id}-{self.attempt}"


class SettlementPrice(models.Model):
    """The price at which an instrument is settled; an operator's goes before the computed one."""

    run = models.ForeignKey(SettlementRun, on_delete=models.PROTECT, related_name="prices")
    symbol = models.CharField(_("symbol"), max_length=64)
    computed = MoneyField(_("computed price"), null=True)
    chosen = MoneyField(_("operator's price"), null=True)
    chosen_by = models.CharField(_("operator"), max_length=32, blank=True)

    class Meta:
        verbose_name = _("settlement price")
        verbose_name_plural = _("settlement prices")
        ordering = ["symbol"]
        constraints = [
            models.UniqueConstraint(fields=["run", "symbol"], name="settlementprice_key"),
            models.CheckConstraint(
                condition=models.Q(computed__gt=0) | models.Q(computed=None), name="settlementprice_computed"
            ),
            models.CheckConstraint(
                condition=models.Q(chosen__gt=0) | models.Q(chosen=None), name="settlementprice_chosen"
            ),
        ]

    def __str__(self) -> str:
        return self.symbol

    @property
    def price(self) -> Any:
        """Yuan; None when nobody knows one."""
        return self.computed if self.chosen is None else self.chosen
