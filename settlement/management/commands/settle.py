"""`manage.py settle`: settle the venue's present trading day now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.exceptions import ExchangeError, message
from settlement.run_services import compute_prices, current_run, execute


class Command(BaseCommand):
    help = "Settle the present trading day at the day's settlement prices."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default="main")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = current_run(venue=options["venue"])
            prices = compute_prices(run=run)
            execute(run=run)
        except ExchangeError as error:
            raise CommandError(message(error.code, error.params)) from error
        self.stdout.write(f"settlement begun with {prices} prices")
