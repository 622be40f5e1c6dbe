"""`manage.py ipc [target] [command] [key=value …]`: who is alive, and commands to them (O-21)."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchange_site.env import environment
from exchange_site.ipc import Bus, alive, process_name

KNOWN = (
    "ping", "start_trading", "stop_trading", "reload_config", "snapshot_now", "set_log_level",
    "reconnect_feed", "drain", "shutdown",
)  # fmt: skip


class Command(BaseCommand):
    help = "List the processes of a venue, or send one of them, a prefix* or * a command."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", nargs="?", help="a process, a prefix like web.* or *")
        parser.add_argument("command", nargs="?", help=", ".join(KNOWN))
        parser.add_argument("payload", nargs="*", help="key=value")
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--timeout", type=float, default=2.0, help="seconds to wait for answers")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["target"]:
            self.show(options["venue"])
            return
        if not options["command"]:
            raise CommandError(f"a command is needed: {', '.join(KNOWN)}")
        self.send(options)

    def show(self, venue: str) -> None:
        """One line a process."""
        for row in alive(venue):
            self.stdout.write(
                f"{row['process_id']:<28} {row['status']:<8} {row['version']:<8} "
                f"up {row['uptime']:.0f} s  lag {row['lag']:.3f} s"
            )

    def send(self, options: dict[str, Any]) -> None:
        """Send, print every answer; CommandError when there is none or one says no."""
        many = options["target"].endswith("*")
        bus = Bus(process_name("ipc"), options["venue"]).start()
        try:
            answers = bus.request(
                options["target"], options["command"], payload_of(options["payload"]),
                options["timeout"], wanted=0 if many else 1,
            )  # fmt: skip
        finally:
            bus.stop()
        for answer in answers:
            said = answer.get("result") if answer["ok"] else answer.get("error")
            self.stdout.write(
                f"{answer['process_id']:<28} {'ok' if answer['ok'] else 'no'}  {json.dumps(said)}"
            )
        if not answers:
            raise CommandError(f"{options['target']} did not answer in {options['timeout']} s")
        if not many and not answers[0]["ok"]:
            raise CommandError(str(answers[0]["error"]))


def payload_of(words: list[str]) -> dict[str, Any]:
    """key=value words; a value that reads as JSON is what it says."""
    found: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise CommandError(f"{word!r} is not key=value")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
