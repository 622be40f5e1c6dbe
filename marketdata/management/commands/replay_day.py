"""`manage.py replay_day [FILE]`: a recorded day into a venue (M-21)."""

import signal
import threading
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from exchange_site.env import environment
from exchange_site.exceptions import ExchangeError, message
from marketdata.feeds.ticks import Tick, bare_symbol
from marketdata.recorded import SAMPLE, BadRecording, read_ticks
from marketdata.replaying import PRODUCT, Played, Replayer, Target
from marketdata.robots.cast import CROWD, MAKER, robot
from trading.codec import to_units
from trading.engine.units import SCALE
from trading.models import Instrument


class Command(BaseCommand):
    help = "Play a recorded day (CTP-layout CSV, or Parquet) into a venue's contracts as liquidity."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, default=SAMPLE, help="default: the shipped minute")
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)
        parser.add_argument("--speed", type=float, default=1.0, help="1 to 1000; 0: as fast as possible")
        parser.add_argument(
            "--as", dest="renamed", action="append", default=[], metavar="RECORDED=EXCHANGE.contract",
            help="play a recorded symbol as this contract; may be repeated",
        )  # fmt: skip
        parser.add_argument(
            "--rebase", action="store_true",
            help="shift prices so that the recorded previous settlement is the contract's",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if options["speed"] and not 1 <= options["speed"] <= 1_000:
            raise CommandError("--speed is 1 to 1000, or 0")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            ticks = sorted(read_ticks(options["file"]), key=lambda tick: tick.timestamp)
            targets = self.targets(ticks, options)
            self.make_users(options["venue"])
            played = Replayer(options["venue"], targets, options["speed"]).play(ticks, stop.wait)
        except BadRecording as error:
            raise CommandError(str(error)) from error
        except ExchangeError as error:
            raise CommandError(f"{error.code} {message(error.code, error.params)}") from error
        self.tell(played)

    def targets(self, ticks: list[Tick], options: dict[str, Any]) -> dict[str, Target]:
        """Each recorded symbol's contract; those the venue does not list are named and left out."""
        renamed = dict(word.partition("=")[::2] for word in options["renamed"])
        firsts = {tick.instrument_id: tick for tick in reversed(ticks)}
        unknown = sorted(set(renamed) - set(firsts))
        if unknown:
            raise CommandError(f"not recorded: {', '.join(unknown)}")
        rows = Instrument.objects.filter(venue__code=options["venue"])
        listed = {row.symbol: row for row in rows} | {bare_symbol(row.symbol): row for row in rows}
        found = {}
        for name, first in sorted(firsts.items()):
            row = listed.get(renamed.get(name, name))
            if row is None:
                self.stderr.write(f"left out: the venue does not list {renamed.get(name, name)}")
                continue
            found[name] = target(row, first, options["rebase"])
        if not found:
            raise CommandError("no recorded symbol is listed by the venue; see --as")
        return found

    def make_users(self, venue: str) -> None:
        """The owners of the two accounts, without a password."""
        for role in (MAKER, CROWD):
            one = robot(venue, PRODUCT, role)
            user, made = User.objects.get_or_create(
                id=uuid.UUID(one.user_id), defaults={"username": one.username}
            )
            if made:
                user.set_unusable_password()
                user.save()

    def tell(self, played: Played) -> None:
        self.stdout.write(
            f"{played.ticks} ticks, {played.commands} commands, {played.taken} lots taken by clients"
        )
        for code, count in sorted(played.refused.items()):
            self.stdout.write(f"refused {count} times: {code} {message(code)}")


def target(row: Instrument, first: Tick, rebase: bool) -> Target:
    """Where a symbol is played; with `rebase` on the contract's own price level."""
    shift = 0
    if rebase and first.pre_settlement_price is not None:
        shift = to_units(row.pre_settlement) - round(first.pre_settlement_price * SCALE)
    return Target(row.symbol, to_units(row.price_tick), shift, row.max_limit_volume)
