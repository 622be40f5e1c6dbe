"""`manage.py run_projector --venue main`: events of a venue into PostgreSQL (A-7)."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site import ipc
from exchange_site.env import environment
from exchange_site.metrics import endpoint
from trading.archive import BadRecord
from trading.projection import SequenceGap, UnknownEvent
from trading.projector import CursorMoved, EventsMissing, NumberTaken
from trading.projector_process import ProjectorProcess

STOPS = (SequenceGap, EventsMissing, UnknownEvent, CursorMoved, NumberTaken, BadRecord)
"""What an operator must look at; a restart would meet it again."""


class Command(BaseCommand):
    help = "Write the events of a venue into the database until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--no-archive", action="store_true", help="leave the archive alone")

    def handle(self, *args: Any, **options: Any) -> None:
        process = ProjectorProcess(options["venue"], archive=not options["no_archive"])
        endpoint.serve("projector", options["venue"])
        signal.signal(signal.SIGTERM, process.stop)
        signal.signal(signal.SIGINT, process.stop)
        bus = ipc.serve("projector", options["venue"])
        try:
            process.run()
        except STOPS as error:
            raise CommandError(str(error)) from error
        finally:
            bus.stop()
