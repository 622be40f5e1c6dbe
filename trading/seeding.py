"""What a new venue starts with: clock, sessions, products, every real contract (T-12, A-30).

All of it is commands in the log (A-1). A second run sends only what the tables lack.
"""

import time
from collections.abc import Container, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

from exchange_site.streams import Keys, last_stream_id, log_client, stream_id
from trading.calendar import TradingCalendar, load_holidays, to_int
from trading.commands import Outcome, send_many
from trading.contracts import ALWAYS, listed_contracts, load_products, load_sessions
from trading.engine.codes import ACCOUNT_EXISTS
from trading.engine.messages import (
    ClockMode,
    CreateInstrument,
    CreateVenue,
    OpenAccount,
    SetCalendar,
    SetProduct,
    SetSessions,
    SetSettings,
)
from trading.models import (
    Instrument,
    Product,
    ProjectorCursor,
    SessionTemplate,
    TradingAccount,
    TradingDay,
    Venue,
)

SHANGHAI = timezone(timedelta(hours=8))
SETTLEMENT_MINUTE = 930
CALENDAR_DAYS = 400  # days ahead that a new calendar reaches
CALENDAR_RENEW_DAYS = 60  # with fewer days left a longer one is sent
WAIT_S = 30.0
BATCH = 200
SHOWN = 200  # characters of a refused command
BEHIND_S = 30.0  # how long a seed of a known venue waits for the projector


class SeedError(Exception):
    """The log refused a command of the seed; the text says which and why."""


def send_all(
    venue: str, commands: Sequence[Any], origin: str, allowed: Container[int] = ()
) -> list[tuple[Any, Outcome]]:
    """Send commands in order with their outcomes.

    Raises SeedError at the first one without an answer or refused with a code that is not
    allowed; what was sent before it stands.
    """
    found: list[tuple[Any, Outcome]] = []
    for start in range(0, len(commands), BATCH):
        part = commands[start : start + BATCH]
        for command, outcome in zip(part, send_many(venue, part, origin=origin, wait_s=WAIT_S), strict=True):
            kind = type(command).__name__
            if not outcome.decided:
                raise SeedError(f"no answer to {kind} of venue {venue}")
            if outcome.code and outcome.code not in allowed:
                raise SeedError(
                    f"{kind} was refused with {outcome.code}: {outcome.params} {str(list(command))[:SHOWN]}"
                )
            found.append((command, outcome))
    return found


class Seeder:
    """Brings one venue to its starting state through the log."""

    def __init__(self, venue: str, always: bool, number: int = 1) -> None:
        self.venue = venue
        self.always = always
        self.number = number
        holidays = load_holidays()
        self.calendar = TradingCalendar(holidays, every_day=always)
        self.contracts_calendar = TradingCalendar(holidays)
        with log_client() as client:
            self.is_new = last_stream_id(client, Keys(venue).events) == "0-0"
            self.now = datetime.fromtimestamp(client.time()[0], SHANGHAI)
        self.sent: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        """Send what is missing; returns the number of commands by type. Raises SeedError."""
        if self.is_new:
            day = to_int(self.trading_day())
            mode = ClockMode.ALWAYS if self.always else ClockMode.REAL
            self.send([CreateVenue(self.venue, self.number, int(mode), day, SETTLEMENT_MINUTE)])
            self.send([SetSettings({"risk_watch": 1}, "a new venue watches its risk")])
        else:
            self.await_tables()
        if not SessionTemplate.objects.filter(venue__code=self.venue).exists():
            self.send([SetSessions(load_sessions())])
        self.renew_calendar()
        self.products()
        self.instruments()
        return self.sent

    def await_tables(self) -> None:
        """Wait until the tables have every event of a known venue, which the seed compares.

        Raises SeedError when the projector does not get there in time.
        """
        with log_client() as client:
            last = stream_id(last_stream_id(client, Keys(self.venue).events))[0]
        deadline = time.monotonic() + BEHIND_S
        while (behind := last - self._cursor()) > 0:
            if time.monotonic() > deadline:
                raise SeedError(
                    f"the tables of venue {self.venue} are {behind} events behind its log:"
                    " is the projector running?"
                )
            time.sleep(0.05)

    def _cursor(self) -> int:
        rows = ProjectorCursor.objects.filter(venue=self.venue)
        return rows.values_list("seq", flat=True).first() or 0

    def trading_day(self) -> date:
        """The trading day of this moment: the next one after the day's settlement."""
        today = self.now.date()
        past = self.now.hour * 60 + self.now.minute >= SETTLEMENT_MINUTE
        return self.calendar.on_or_after(today + timedelta(days=1) if past else today)

    def last_day(self) -> date:
        """Where a calendar that is sent now ends."""
        return self.now.date() + timedelta(days=CALENDAR_DAYS)

    def renew_calendar(self) -> None:
        """Send trading days when none are known or they end soon."""
        number, day = self._venue_row()
        enough = to_int(self.now.date() + timedelta(days=CALENDAR_RENEW_DAYS))
        known = TradingDay.objects.filter(venue_id=number)
        if not self.is_new and (not number or known.filter(day__gte=enough).exists()):
            return
        first = date(self.now.year, 1, 1)
        days = {to_int(each) for each in self.calendar.between(first, self.last_day())}
        days |= {day} if day else set()
        self.send([SetCalendar(sorted(days))])

    def products(self) -> None:
        """Set every product that the tables do not have."""
        rows = Product.objects.filter(venue__code=self.venue)
        known = set(rows.values_list("exchange_id", "product_id"))
        self.send(
            [
                SetProduct(list(product.row()))
                for product in load_products()
                if (product.exchange_id, product.product_id) not in known
            ]
        )

    def instruments(self) -> None:
        """Create every contract listed today that the tables do not have."""
        rows = Instrument.objects.filter(venue__code=self.venue)
        known = set(rows.values_list("exchange_id", "instrument_id"))
        template = ALWAYS if self.always else ""
        today = self.trading_day()
        self.send(
            [
                CreateInstrument(list(row))
                for product in load_products()
                for row in listed_contracts(product, today, self.contracts_calendar, template)
                if (row.exchange_id, row.instrument_id) not in known
            ]
        )

    def account(self, account_id: str, user_id: str, name: str, cash: int) -> None:
        """Open an account with practice money when the tables do not have it."""
        known = TradingAccount.objects.filter(venue__code=self.venue, account_id=account_id)
        if not known.exists():
            command = OpenAccount(account_id, user_id, name, "individual", init_cash=cash)
            self.send([command])

    def send(self, commands: Sequence[Any]) -> None:
        """Send commands in order; one that exists already is no fault."""
        for command, outcome in send_all(self.venue, commands, "seed", {ACCOUNT_EXISTS}):
            kind = type(command).__name__
            self.sent[kind] = self.sent.get(kind, 0) + (outcome.code == 0)

    def _venue_row(self) -> tuple[int, int]:
        """(number, trading day) in the tables, zeros before the projector wrote them."""
        row = Venue.objects.filter(code=self.venue).values_list("id", "trading_day").first()
        return row or (0, 0)
