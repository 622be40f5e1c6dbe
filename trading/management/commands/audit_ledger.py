"""`manage.py audit_ledger`: proves every balance, exits non-zero on a difference (T-101)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from trading.ledger_audit import audit, totals
from trading.models import Venue

SHOWN = 50


class Command(BaseCommand):
    help = "Prove that flows, trades and settled days reproduce all balances."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)

    def handle(self, *args: Any, **options: Any) -> None:
        venue = Venue.objects.filter(code=options["venue"]).first()
        if venue is None:
            raise CommandError(f"no venue {options['venue']} in the tables")
        differences = audit(venue.id)
        if differences:
            lines = [str(difference) for difference in differences[:SHOWN]]
            raise CommandError("\n".join([f"{len(differences)} difference(s)", *lines]))
        proven = ", ".join(f"{value} {name}" for name, value in totals(venue.id).items())
        self.stdout.write(f"venue {venue.code}: no difference in {proven}")
