"""A running venue as the admin's tests see it: commands in its log, events in its tables."""

from typing import Any

from exchange_site.streams import Keys, log_client
from tests.db.support import projector
from tests.log.conftest import ALICE, CONTRACTS, order
from trading.codec import decode_command, decode_events
from trading.commands import send_many
from trading.models import Instrument, Order, TradingAccount, Venue


class Desk:
    """One venue."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys = Keys(name)

    def project(self) -> None:
        """Bring the tables to the end of the event stream."""
        with projector(self.name) as running:
            running.replay(self.events(running.seq))

    def events(self, after: int = 0) -> list[list[Any]]:
        """Events of the stream after a sequence."""
        with log_client() as client:
            entries = client.xrange(self.keys.events, min=f"({after}-0" if after else "-")
        found = [event for _id, fields in entries for event in decode_events(fields[b"e"])]
        return [event for event in found if event[0] > after]

    def commands(self) -> list[tuple[Any, dict[str, str]]]:
        """Every command of the log but Ticks: decoded, and who sent it from where."""
        with log_client() as client:
            entries = client.xrange(self.keys.commands)
        found = []
        for _id, f in entries:
            kind = f[b"t"].decode()
            if kind != "Tick":
                command = decode_command(kind, int(f[b"v"]), f[b"p"])
                found.append((command, {"user": f[b"u"].decode(), "origin": f[b"o"].decode()}))
        return found

    def last(self) -> tuple[Any, dict[str, str]]:
        return self.commands()[-1]

    @property
    def venue(self) -> Venue:
        return Venue.objects.get(code=self.name)

    @property
    def account(self) -> TradingAccount:
        """Alice's."""
        return TradingAccount.objects.get(account_id=ALICE.account_id)

    @property
    def instrument(self) -> Instrument:
        return Instrument.objects.get(symbol=CONTRACTS[0].symbol)

    def place(self) -> Order:
        """A resting order of Alice's, in the tables."""
        command = order()
        outcome = send_many(self.name, [command], user_id=ALICE.user_id, wait_s=10)[0]
        assert outcome.ok, outcome
        self.project()
        return Order.objects.get(order_id=command.order_id)
