"""`manage.py prepare`: tables, static files and seed of one site, in one process (A-30)."""

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.routing import websocket_urlpatterns
from exchange_site.streams import Keys, log_client

MIGRATED = "prepare: tables are up to date"
COLLECTED = "prepare: static files are collected"
NOTE = "note: "
WORKER_S = 60.0


class Command(BaseCommand):
    """Says each step on standard output, so that what needs it can start at once."""

    help = "Migrate, collect static files, then seed as soon as the worker runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="demonstration user, administrator on file")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("check", tags=["database"], databases=["default"])
        call_command("migrate", interactive=False, verbosity=0)
        self.say(MIGRATED)
        call_command("collectstatic", interactive=False, verbosity=0)
        self.say(COLLECTED)
        call_command("seed_schedules", venue=settings.VENUE, stdout=self.stdout)
        self.await_worker()
        self.seed(options["demo"])
        self.say_how_strategies_come_here()

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def await_worker(self) -> None:
        """Nobody can be sent a command before the worker holds its lease (A-4)."""
        until = time.monotonic() + WORKER_S
        with log_client() as client:
            while not client.exists(Keys(settings.VENUE).lease):
                if time.monotonic() > until:
                    raise CommandError("no matching worker holds the lease")
                time.sleep(0.02)

    def seed(self, is_demo: bool) -> None:
        options: dict[str, Any] = {"venue": settings.VENUE, "mode": settings.VENUE_MODE, "demo": is_demo}
        if is_demo:
            options["admin_password"] = administrator_password()
        call_command("seed", stdout=self.stdout, **options)
        if is_demo:
            self.say(f"{NOTE}administrator: admin / {options['admin_password']}")

    def say_how_strategies_come_here(self) -> None:
        """The three variables that point TqSdk to this site (D-13), once it speaks DIFF."""
        if not any("ws/diff" in str(route.pattern) for route in websocket_urlpatterns):
            return
        self.say(f"{NOTE}TqSdk: TQ_AUTH_URL={{base}}")
        for name in ("TQ_MD_URL", "TQ_TD_URL"):
            self.say(f"{NOTE}TqSdk: {name}=ws://{{host}}/ws/diff")


def administrator_password() -> str:
    """The first password of `admin`, made once and kept readable for this user alone."""
    import secrets

    path = settings.DATA_DIR / "admin_password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12) + "\n")
    return str(path.read_text().strip())
