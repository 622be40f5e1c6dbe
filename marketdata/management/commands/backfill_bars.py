"""`manage.py backfill_bars --from 20261121 --to 20261125`: recompute bars from ticks (M-14)."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError
from marketdata.rollups import SHOWN, backfill
from trading.engine.sessions import is_day, to_date, to_day


class Command(BaseCommand):
    help = "Recompute the bars of finished trading days from their ticks; ids stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--from", dest="first", type=int, required=True, help="trading day yyyymmdd")
        parser.add_argument("--to", dest="last", type=int, help="the last day; the first one without")
        parser.add_argument("--symbol", action="append", default=[], help="one or more; all without")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["first"], options["last"] or options["first"]
        if not is_day(first) or not is_day(last):
            raise CommandError("--from and --to are trading days such as 20261121")
        span = range((to_date(last) - to_date(first)).days + 1)
        days = [to_day(to_date(first) + timedelta(days=n)) for n in span]
        try:
            done, left = backfill(options["venue"], days, options["symbol"])
        except ExchangeError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{done} bars set")
        for one in left[:SHOWN]:
            self.stderr.write(f"no free id: {one}")
        if left:
            raise CommandError(f"{len(left)} bars could not be put in: their ids are taken")
