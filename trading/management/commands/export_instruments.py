"""`manage.py export_instruments [FILE]`: a venue's instruments as CSV (T-14)."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from exchange_site.env import environment
from trading.instrument_csv import export_csv


class Command(BaseCommand):
    help = "Write all instruments as CSV to a file or to the standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path)
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)

    def handle(self, *args: Any, **options: Any) -> None:
        text = export_csv(options["venue"])
        if options["file"]:
            options["file"].write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text, ending="")
