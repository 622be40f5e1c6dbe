"""`manage.py verify_log`: is the archive as it was written? Names the first bad record (A-13)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.archive import BadRecord, verify_archive, verify_stream


class Command(BaseCommand):
    help = "Check the archive's checksums, chain and sequence, and the event stream after it."
    requires_system_checks = ()  # neither pages nor tables matter here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", default="main")

    def handle(self, *args: Any, **options: Any) -> None:
        venue = options["venue"]
        try:
            count, archived = verify_archive(venue)
            last = verify_stream(venue, archived)
        except BadRecord as error:
            raise CommandError(f"venue {venue}: {error}") from error
        self.stdout.write(f"venue {venue}: {count} segments to event {archived}, stream to {last}: sound")
