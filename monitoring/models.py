"""Alerts of the watcher, and reports of what was measured (O-33, H-8)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class AlertState(models.TextChoices):
    OPEN = "open", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    CLOSED = "closed", _("Closed")


class Severity(models.TextChoices):
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class Alert(models.Model):
    """A rule that held: opened and closed by the watcher, acknowledged by people."""

    venue = models.SlugField(_("venue"), max_length=32)
    name = models.CharField(_("rule"), max_length=64)
    target = models.CharField(_("concerns"), max_length=128, blank=True)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity)
    summary = models.CharField(_("what"), max_length=300)
    value = models.FloatField(_("value"))
    state = models.CharField(_("state"), max_length=12, choices=AlertState, default=AlertState.OPEN)
    opened_at = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("last seen"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.CharField(_("by"), max_length=150, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True)
    told_at = models.DateTimeField(_("last told"), null=True)
    told = models.PositiveIntegerField(_("times told"), default=0)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-id"]
        permissions = [
            ("acknowledge_alert", _("Can acknowledge alerts")),
            ("close_sockets", _("Can close sockets of users")),
            ("command_processes", _("Can send commands to processes")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "name", "target"], condition=~Q(state="closed"), name="alert_living"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.target}".strip()


class Report(models.Model):
    """What `POST /api/monitoring/report` measured."""

    venue = models.SlugField(_("venue"), max_length=32)
    report_id = models.CharField(_("report"), max_length=32, unique=True)
    made_at = models.DateTimeField(_("made"))
    made_by = models.CharField(_("by"), max_length=150)
    figures = models.JSONField(_("figures"))

    class Meta:
        verbose_name = _("monitoring report")
        verbose_name_plural = _("monitoring reports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.report_id
