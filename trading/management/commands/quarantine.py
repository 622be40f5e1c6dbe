"""`manage.py quarantine {stream id} --reason …`: skip a command the core cannot carry out (A-23a)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exchange_site.streams import Keys, log_client, stream_id
from trading.codec import MalformedCommand, check_text


class Command(BaseCommand):
    help = "Make every replay skip one command; the worker must be down and the command undone."
    requires_system_checks = ()  # neither pages nor tables matter here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stream_id")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--venue", default="main")

    def handle(self, *args: Any, **options: Any) -> None:
        keys, wanted = Keys(options["venue"]), options["stream_id"]
        try:
            reason = check_text(options["reason"], "reason", 200)
        except MalformedCommand as error:
            raise CommandError(str(error)) from error
        with log_client() as client:
            if client.exists(keys.lease):
                raise CommandError("the worker runs: it has no trouble with any command")
            if not client.xrange(keys.commands, wanted, wanted):
                raise CommandError(f"{wanted} is not in the command log")
            events: Any = client.xrevrange(keys.events, count=1)
            if events and stream_id(wanted) <= stream_id(events[0][1][b"c"]):
                raise CommandError(f"{wanted} was carried out, its events are published")
            client.hset(keys.quarantine, wanted, reason)
        self.stdout.write(f"{wanted} will be skipped; start the worker again")
