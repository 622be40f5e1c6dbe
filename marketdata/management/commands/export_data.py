"""`manage.py export_data bars --from 20261121 --out bars.parquet`: rows of a range of days (M-22)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from marketdata.exporting import FORMATS, KINDS, Range, export, file_for
from marketdata.periods import period_of
from trading.engine.sessions import is_day
from trading.models import Venue


class Command(BaseCommand):
    help = "Write ticks, bars, orders or trades of some trading days as CSV or Parquet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=KINDS)
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--symbol", default="", help="one symbol; all without")
        parser.add_argument("--period", default="1min", help="of bars that are kept: 3s, 1min … 60min, day")
        parser.add_argument("--from", dest="first", type=int, required=True, help="trading day yyyymmdd")
        parser.add_argument("--to", dest="last", type=int, help="the last day; the first one without")
        parser.add_argument("--format", choices=FORMATS, help="by the file's ending without")
        parser.add_argument("--out", default="-", help="a file, or - for the standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["first"], options["last"] or options["first"]
        if not is_day(first) or not is_day(last):
            raise CommandError("--from and --to are trading days such as 20261121")
        form = options["format"] or ("parquet" if options["out"].endswith(".parquet") else "csv")
        try:
            period = period_of(options["period"])
        except ValueError as error:
            raise CommandError(f"--period: {error}") from error
        if isinstance(period, str):
            raise CommandError("--period: weeks and months are not exported")
        wanted = Range(options["kind"], first, last, options["symbol"], period)
        try:
            with file_for(options["out"]) as out:
                count = export(options["venue"], wanted, form, out)
        except (Venue.DoesNotExist, OSError) as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"{count} rows")
