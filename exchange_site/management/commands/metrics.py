"""`manage.py metrics`: where the processes are read; `--document` prints docs/metrics.md (O-30)."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from exchange_site.env import environment
from exchange_site.metrics.catalogue import document
from exchange_site.metrics.endpoint import endpoints


class Command(BaseCommand):
    help = "List the addresses of the running processes' figures, or print their document."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--document", action="store_true", help="print docs/metrics.md")
        parser.add_argument("--targets", action="store_true", help="as a file of Prometheus's file_sd")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["document"]:
            self.stdout.write(document(), ending="")
            return
        rows = endpoints(options["venue"])
        if options["targets"]:
            found = [
                {"targets": [row["url"].split("/")[2]], "labels": {"process": row["part"]}} for row in rows
            ]
            self.stdout.write(json.dumps(found, indent=2))
            return
        for row in rows:
            self.stdout.write(f"{row['process_id']:<20} {row['url']}")
