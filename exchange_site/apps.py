"""Site."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExchangeSiteConfig(AppConfig):
    name = "exchange_site"
    verbose_name = _("Site")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the checks known, and the audit triggers after each migration."""
        from django.db.models.signals import post_migrate

        from exchange_site import audit_triggers
        from exchange_site import checks as checks

        post_migrate.connect(audit_triggers.install, dispatch_uid="audit triggers")
