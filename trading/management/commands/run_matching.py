"""`manage.py run_matching --venue main`: the matching worker of one venue."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exchange_site import ipc
from exchange_site.metrics import endpoint
from exchange_site.metrics.meter import METER
from exchange_site.streams import Fenced, SequenceGap
from trading.entries import ImpossibleState
from trading.lease import LeaseLost
from trading.recovery import CannotStart
from trading.worker import Worker
from trading.worker_figures import samples

CANNOT_START = 3
STOPPED = 4


class Command(BaseCommand):
    """Runs until SIGTERM, then drains: publish, snapshot, exit 0.

    Exit 3: it could not start and changed nothing. Exit 4: it stopped at something it
    cannot explain, or another worker took over. Both say why.
    """

    help = "Run the matching worker of a venue."
    requires_system_checks = ()  # neither pages nor tables matter here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", default="main")
        parser.add_argument("--snapshot-seconds", type=float, default=30.0)
        parser.add_argument("--snapshot-commands", type=int, default=200_000)

    def handle(self, *args: Any, **options: Any) -> None:
        worker = Worker(
            options["venue"],
            snapshot_s=options["snapshot_seconds"],
            snapshot_commands=options["snapshot_commands"],
        )
        METER.read_from(lambda: samples(worker))
        endpoint.serve("worker", options["venue"])
        signal.signal(signal.SIGTERM, worker.stop)
        signal.signal(signal.SIGINT, worker.stop)
        bus = ipc.serve("worker", options["venue"], {"snapshot_now": worker.house.ask_snapshot})
        try:
            worker.run()
        except CannotStart as error:
            raise CommandError(f"not started: {error}", returncode=CANNOT_START) from error
        except (ImpossibleState, Fenced, SequenceGap, LeaseLost) as error:
            raise CommandError(f"stopped: {error}", returncode=STOPPED) from error
        finally:
            bus.stop()
