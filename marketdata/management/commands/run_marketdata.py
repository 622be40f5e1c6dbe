"""`manage.py run_marketdata --venue main`: events of a venue into ticks and bars (M-1 … M-13)."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site import ipc
from exchange_site.env import environment
from exchange_site.metrics import endpoint
from marketdata.process import MarketDataProcess
from marketdata.store import CursorTaken
from trading.archive import BadRecord
from trading.projector import EventsMissing

STOPS = (CursorTaken, EventsMissing, BadRecord)
"""What an operator must look at; a restart would meet it again."""


class Command(BaseCommand):
    help = "Make ticks and bars from the events of a venue until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)

    def handle(self, *args: Any, **options: Any) -> None:
        process = MarketDataProcess(options["venue"])
        endpoint.serve("marketdata", options["venue"])
        signal.signal(signal.SIGTERM, process.stop)
        signal.signal(signal.SIGINT, process.stop)
        bus = ipc.serve("marketdata", options["venue"])
        try:
            process.run()
        except STOPS as error:
            raise CommandError(str(error)) from error
        finally:
            bus.stop()
