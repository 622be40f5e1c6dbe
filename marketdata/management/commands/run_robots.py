"""`manage.py run_robots --venue main`: a living market from robots (M-20)."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, close_old_connections

from exchange_site import ipc
from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError
from marketdata.robots.cast import Listing
from marketdata.robots.runner import Robots
from marketdata.robots.source import ensure_users, listed
from trading.engine.codes import SERVICE_UNAVAILABLE


class Command(BaseCommand):
    help = "Let robots make a market in the main contracts of a venue until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--seed", type=int, default=1, help="of the price processes")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        ensure_users(options["venue"])
        venue = options["venue"]
        robots = Robots(venue, lambda: self.listings(venue), options["seed"])
        bus = ipc.serve("robots", venue, robots.handlers())
        try:
            robots.run(stop)
        finally:
            bus.stop()

    def listings(self, venue: str) -> tuple[int, list[Listing]]:
        """Contracts from the database; one that is away is a service to wait for (9005)."""
        try:
            close_old_connections()
            return listed(venue)
        except OperationalError as error:
            raise ExchangeError(SERVICE_UNAVAILABLE, {"reason": str(error)}) from error
