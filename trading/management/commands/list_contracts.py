"""`manage.py list_contracts --product cu`: what the contract builder lists on a day (T-12)."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from trading.calendar import TradingCalendar, load_holidays
from trading.contracts import listed_contracts, load_products


class Command(BaseCommand):
    help = "List the contracts of a product that are listed on a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--product", required=True, help="cu or SHFE.cu")
        parser.add_argument("--day", type=date.fromisoformat, default=None, help="YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        exchange, _, name = options["product"].rpartition(".")
        calendar = TradingCalendar(load_holidays())
        day = options["day"] or timezone.localdate()
        found = [
            product
            for product in load_products()
            if product.product_id == name and exchange in ("", product.exchange_id)
        ]
        if not found:
            raise CommandError(f"no product {options['product']}")
        for product in found:
            for row in listed_contracts(product, day, calendar):
                self.stdout.write(f"{row.exchange_id}.{row.instrument_id}\t{row.expire_date}")
