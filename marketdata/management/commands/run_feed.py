"""`manage.py run_feed`: the feed process; `--status` shows the one that runs (G-15)."""

import asyncio
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from exchange_site.metrics import endpoint
from marketdata.feeds.configuration import BadConfiguration, FeedConfig, Found, override, read_file
from marketdata.feeds.ctp_setup import CtpUnavailable
from marketdata.feeds.link import LinkConfig
from marketdata.feeds.mdapi import BadAddress, check_config
from marketdata.feeds.process import CTP, SIMULATED, FeedOptions, FeedProcess, run_until_told
from marketdata.feeds.spread import STRATEGIES
from marketdata.feeds.store import feed_status
from marketdata.feeds.universe import from_file, made_up, product_listings
from marketdata.feeds.venue_quotes import ALL

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "brokers.json"


class Command(BaseCommand):
    help = "Run the market-data feed of a venue, with or without a gateway port; or show its status."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument(
            "--feed", choices=(SIMULATED, CTP), default="", help="default: FEED, else simulated"
        )
        parser.add_argument("--config", type=Path, help="configuration, broker_data.json or broker.xml")
        parser.add_argument("--database", action="store_true", help="the venue's connections of the database")
        parser.add_argument("--strategy", choices=sorted(STRATEGIES))
        parser.add_argument("--connection", help="this connection alone")
        parser.add_argument("--status", action="store_true", help="show the feed that runs, and end")
        parser.add_argument("--front-addr", help="one link without a file: tcp://host:port")
        parser.add_argument("--broker-id", default="")
        parser.add_argument("--user-id", default="")
        parser.add_argument("--password", default="")
        parser.add_argument("--gateway", action="store_true", help="serve the gateway's protocols on --port")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, help="default: websocket_port of the configuration, 7799")
        parser.add_argument("--instruments", type=Path, help="one a line; default: the product list")
        parser.add_argument("--made-up", type=int, default=0, metavar="N", help="N made-up instruments")
        parser.add_argument("--all", action="store_true", help="subscribe every instrument: --symbols all")
        parser.add_argument(
            "--symbols", help="patterns with commas, e.g. 'SHFE.cu*,DCE.*': subscribed always and quoted at"
            " the venue when it does not list them; default: FEED_SYMBOLS for a site's feed, else none"
        )  # fmt: skip
        parser.add_argument("--rate", type=int, default=200, help="updates a second of the simulated market")
        parser.add_argument("--shm", default="", metavar="NAME", help="table in shared memory, e.g. qamddata")
        parser.add_argument("--no-redis", action="store_true", help="keep nothing in Redis")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["status"]:
            self.show(options)
            return
        try:
            process = FeedProcess(self.options(options))
            if process.options.use_redis:
                endpoint.serve("feed", options["venue"], process.meter)
            asyncio.run(run_until_told(process))
        except (CtpUnavailable, BadConfiguration, BadAddress, OSError, RuntimeError) as error:
            raise CommandError(f"the feed cannot run: {error}") from error

    # ---------------------------------------------------------------- starting

    def options(self, given: dict[str, Any]) -> FeedOptions:
        """Options of the process; every bad entry of the list is named on stderr."""
        found = self.found(given)
        for text in found.bad:
            self.stderr.write(f"left out: {text}")
        config = found.config
        if given["strategy"]:
            config.load_balance_strategy = given["strategy"]
        if given["connection"]:
            config.connections = [c for c in config.connections if c.connection_id == given["connection"]]
        if not config.connections:
            raise CommandError("no connection to run")
        wanted = given["port"] is not None or given["gateway"]
        return FeedOptions(
            venue=given["venue"], kind=given["feed"] or _kind(), config=config, listings=_listings(given),
            rate=given["rate"], symbols=_symbols(given), quotes=given["database"], host=given["host"],
            shm=given["shm"], token=environment().MD_TOKEN,
            port=(given["port"] or config.websocket_port) if wanted else None,
            use_redis=bool(settings.CACHE_URL) and not given["no_redis"],
        )  # fmt: skip

    def found(self, given: dict[str, Any]) -> Found:
        if given["front_addr"]:
            link = LinkConfig(
                given["connection"] or "one", given["front_addr"], given["broker_id"],
                user_id=given["user_id"], password=given["password"],
            )  # fmt: skip
            check_config(link)
            return self.overridden(Found(FeedConfig(connections=[link])))
        if given["database"]:
            from marketdata.feeds.selectors import stored_config

            stored = stored_config(given["venue"])
            if stored.connections or (given["feed"] or _kind()) == CTP:
                return self.overridden(stored)  # simulated fronts need no row of their own
        return read_file(given["config"] or SHIPPED)

    def overridden(self, found: Found) -> Found:
        import os

        override(found, os.environ)
        return found

    # ------------------------------------------------------------------ status

    def show(self, given: dict[str, Any]) -> None:
        """One line a connection."""
        status = feed_status(given["venue"])
        if status is None:
            raise CommandError(f"no feed of venue {given['venue']} has reported in the last 10 s")
        self.stdout.write(
            f"{status['kind']} feed, {status['strategy']}: {status['assigned']} symbols assigned, "
            f"{status['waiting']} waiting, {status['ticks']} ticks, {status['failovers']} failovers"
        )
        head = f"{'connection':<28} {'state':<13} {'quality':>7} {'symbols':>12} {'last tick':>10}  error"
        self.stdout.write(head)
        for row in status["connections"]:
            if given["connection"] in (None, row["connection_id"]):
                self.stdout.write(_line(row))


def _line(row: dict[str, Any]) -> str:
    last = "-" if row["last_tick_s"] is None else f"{row['last_tick_s']:.1f} s"
    room = f"{row['symbols']}/{row['max_subscriptions']}"
    return (
        f"{row['connection_id']:<28} {row['state']:<13} {row['quality']:>7.1f} {room:>12} {last:>10}"
        f"  {row['error']}"
    )


def _kind() -> str:
    return CTP if environment().FEED == CTP else SIMULATED


def _symbols(given: dict[str, Any]) -> str:
    if given["all"]:
        return ALL
    if given["symbols"] is not None:
        return str(given["symbols"])
    return environment().FEED_SYMBOLS if given["database"] else ""


def _listings(given: dict[str, Any]) -> Any:
    path = given["instruments"] or (environment().FEED_INSTRUMENTS if given["database"] else None)
    if path:
        return from_file(path)
    return made_up(given["made_up"]) if given["made_up"] else product_listings()
