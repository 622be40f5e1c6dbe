"""`manage.py run_data_service`: the data service on a port of its own (G-30 … G-33)."""

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import AuthenticationFailed

from accounts.authentication import caller_of
from exchange_site import ipc
from exchange_site.env import environment
from marketdata.dataservice.config import LEVELS, BadConfig, Config, checked, load
from marketdata.dataservice.router import Router, make_source
from marketdata.dataservice.server import DataServer
from marketdata.recorded import BadRecording

MAX_TOKEN = 256


class Command(BaseCommand):
    help = "Serve quotes, ticks, bars and trades of several sources to WebSocket clients."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--config", type=Path, help="YAML; see docs/data-service.md")
        parser.add_argument("--host")
        parser.add_argument("--port", type=int, help="default 8765")
        parser.add_argument("--log-level", choices=LEVELS)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            config = self.config(options)
            asyncio.run(self.serve(config, options["venue"]))
        except (BadConfig, BadRecording, OSError) as error:
            raise CommandError(f"the data service cannot run: {error}") from error

    def config(self, given: dict[str, Any]) -> Config:
        """The file, then the environment, then the command line."""
        config = load(given["config"], os.environ)
        for name in ("host", "port", "log_level"):
            if given[name] is not None:
                setattr(config, name, given[name])
        return checked(config)

    async def serve(self, config: Config, venue: str) -> None:
        """Until SIGTERM or Ctrl-C."""
        logging.getLogger().setLevel(config.log_level)
        names = {rule.source for rule in config.sources}
        party = ipc.process_name("dataservice")
        sources = {name: make_source(name, config, venue, party) for name in sorted(names)}
        router = Router(config.sources, sources, config.update_interval)
        server = DataServer(router, config, is_known if config.enable_auth else None)
        port = await server.start()
        for name, source in sources.items():
            if source.missing():
                self.stderr.write(f"{name}: {source.missing()}")
        self.stdout.write(f"data service on ws://{config.host}:{port}/ws/data")
        self.stdout.flush()
        stopping, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        bus = await asyncio.to_thread(ipc.serve, "dataservice", venue) if names & {"venue", "ctp"} else None
        await stopping.wait()
        if bus is not None:
            await asyncio.to_thread(bus.stop)
        await server.stop()


async def is_known(token: str) -> bool:
    """Is it a living API token of this site?"""
    try:
        await sync_to_async(caller_of)(token[:MAX_TOKEN])
    except AuthenticationFailed:
        return False
    return True
