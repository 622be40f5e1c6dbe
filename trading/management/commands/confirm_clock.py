"""`manage.py confirm_clock`: the jump of the log's clock is right, trade on (T-22)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exchange_site.streams import Keys, log_client


class Command(BaseCommand):
    help = "Confirm that the time the log's clock jumped to is right."
    requires_system_checks = ()  # neither pages nor tables matter here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", default="main")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = Keys(options["venue"])
        with log_client() as client:
            if client.hget(keys.status, "clock") != b"held":
                raise CommandError("the clock of this venue is not held")
            client.hset(keys.status, "clock_confirmed", "1")
        self.stdout.write("confirmed")
