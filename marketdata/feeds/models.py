"""The connections of a venue's feed (G-1)."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketdata.feeds.configuration import link_config
from marketdata.feeds.link import LinkConfig
from marketdata.feeds.secret import decrypt, encrypt


class FeedConnection(models.Model):
    """One front of a broker; password and code are stored encrypted and never shown."""

    venue = models.SlugField(_("venue"), max_length=32)
    connection_id = models.CharField(
        _("connection"), max_length=64, validators=[RegexValidator(r"^[A-Za-z0-9_.-]{1,64}\Z")]
    )
    front_addr = models.CharField(_("front address"), max_length=270, help_text="tcp://host:port")
    broker_id = models.CharField(_("broker id"), max_length=10, blank=True)
    broker_name = models.CharField(_("broker"), max_length=64, blank=True)
    network = models.CharField(_("network"), max_length=32, blank=True)
    user_id = models.CharField(_("user id"), max_length=15, blank=True)
    password_cipher = models.TextField(editable=False, blank=True)
    app_id = models.CharField(_("app id"), max_length=32, blank=True)
    auth_code_cipher = models.TextField(editable=False, blank=True)
    max_subscriptions = models.PositiveIntegerField(
        _("room"), default=500, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    priority = models.PositiveIntegerField(
        _("priority"), default=1, help_text=_("1 is the best"),
        validators=[MinValueValidator(1), MaxValueValidator(1_000)],
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("feed connection")
        verbose_name_plural = _("feed connections")
        ordering = ["venue", "priority", "connection_id"]
        constraints = [models.UniqueConstraint(fields=["venue", "connection_id"], name="feedconnection_key")]
        permissions = [("operate_feeds", "Can operate feed connections")]

    def __str__(self) -> str:
        return self.connection_id

    def config(self) -> LinkConfig:
        """As the feed uses it; SecretLost when the secrets cannot be read."""
        plain = {
            name: getattr(self, name)
            for name in (
                "connection_id", "front_addr", "broker_id", "broker_name", "network", "user_id",
                "app_id", "max_subscriptions", "priority", "enabled",
            )
        }  # fmt: skip
        return LinkConfig(
            **plain, password=decrypt(self.password_cipher), auth_code=decrypt(self.auth_code_cipher)
        )

    def set_secret(self, name: str, plain: str) -> None:
        """Keep `password` or `auth_code`."""
        setattr(self, f"{name}_cipher", encrypt(plain))

    def clean(self) -> None:
        """Refuse what the library would not survive."""
        row = {name: value for name, value in vars(self.config()).items() if value != ""}
        try:
            link_config(row)
        except ValueError as error:
            raise ValidationError(str(error)) from error
