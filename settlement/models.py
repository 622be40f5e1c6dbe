"""Scheduled jobs as the admin shows them (O-10)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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
