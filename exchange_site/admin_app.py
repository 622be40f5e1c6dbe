"""The admin as an installed app; replaces `django.contrib.admin` in INSTALLED_APPS."""

from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class ExchangeAdminConfig(AdminConfig):
    """`django.contrib.admin` with our site as the default one."""

    default_site = "exchange_site.admin_site.ExchangeAdminSite"
    verbose_name = _("Administration")

    def ready(self) -> None:
        super().ready()
        from exchange_site import audit

        audit.connect()
