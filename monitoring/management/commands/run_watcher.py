"""`manage.py run_watcher --venue main`: alerts by the shipped rules (O-33)."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site import ipc
from exchange_site.env import environment
from exchange_site.metrics import endpoint
from monitoring.rules import BadRules, load_rules
from monitoring.watcher import Watcher, watching_meter


class Command(BaseCommand):
    help = "Read every process each 15 s and keep the alerts of a venue."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--check", action="store_true", help="read the rules and end")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rules = load_rules()
        except BadRules as error:
            raise CommandError(str(error)) from error
        if options["check"]:
            self.stdout.write(f"{len(rules)} rules")
            return
        meter = watching_meter(options["venue"])
        watcher = Watcher(options["venue"], rules, meter)
        endpoint.serve("watcher", options["venue"], meter)
        signal.signal(signal.SIGTERM, watcher.stop)
        signal.signal(signal.SIGINT, watcher.stop)
        bus = ipc.serve("watcher", options["venue"], {"reload_config": watcher.reload})
        try:
            watcher.run()
        finally:
            bus.stop()
