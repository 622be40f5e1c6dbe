"""`manage.py import_instruments FILE`: all lines of a CSV, or none of them (T-14)."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError
from trading.instrument_csv import BadFile, parse_csv
from trading.seeding import SeedError, send_all


class Command(BaseCommand):
    help = "Create and change instruments as a CSV file says; every bad line is named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            commands = parse_csv(options["venue"], options["file"].read_text(encoding="utf-8"))
            if not options["dry_run"]:
                send_all(options["venue"], commands, "import")
        except (BadFile, SeedError, ExchangeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(commands)} change(s)")
