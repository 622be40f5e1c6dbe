"""`manage.py run_robots --venue main`: a living market from robots (M-20)."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from marketdata.robots.cast import Listing
from marketdata.robots.runner import Robots
from marketdata.robots.source import ensure_users, listed


class Command(BaseCommand):
    help = "Let robots make a market in the main contracts of a venue until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=getattr(settings, "EXCHANGE_VENUE", "main"))
        parser.add_argument("--seed", type=int, default=1, help="of the price processes")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        ensure_users(options["venue"])
        Robots(options["venue"], lambda: self.listings(options["venue"]), options["seed"]).run(stop)

    def listings(self, venue: str) -> tuple[int, list[Listing]]:
        """Contracts from the database; a connection that the server closed is opened again."""
        close_old_connections()
        return listed(venue)
