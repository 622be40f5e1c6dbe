"""`manage.py state_hash`: the hashes of a venue's trading state now (A-23)."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.engine.hashing import full_hash, trading_hash
from trading.entries import ImpossibleState
from trading.recovery import CannotStart
from trading.replay import state_at_end
from trading.worker import snapshot_store


class Command(BaseCommand):
    help = "Print trading and full hash at the log's end: newest snapshot plus what follows."
    requires_system_checks = ()  # neither pages nor tables matter here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", default="main")

    def handle(self, *args: Any, **options: Any) -> None:
        venue = options["venue"]
        try:
            state = state_at_end(venue, snapshot_store(venue), self._report_bad)
        except (CannotStart, ImpossibleState) as error:
            raise CommandError(str(error)) from error
        figures = {
            "venue": venue,
            "event_seq": state.event_seq,
            "command_id": state.last_stream_id,
            "trading_hash": trading_hash(state),
            "full_hash": full_hash(state),
        }
        self.stdout.write(json.dumps(figures))

    def _report_bad(self, path: Path, reason: str) -> None:
        self.stderr.write(f"snapshot {path.name} passed over: {reason}")
