"""`manage.py seed`: a venue with real contracts, an administrator, a demonstration user."""

import secrets
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.bank_services import sign_demonstration
from accounts.groups import seed_groups
from accounts.models import User
from accounts.venue_settings import write
from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError
from trading.engine.units import SCALE
from trading.models import Venue
from trading.seeding import Seeder, SeedError

NAMESPACE = uuid.UUID("5d0b0f2e-7c1c-4d0e-9a57-6f2f4c1a9e10")
DEMO_CASH = 5_000_000 * SCALE
DEMO_PASSWORD = "exchange-demo"
DEMO_BANK = 10_000_000
DEMO_SETTINGS = {"registration_open": 1, "practice_money": 1}


def stable_id(venue: str, name: str) -> uuid.UUID:
    """The same id on every machine, so that a rebuilt database fits a kept log."""
    return uuid.uuid5(NAMESPACE, f"{venue}:{name}")


class Command(BaseCommand):
    help = "Seed a venue; running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        mode = environment().VENUE_MODE
        parser.add_argument("--mode", choices=["real", "always"], default=mode)
        parser.add_argument("--number", type=int, default=0, help="the venue's part of row keys")
        parser.add_argument("--demo", action="store_true", help="demonstration user and account")
        parser.add_argument("--admin-password", default="", help="of a new administrator")

    def handle(self, *args: Any, **options: Any) -> None:
        venue = options["venue"]
        try:
            seeder = Seeder(venue, options["mode"] == "always", self.number(venue, options))
            seeder.run()
            for text in seeder.calendar.warnings(seeder.now.date(), seeder.last_day()):
                self.stderr.write(f"calendar {text}")
            seed_groups()
            self.administrator(options["admin_password"])
            if options["demo"]:
                self.demonstration(seeder)
        except (SeedError, ExchangeError) as error:
            raise CommandError(str(error)) from error
        sent = ", ".join(f"{count} {kind}" for kind, count in seeder.sent.items() if count)
        self.stdout.write(f"venue {venue}: {sent or 'nothing to do'}")

    def number(self, venue: str, options: dict[str, Any]) -> int:
        """The venue's number: as told, as known, or the first free one."""
        known = Venue.objects.filter(code=venue).values_list("id", flat=True).first()
        last = Venue.objects.order_by("-id").values_list("id", flat=True).first()
        return int(options["number"] or known or (last or 0) + 1)

    def administrator(self, password: str) -> None:
        """The superuser `admin`; a generated password is printed once."""
        user_id = stable_id("", "admin")
        if User.objects.filter(username="admin").exists():
            return
        text = password or secrets.token_urlsafe(12)
        User.objects.create_superuser("admin", "", text, id=user_id)
        if not password:
            self.stdout.write(f"administrator: admin / {text}")

    def demonstration(self, seeder: Seeder) -> None:
        """The user `demo` with a funded account; open registration and practice money."""
        user = User.objects.filter(username="demo").first()
        if user is None:
            user_id = stable_id(seeder.venue, "demo")
            user = User.objects.create_user("demo", "", DEMO_PASSWORD, id=user_id)
            write(seeder.venue, DEMO_SETTINGS, reason="embedded run")
        account_id = f"ACC_{stable_id(seeder.venue, 'demo account').hex}"
        seeder.account(account_id, user.id.hex, "demo", DEMO_CASH)
        sign_demonstration(
            venue=seeder.venue, account_id=account_id, password=DEMO_PASSWORD, balance=DEMO_BANK
        )
        self.stdout.write(f"note: demonstration user: demo / {DEMO_PASSWORD}")
