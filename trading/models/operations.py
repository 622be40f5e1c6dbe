"""Refusal counts, the audit log and the projector's cursor."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from trading.fields import venue_key


class RejectCount(models.Model):
    """How often a code was answered on a day, by type of command (T-61)."""

    venue = venue_key()
    trading_day = models.IntegerField()
    command_type = models.CharField(max_length=32)
    code = models.IntegerField()
    count = models.BigIntegerField()

    class Meta:
        verbose_name = _("refusal")
        verbose_name_plural = _("refusals")
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "trading_day", "command_type", "code"], name="rejectcount_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.trading_day} {self.command_type} {self.code}"


class AuditLog(models.Model):
    """What an operator did: who, when, from where, what, before, after, why (O-3)."""

    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    venue = models.SlugField(_("venue"), max_length=32, blank=True)
    user_id = models.CharField(_("user"), max_length=32, blank=True, db_index=True)
    username = models.CharField(_("user name"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    action = models.CharField(_("action"), max_length=64, db_index=True)
    target_type = models.CharField(_("kind"), max_length=64, blank=True)
    target = models.CharField(_("target"), max_length=200, blank=True)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    code = models.IntegerField(_("code"), default=0)
    command_id = models.CharField(max_length=32, blank=True)
    seq = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.at} {self.username} {self.action} {self.target}"


class DelistingRequest(models.Model):
    """A delisting that waits for a second person; gone when it was carried out or withdrawn (O-4)."""

    venue = models.SlugField(_("venue"), max_length=32)
    symbol = models.CharField(_("instrument"), max_length=64)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    asked_by = models.CharField(_("asked by"), max_length=32)
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)

    class Meta:
        verbose_name = _("delisting request")
        verbose_name_plural = _("delisting requests")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["venue", "symbol"], name="delistingrequest_symbol")]

    def __str__(self) -> str:
        return f"{self.venue} {self.symbol}"


class ProjectorCursor(models.Model):
    """The last event sequence in the tables; written in the transaction of the rows (A-7)."""

    venue = models.SlugField(max_length=32, primary_key=True)
    seq = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.venue} {self.seq}"
