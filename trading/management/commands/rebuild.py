"""`manage.py rebuild --venue main`: empty the projected tables and fill them anew (A-13)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from trading.archive import BadRecord
from trading.projection import SequenceGap
from trading.projector import EventsMissing
from trading.projector_process import rebuild


class Command(BaseCommand):
    help = "Make a venue's tables anew from the archive and the event stream."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rebuild(options["venue"], note=self.stdout.write)
        except (EventsMissing, SequenceGap, BadRecord, RuntimeError) as error:
            raise CommandError(str(error)) from error
