"""`manage.py replay_check`: replay a venue from its first command and compare (A-2, A-23)."""

import json
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.archive import BadRecord
from trading.entries import ImpossibleState
from trading.recovery import CannotStart
from trading.replay import Replay
from trading.snapshots import BadSnapshot
from trading.worker import snapshot_store


class Command(BaseCommand):
    """Exit 0 when every event and every snapshot's hash is met again, 1 with the first that is not."""

    help = "Replay archive and stream from the beginning; compare events and snapshot hashes."
    requires_system_checks = ()  # neither pages nor tables matter here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", default="main")

    def handle(self, *args: Any, **options: Any) -> None:
        venue = options["venue"]
        started = time.monotonic()
        try:
            report = Replay(venue, snapshot_store(venue)).run()
        except (CannotStart, ImpossibleState, BadRecord, BadSnapshot) as error:
            raise CommandError(f"venue {venue}: {error}") from error
        seconds = max(time.monotonic() - started, 1e-9)
        figures = asdict(report) | {"commands_per_second": round(report.commands / seconds)}
        self.stdout.write(json.dumps(figures))
