"""`manage.py exchange`: the whole exchange on one machine."""

from typing import Any

from django.core.management.base import BaseCommand

from exchange_site.supervisor import main


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C, then drains."""

    help = "Run every process of the exchange, with embedded servers unless URLs are given."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(main())
