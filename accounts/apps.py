"""Users, tokens, idempotency keys and venue settings."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Users and settings")
    default_auto_field = "django.db.models.BigAutoField"
