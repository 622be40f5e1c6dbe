"""`manage.py venue_settings --export/--import FILE`: a venue's settings as TOML (O-8)."""

import tomllib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import venue_settings
from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError
from trading.engine.messages import SetSettings
from trading.seeding import SeedError, send_all


class Command(BaseCommand):
    help = "Show, export or import the settings of a venue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--reason", default="")
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--export", type=Path, metavar="FILE")
        way.add_argument("--import", type=Path, metavar="FILE", dest="source")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["source"]:
            self.take(options["venue"], options["source"], options["reason"])
        elif options["export"]:
            options["export"].write_text(self.text(options["venue"]), encoding="utf-8")
        else:
            self.stdout.write(self.text(options["venue"]), ending="")

    def text(self, venue: str) -> str:
        """The settings as TOML, each with its clause, default and bounds."""
        lines = [f"[{venue}]"]
        for name, value in venue_settings.values(venue).items():
            known = venue_settings.DEFINITIONS[name]
            bounds = f"default {known.default}, {known.minimum} to {known.maximum}"
            lines.append(f"# {known.clause}; {bounds}\n{name} = {value}")
        return "\n".join(lines) + "\n"

    def take(self, venue: str, path: Path, reason: str) -> None:
        """Apply a file whole: what touches trading through the log, the rest at once."""
        try:
            wanted = tomllib.loads(path.read_text(encoding="utf-8")).get(venue, {})
            checked = {name: venue_settings.check(name, value) for name, value in wanted.items()}
        except (ValueError, AttributeError) as error:
            raise CommandError(str(error)) from error
        now = venue_settings.values(venue)
        changes = {name: value for name, value in checked.items() if now[name] != value}
        core = {n: v for n, v in changes.items() if venue_settings.DEFINITIONS[n].trading}
        try:
            if core:
                send_all(venue, [SetSettings(core, reason or "import")], "settings")
        except (SeedError, ExchangeError) as error:
            raise CommandError(str(error)) from error
        others = {name: value for name, value in changes.items() if name not in core}
        venue_settings.write(venue, others, reason=reason or "import")
        self.stdout.write(f"{len(changes)} change(s)")
