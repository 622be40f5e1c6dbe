"""`manage.py ipc list|ping|send …`: who is alive, and commands to them (O-20, O-21)."""

import fnmatch
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
        parser.add_argument(
            "words", nargs="*", metavar="WORD",
            help=f"list; ping [TARGET]; [send] TARGET COMMAND [key=value …]. TARGET is a process, a prefix "
            f"like web.* or *; COMMAND one of {', '.join(KNOWN)}",
        )  # fmt: skip
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--timeout", type=float, default=2.0, help="seconds to wait for answers")

    def handle(self, *args: Any, **options: Any) -> None:
        target, command, *payload = [*words_of(options), "", ""]
        if not target:
            self.show(options["venue"])
            return
        if not command:
            raise CommandError(f"a command is needed: {', '.join(KNOWN)}")
        self.send(options, target, command, payload[:-2])

    def show(self, venue: str) -> None:
        """One line a process."""
        for row in alive(venue):
            self.stdout.write(
                f"{row['process_id']:<28} {row['status']:<8} {row['version']:<8} "
                f"up {row['uptime']:.0f} s  lag {row['lag']:.3f} s  {' '.join(row.get('commands', ()))}"
            )

    def send(self, options: dict[str, Any], target: str, command: str, words: list[str]) -> None:
        """Send, print every answer; CommandError when there is none or one says no."""
        many = target.endswith("*")
        payload = payload_of(words)
        named = fnmatch.filter([row["process_id"] for row in alive(options["venue"])], target)
        bus = Bus(process_name("ipc"), options["venue"], reports=False).start()
        try:
            wanted = max(1, len(named)) if many else 1
            answers = bus.request(target, command, payload, options["timeout"], wanted)
        finally:
            bus.stop()
        for answer in answers:
            said = answer.get("result") if answer["ok"] else answer.get("error")
            self.stdout.write(
                f"{answer['process_id']:<28} {'ok' if answer['ok'] else 'no'}  "
                f"{answer['latency_ms']:.1f} ms  {json.dumps(said)}"
            )
        if not answers:
            raise CommandError(f"{target} did not answer in {options['timeout']} s")
        if not many and not answers[0]["ok"]:
            raise CommandError(str(answers[0]["error"]))


def words_of(options: dict[str, Any]) -> list[str]:
    """Target, command and payload, however the line began."""
    first, *rest = options["words"] or ["list"]
    if first == "list":
        if rest:
            raise CommandError("list takes nothing")
        return []
    if first == "ping":
        if len(rest) > 1:
            raise CommandError("ping takes one target")
        return [*(rest or ["*"]), "ping"]
    if first == "send" and not rest:
        raise CommandError("a target is needed: a process, a prefix like web.* or *")
    return rest if first == "send" else [first, *rest]


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
