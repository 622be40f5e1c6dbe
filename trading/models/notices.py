"""Notifications kept for those who were away (W-11)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.fields import venue_key
from trading.notifications import KINDS, message_id


class Notification(models.Model):
    """One notification of a user; ``user_id`` "" is everybody. Written by the projector."""

    id = models.BigIntegerField(primary_key=True)
    venue = venue_key()
    trading_day = models.IntegerField(_("trading day"))
    user_id = models.CharField(_("user"), max_length=32, blank=True)
    account_id = models.CharField(_("account"), blank=True)
    kind = models.CharField(_("kind"), max_length=32)
    payload = models.JSONField(_("content"))
    time_ns = models.BigIntegerField()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        indexes = [
            models.Index(fields=["user_id", "id"], name="notification_user"),
            models.Index(fields=["trading_day"], name="notification_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.account_id}"

    @property
    def position(self) -> int:
        """Its place in the venue's list, as its id has it."""
        return self.id & ((1 << 52) - 1)

    def message_id(self, venue: str) -> str:
        """Its name on the wire."""
        return message_id(venue, self.position)

    @property
    def priority(self) -> int:
        return KINDS[self.kind][1]
