"""`manage.py exchange`: the whole exchange on one machine."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exchange_site.env import environment
from exchange_site.supervisor import CannotStart, Supervisor


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C, then drains."""

    help = "Run every process of the exchange, with embedded servers unless URLs are given."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(environment(), self._say)
        signal.signal(signal.SIGTERM, supervisor.stop)
        signal.signal(signal.SIGINT, supervisor.stop)
        try:
            supervisor.run()
        except CannotStart as error:
            raise CommandError(str(error)) from error

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
