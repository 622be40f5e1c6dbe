"""Users, their API tokens, idempotency keys (H-6) and the table of venue settings (O-8)."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken

from accounts.bank_models import Bank as Bank
from accounts.bank_models import BankAccount as BankAccount
from accounts.bank_models import FundPassword as FundPassword

USERNAME_PATTERN = r"^[a-z0-9_]{3,32}\Z"


class User(AbstractUser):  # type: ignore[django-manager-missing]
    """Somebody who signs in; `id.hex` is the `user_id` of commands and events."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        _("username"),
        max_length=32,
        unique=True,
        validators=[
            RegexValidator(
                USERNAME_PATTERN,
                _("3 to 32 lower-case letters, digits or underscores."),
            )
        ],
        error_messages={"unique": _("A user with that username already exists.")},
    )
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=[("en", "English"), ("zh-hans", "简体中文")],
        default="en",
    )

    _loaded_username: str | None = None

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [("operate_users", _("Can lock and unlock users and revoke their tokens"))]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(username__regex=r"^[a-z0-9_]{3,32}$"),
                name="user_username_shape",
            )
        ]

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().from_db(*args, **kwargs)
        instance._loaded_username = instance.__dict__.get("username")
        return instance

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a changed username raises ValidationError, since logs and links carry it."""
        if self._loaded_username not in (None, self.username):
            raise ValidationError({"username": _("A username cannot be changed.")})
        super().save(*args, **kwargs)
        self._loaded_username = self.username


class TokenScope(models.TextChoices):
    READ = "read", _("read")
    TRADE = "trade", _("trade")
    ADMIN = "admin", _("admin")


def default_scopes() -> list[str]:
    """Scopes of a token made at log-in: everything the user may do but administration."""
    return [TokenScope.READ, TokenScope.TRADE]


class AuthToken(AbstractAuthToken):  # type: ignore[misc]
    """A named, expiring, revocable token; only its hash is stored (H-2)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="auth_token_set",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=64, blank=True)
    scopes = models.JSONField(_("scopes"), default=default_scopes)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name or self.token_key} ({self.user})"

    def clean(self) -> None:
        """Refuse a scope the table of scopes does not know."""
        unknown = set(self.scopes) - set(TokenScope.values)
        if unknown or not self.scopes:
            raise ValidationError({"scopes": _("Scopes are read, trade and admin.")})

    def allows(self, scope: str) -> bool:
        """Whether the token carries this scope."""
        return scope in self.scopes


class IdempotencyKey(models.Model):
    """One POST under an `Idempotency-Key`, written before its command is appended (H-6)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64)
    command_id = models.CharField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_user_key")]

    def __str__(self) -> str:
        return self.key


class VenueSetting(models.Model):
    """A setting of a venue that differs from its default; names are in `venue_settings`."""

    venue = models.SlugField(_("venue"), max_length=32)
    name = models.CharField(_("name"), max_length=64)
    value = models.JSONField(_("value"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    updated_by = models.CharField(_("updated by"), max_length=32, blank=True)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now)

    class Meta:
        verbose_name = _("venue setting")
        verbose_name_plural = _("venue settings")
        ordering = ["venue", "name"]
        constraints = [models.UniqueConstraint(fields=["venue", "name"], name="venuesetting_venue_name")]

    def __str__(self) -> str:
        return f"{self.venue}.{self.name}"


class MoneyRequest(models.Model):
    """A withdrawal that waits for a second person, and what became of it (T-100, O-4).

    `command_id` and `reference` are fixed when it is asked for, so that it is paid once however
    often its approval is tried.
    """

    PENDING, APPROVED, COMPLETED, FAILED, CANCELLED = (
        "pending",
        "approved",
        "completed",
        "failed",
        "cancelled",
    )
    STATES = (
        (PENDING, _("Pending")),
        (APPROVED, _("Approved")),
        (COMPLETED, _("Completed")),
        (FAILED, _("Failed")),
        (CANCELLED, _("Cancelled")),
    )

    venue = models.SlugField(_("venue"), max_length=32)
    account_id = models.CharField(_("account"), max_length=64, db_index=True)
    amount = models.DecimalField(_("amount"), max_digits=20, decimal_places=4)
    method = models.CharField(_("method"), max_length=64, blank=True)
    remark = models.CharField(_("remark"), max_length=256, blank=True)
    kind = models.CharField(_("kind"), max_length=16, default="withdrawal")
    reference = models.CharField(_("reference"), max_length=128)
    command_id = models.CharField(max_length=32)
    state = models.CharField(_("state"), max_length=9, choices=STATES, default=PENDING)
    asked_by = models.CharField(_("asked by"), max_length=32)
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    decided_by = models.CharField(_("decided by"), max_length=32, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    code = models.IntegerField(_("code"), default=0)
    flow_id = models.CharField(_("flow"), max_length=32, blank=True)

    class Meta:
        verbose_name = _("money request")
        verbose_name_plural = _("money requests")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "reference"], name="moneyrequest_reference"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="moneyrequest_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount}"


class AnnouncementKind(models.TextChoices):
    GENERAL = "general", _("General")
    MARKET = "market", _("Market notice")
    RISK = "risk", _("Risk notice")
    MAINTENANCE = "maintenance", _("Maintenance")


class Announcement(models.Model):
    """What the operators tell everybody; shown in the terminal while it holds."""

    kind = models.CharField(
        _("type"), max_length=16, choices=AnnouncementKind, default=AnnouncementKind.GENERAL
    )
    priority = models.PositiveSmallIntegerField(_("priority"), default=2)
    title = models.CharField(_("title"), max_length=120)
    text = models.TextField(_("text"), max_length=4_000, blank=True)
    valid_from = models.DateTimeField(_("valid from"), default=timezone.now)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ["priority", "-id"]

    def __str__(self) -> str:
        return self.title
