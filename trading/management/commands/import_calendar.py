"""`manage.py import_calendar FILE --until yyyymmdd`: trading days from a list of holidays (T-20)."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError
from trading.calendar import days_between, from_int, read_holidays
from trading.choices import ClockMode
from trading.engine.messages import SetCalendar
from trading.models import Venue
from trading.seeding import SeedError, send_all
from trading.selectors import whole_calendar


class Command(BaseCommand):
    help = "Replace the trading days after the current one; every bad line of the file is named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV with the columns date,name,basis")
        parser.add_argument("--until", type=int, required=True, help="last day, yyyymmdd")
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)

    def handle(self, *args: Any, **options: Any) -> None:
        row = Venue.objects.filter(code=options["venue"]).first()
        if row is None:
            raise CommandError(f"unknown venue: {options['venue']}")
        try:
            holidays = read_holidays(options["file"].read_text(encoding="utf-8"))
            first, last = from_int(row.trading_day), from_int(options["until"])
            days = days_between(holidays, first, last, row.mode == ClockMode.ALWAYS)
            send_all(row.code, [SetCalendar(whole_calendar(row, days))], "import")
        except (OSError, ValueError, SeedError, ExchangeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"venue {row.code}: {len(days)} trading day(s) from {days[0]} to {days[-1]}")
