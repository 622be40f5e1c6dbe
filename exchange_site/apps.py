"""Site."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExchangeSiteConfig(AppConfig):
    name = "exchange_site"
    verbose_name = _("Site")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the checks known."""
        from exchange_site import checks as checks
