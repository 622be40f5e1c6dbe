"""`manage.py run_settlement`: settles each trading day when its time has come (T-95)."""

import signal
import threading
from typing import Any

import redis
import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connections

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys, log_client
from settlement.services import settle_when_due
from trading.engine import codes

log = structlog.get_logger()


class Command(BaseCommand):
    """Runs until SIGTERM. A refusal is logged and tried again: nothing is lost by waiting."""

    help = "Settle each trading day of a venue after its end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default="main")
        parser.add_argument("--interval", type=float, default=5.0, help="seconds between looks")

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stopping.set())
        while not stopping.is_set():
            self.look(options["venue"])
            stopping.wait(options["interval"])

    def look(self, venue: str) -> None:
        """One look at the worker's trading day."""
        try:
            day = self.trading_day(venue)
            if day and settle_when_due(venue=venue, trading_day=day):
                log.info("settlement_begun", venue=venue, trading_day=day)
        except ExchangeError as error:
            if error.code != codes.SETTLEMENT_UNDER_WAY:
                log.warning("settlement_refused", venue=venue, code=error.code, params=error.params)
        except (redis.RedisError, DatabaseError) as error:
            log.warning("settlement_waits", venue=venue, error=type(error).__name__)
        finally:
            connections.close_all()

    def trading_day(self, venue: str) -> int:
        """The trading day as the worker reported it last; 0 before its first report."""
        client = log_client()
        try:
            value: Any = client.hget(Keys(venue).status, "trading_day")
        finally:
            client.close()
        return int(value or 0)
