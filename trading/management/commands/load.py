"""`manage.py load`: orders under measurement, sockets that watch, the books afterwards (O-60)."""

import asyncio
from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError
from trading.loadrun import (
    LoadError,
    book_faults,
    find_contracts,
    last_event,
    make_steps,
    new_run_id,
    open_accounts,
    send_all,
)
from trading.loadsockets import MOST_SOCKETS, SocketsFailed, Watchers

SHOWN = 20


class Command(BaseCommand):
    """Exit 0 when the books add up afterwards, 1 with what does not."""

    help = "Send orders to a running venue, print rates and latencies, check the books."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--orders", type=int, default=10_000, help="commands to send")
        parser.add_argument("--accounts", type=int, default=100)
        parser.add_argument("--instrument", default="", help="symbol; default: the busiest ten")
        parser.add_argument("--rate", type=int, default=0, help="a second; 0: as fast as answered")
        parser.add_argument("--sockets", type=int, default=0, help="DIFF sockets that watch the contracts")
        where = f"ws://127.0.0.1:{environment().PORT}/ws/diff"
        parser.add_argument("--url", default=where, help="a web process that serves the venue")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["orders"] < 1 or options["accounts"] < 2 or options["rate"] < 0:
            raise CommandError("at least 1 order, 2 accounts, and no negative rate")
        if not 0 <= options["sockets"] <= MOST_SOCKETS:
            raise CommandError(f"0 to {MOST_SOCKETS} sockets")
        try:
            self._run(options["venue"], options)
        except SocketsFailed as error:
            raise CommandError(str(error)) from error

    def _run(self, venue: str, options: dict[str, Any]) -> None:
        try:
            contracts = find_contracts(venue, options["instrument"])
            traders = open_accounts(venue, options["accounts"])
        except (LoadError, ExchangeError) as error:
            raise CommandError(str(error)) from error
        before = last_event(venue)
        steps = make_steps(traders, contracts, options["orders"], new_run_id())
        symbols = [contract.symbol for contract in contracts]
        with (
            Watchers(options["url"], options["sockets"], symbols)
            if options["sockets"]
            else nullcontext() as watchers
        ):
            result = asyncio.run(send_all(venue, steps, options["rate"]))
            seen = watchers.finish() if watchers else None
        self.stdout.write(f"contracts: {', '.join(symbols)}")
        for line in (*result.lines(), *(seen.lines() if seen else ())):
            self.stdout.write(line)
        faults = book_faults(venue, before, result.acknowledged)
        if faults:
            raise CommandError("\n".join([f"books: {len(faults)} fault(s)", *faults[:SHOWN]]))
        self.stdout.write(f"books: sound, {len(result.acknowledged)} orders exactly once")
