"""A load test of a running venue: orders through the ordinary way in, then the books (O-60)."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys, last_stream_id, log_client
from trading.codec import decode_events
from trading.commands import Outcome, asend, send_many
from trading.engine.codes import ACCOUNT_EXISTS, CODES, OK
from trading.engine.messages import PlaceOrder
from trading.ledger_audit import audit
from trading.loadaudit import EventAudit, OrderKey
from trading.loadgen import Contract, OrderFlow, Step, Trader, account_commands, make_traders
from trading.loadsockets import shown_percentiles
from trading.models import ProjectorCursor, Venue
from trading.quotes_writer import quotes_client, read_quotes

CONTRACTS = 10
"""Without a named instrument the load goes to so many of the busiest ones."""
IN_FLIGHT = 200
VERDICT_S = 5.0
PROJECTED_S = 120.0


class LoadError(Exception):
    """Why there can be no load test; the text is for the operator."""


@dataclass
class Result:
    """What a load test measured; latencies in milliseconds, from due time to verdict."""

    sent: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    rejects: Counter[int] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    undecided: int = 0
    acknowledged: list[OrderKey] = field(default_factory=list)

    def take(self, step: Step, outcome: Outcome, latency_ms: float) -> None:
        """Count one command that was answered or not."""
        if not outcome.decided:
            self.undecided += 1
            return
        self.latencies.append(latency_ms)
        if outcome.code != OK:
            self.rejects[outcome.code] += 1
        if isinstance(step.command, PlaceOrder):
            self.acknowledged.append((step.trader.account_id, step.command.order_id))

    def lines(self) -> Iterator[str]:
        """The report, a figure a line."""
        answered = len(self.latencies)
        yield f"commands: {self.sent} in {self.seconds:.2f} s, {self.sent / self.seconds:.0f}/s"
        yield f"answered: {answered}, without a verdict: {self.undecided}"
        if answered:
            yield f"latency, ms: {shown_percentiles(self.latencies)}"
        for title, counts in (("rejected", self.rejects), ("not taken by the log", self.refused)):
            for code, count in sorted(counts.items()):
                yield f"{title}: {code} {CODES[code].name_en}: {count}"


def find_contracts(venue: str, symbol: str = "") -> list[Contract]:
    """The named contract, or the busiest that trade now; LoadError when there is none."""
    with quotes_client() as client:
        prefix = Keys(venue).quote("")
        names = [key.decode()[len(prefix) :] for key in client.scan_iter(f"{_literal(prefix)}*", 1000)]
        quotes = read_quotes(client, venue, [symbol] if symbol else sorted(names))
    trading = [
        quote for quote in quotes.values() if quote["phase"] == "CONTINUOUS" and quote["status"] == "TRADING"
    ]
    if not trading:
        raise LoadError(f"no contract of {venue} trades now" if not symbol else f"{symbol} does not trade")
    trading.sort(key=lambda quote: (-quote["volume"], quote["symbol"]))
    return [Contract(quote["symbol"], quote["price_tick"], quote["mark"]) for quote in trading[:CONTRACTS]]


def _literal(prefix: str) -> str:
    """The prefix as a pattern that means itself."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)


def open_accounts(venue: str, count: int) -> list[Trader]:
    """The load's accounts, opened with practice money where they are new."""
    traders = make_traders(count)
    for outcome in send_many(venue, account_commands(traders), origin="load", wait_s=30.0):
        if not outcome.decided or outcome.code not in (OK, ACCOUNT_EXISTS):
            raise LoadError(f"an account could not be opened: {outcome.code} {outcome.params}")
    return traders


def last_event(venue: str) -> int:
    """Sequence of the venue's newest event."""
    with log_client() as client:
        return int(last_stream_id(client, Keys(venue).events).partition("-")[0])


async def send_all(venue: str, steps: Sequence[Step], rate: int) -> Result:
    """Send steps at a rate a second, or as fast as answers come with 0."""
    result = Result(sent=len(steps))
    room = asyncio.Semaphore(IN_FLIGHT)
    started = time.monotonic()

    async def one(step: Step, due: float) -> None:
        try:
            outcome = await asend(
                venue, step.command, user_id=step.trader.user_id, origin="load", wait_s=VERDICT_S
            )
            result.take(step, outcome, 1_000 * (time.monotonic() - due))
        except ExchangeError as error:
            result.refused[error.code] += 1
        finally:
            room.release()

    async with asyncio.TaskGroup() as group:
        for number, step in enumerate(steps):
            due = started + number / rate if rate else time.monotonic()
            if rate and due > time.monotonic():
                await asyncio.sleep(due - time.monotonic())
            await room.acquire()
            group.create_task(one(step, due if rate else time.monotonic()))
    result.seconds = time.monotonic() - started
    return result


def make_steps(traders: list[Trader], contracts: list[Contract], count: int, run_id: str) -> list[Step]:
    """The commands of a run; its id makes its order ids new."""
    seed = int(run_id, 36)
    flow = OrderFlow(seed, traders, contracts, prefix=f"L{run_id}.")
    return list(itertools.islice(flow, count))


def new_run_id() -> str:
    """A short name no earlier run of this host had: milliseconds in base 36."""
    number, text = time.time_ns() // 10**6, ""
    while number:
        number, digit = divmod(number, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text


def book_faults(venue: str, after_seq: int, acknowledged: list[OrderKey]) -> list[str]:
    """What does not hold after the run: events in order, orders once, and the tables' sums."""
    events = EventAudit()
    events.learn(_events_after(venue, after_seq))
    faults = events.faults() + events.order_faults(acknowledged)
    return faults + _table_faults(venue, events.last_seq)


def _events_after(venue: str, after_seq: int) -> Iterator[list[Any]]:
    after = f"{after_seq}-0"
    with log_client() as client:
        while entries := client.xrange(Keys(venue).events, f"({after}", count=200):
            for entry_id, fields in entries:
                after = entry_id.decode("ascii")
                yield from (e for e in decode_events(fields[b"e"]) if e[0] > after_seq)


def _table_faults(venue: str, last_seq: int) -> list[str]:
    """The ledger audit and open interest, once the projector has written the run."""
    if not _is_projected(venue, last_seq):
        return [f"the projector did not reach event {last_seq} in {PROJECTED_S:.0f} s"]
    row = Venue.objects.get(code=venue)
    faults = [str(difference) for difference in audit(row.id)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT symbol, sum(long_today + long_his), sum(short_today + short_his)"
            " FROM trading_position WHERE venue_id = %s GROUP BY symbol"
            " HAVING sum(long_today + long_his) <> sum(short_today + short_his)",
            [row.id],
        )
        faults += [f"{symbol}: long {long}, short {short}" for symbol, long, short in cursor]
    return faults


def _is_projected(venue: str, last_seq: int) -> bool:
    """Wait for the projector."""
    until = time.monotonic() + PROJECTED_S
    while time.monotonic() < until:
        if ProjectorCursor.objects.filter(venue=venue, seq__gte=last_seq).exists():
            return True
        time.sleep(0.1)
    return False
