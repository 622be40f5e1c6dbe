"""Settlement."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SettlementConfig(AppConfig):
    name = "settlement"
    verbose_name = _("Settlement")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """DIFF sockets show the statements that are kept here, banks and transfers (D-12)."""
        from marketdata.sockets.diff import hooks
        from settlement.diff_statements import text_of
        from trading.bank_services import diff_banks, diff_transfer

        hooks.register(statement_of=text_of, banks_of=diff_banks, move=diff_transfer)
