"""`manage.py robots start|stop|status|set`: the operator's hand on the robots (M-20)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from marketdata.robots import control


class Command(BaseCommand):
    help = "Start, stop, look at and set the robots of a venue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status", "set"])
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        for name, allowed in control.SETTINGS.items():
            parser.add_argument(f"--{name}", type=int, help=allowed.unit.replace("%", "%%"))

    def handle(self, *args: Any, **options: Any) -> None:
        venue = options["venue"]
        if options["action"] == "start":
            control.start(venue)
        elif options["action"] == "stop":
            control.stop(venue)
        values = {name: options[name] for name in control.SETTINGS if options[name] is not None}
        try:
            control.configure(venue, **values)
        except ValueError as error:
            raise CommandError(str(error)) from error
        for name, value in control.status(venue).items():
            self.stdout.write(f"{name}: {value}")
