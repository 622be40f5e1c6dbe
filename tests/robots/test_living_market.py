"""Robots on a running worker: ordinary accounts, ordinary orders, a living market (M-20)."""

import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from exchange_site.streams import Keys, log_client
from marketdata.robots import cast, control
from marketdata.robots.cast import CROWD, MAKER, PRODUCTS, Listing, robot
from marketdata.robots.runner import Robots
from tests.log.conftest import RunningWorker, await_until
from trading.calendar import TradingCalendar
from trading.codec import decode_events
from trading.commands import send_many
from trading.contracts import listed_contracts, load_products
from trading.engine.messages import CreateInstrument, SetProduct
from trading.engine.messages import InstrumentRow as Row
from trading.loadaudit import EventAudit
from trading.loadgen import open_day, venue_commands
from trading.quotes_writer import quotes_client, read_quotes

EXCHANGES = {"SHFE", "INE", "DCE", "CZCE", "GFEX", "CFFEX"}
FAST = 1_000
"""Commands a second, so that a test need not wait for the ladder."""


class Market:
    """Real contracts on a worker of their own, and robots in a thread."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.worker = RunningWorker(venue)
        self.listings = self._list_contracts()
        self.stop = threading.Event()
        self.robots = Robots(venue, lambda: (open_day(time.time_ns())[0], self.listings))
        self.thread = threading.Thread(target=self.robots.run, args=(self.stop,), daemon=True)

    def _list_contracts(self) -> list[Listing]:
        """The two nearest contracts of each robots' product, open around the clock."""
        now = datetime.now(UTC)
        products = [
            product
            for product in load_products()
            if f"{product.exchange_id}.{product.product_id}" in PRODUCTS
        ]
        rows: list[Row] = []
        for product in products:
            rows += listed_contracts(product, now.date(), TradingCalendar([]), "always")[:3]
        commands: list[Any] = venue_commands(self.venue, time.time_ns(), [])
        commands += [SetProduct(list(product.row())) for product in products]
        commands += [CreateInstrument(list(row)) for row in rows]
        assert all(outcome.ok for outcome in send_many(self.venue, commands, wait_s=20))
        return [listing(row) for row in rows]

    def quotes(self) -> dict[str, dict[str, Any]]:
        """Published quotes of the robots' contracts."""
        with quotes_client() as client:
            return read_quotes(client, self.venue, list(self.robots.desks))

    def is_quoted(self) -> bool:
        """Do five levels stand on both sides of every contract?"""
        quotes = self.quotes()
        return len(quotes) >= 20 and all(
            len(quote["bids"]) == len(quote["asks"]) == 5 for quote in quotes.values()
        )

    def has_traded(self) -> bool:
        return all(quote["volume"] for quote in self.quotes().values())

    def events(self) -> list[list[Any]]:
        """Every event of the venue."""
        with log_client() as client:
            entries: Any = client.xrange(Keys(self.venue).events)
        return [event for _, fields in entries for event in decode_events(fields[b"e"])]

    def end(self) -> None:
        self.stop.set()
        if self.thread.is_alive():
            self.thread.join(20)
        self.worker.worker.stop()
        self.worker.join()


def listing(row: Row) -> Listing:
    """What the choice of main contracts needs of a contract."""
    return Listing(
        f"{row.exchange_id}.{row.instrument_id}", f"{row.exchange_id}.{row.product_id}",
        row.expire_date, 0, row.price_tick, row.volume_multiple, row.max_limit_volume,
        row.position_limit,
    )  # fmt: skip


@pytest.fixture
def market() -> Iterator[Market]:
    market = Market(f"r{uuid.uuid4().hex[:12]}")
    control.configure(market.venue, rate=FAST)
    yield market
    market.end()


@pytest.fixture
def living(market: Market) -> Market:
    """A market in which every contract is quoted and has traded."""
    market.thread.start()
    await_until(lambda: market.is_quoted() and market.has_traded(), 40)
    return market


def of_kind(events: list[list[Any]], kind: str) -> list[list[Any]]:
    return [event for event in events if event[1] == kind]


def test_a_fresh_start_shows_a_living_market_on_all_six_exchanges(living):
    quotes = living.quotes()
    assert len(quotes) >= 20
    assert {symbol.partition(".")[0] for symbol in quotes} == EXCHANGES
    for quote in quotes.values():
        assert quote["bids"][0][0] < quote["asks"][0][0]
        assert quote["lower_limit"] <= quote["bids"][-1][0]
        assert quote["asks"][-1][0] <= quote["upper_limit"]


def test_robots_are_ordinary_accounts_each_with_an_owner_of_its_own(living):
    opened = [event[5] for event in of_kind(living.events(), "AccountChanged")]
    assert len(opened) == 2 * len(living.robots.desks)
    assert len({row[1] for row in opened}) == len(opened), "two robots share an owner"
    assert all(row[11] for row in opened), "an account is not marked as a robot's"


def test_robots_send_no_order_ids_are_not_refused_and_leave_sound_books(living):
    events = living.events()
    assert of_kind(events, "OrderRejected") == []
    assert all(event[5][2] == f"S{event[0]}" for event in of_kind(events, "OrderAccepted"))
    audit = EventAudit()
    audit.learn(events)
    assert audit.faults() == []


def test_robots_close_what_they_hold_and_stay_within_their_limits(living):
    await_until(lambda: closes(living.events()) > 20, 40)
    for desk in living.robots.desks.values():
        for sides in desk.holdings.values():
            assert max(side.lots for side in sides) <= desk._limit(desk.process.price)


def closes(events: list[list[Any]]) -> int:
    return sum(event[5][5] != 0 for event in of_kind(events, "OrderAccepted"))


def test_an_operator_stops_and_starts_them(living):
    control.stop(living.venue)
    await_until(lambda: all(not q["bids"] and not q["asks"] for q in living.quotes().values()), 20)
    sent = control.status(living.venue)["commands"]
    report = control.status(living.venue)["seen_ms"]
    await_until(lambda: control.status(living.venue)["seen_ms"] > report + 1_000)
    assert control.status(living.venue)["commands"] == sent
    control.start(living.venue)
    await_until(living.is_quoted, 20)


def test_a_wider_spread_is_taken_up(living):
    control.configure(living.venue, spread=4)

    def is_wide() -> bool:
        ticks = {desk.terms.symbol: desk.terms.price_tick for desk in living.robots.desks.values()}
        return all(
            quote["bids"] and quote["asks"]
            and quote["asks"][0][0] - quote["bids"][0][0] >= 3 * ticks[symbol]
            for symbol, quote in living.quotes().items()
        )  # fmt: skip

    assert await_until(is_wide, 30)


def test_they_go_on_after_the_worker_was_away(living):
    living.worker.worker.stop()
    living.worker.join()
    living.worker = RunningWorker(living.venue)
    before = sum(quote["volume"] for quote in living.quotes().values())
    await_until(lambda: sum(q["volume"] for q in living.quotes().values()) > before + 50, 40)
    await_until(living.is_quoted, 20)
    working = Counter(row_symbol(event) for event in resting(living.events()))
    assert max(working.values()) <= 10, "orders of the time before were forgotten in the book"


def test_a_new_process_takes_over_the_orders_of_one_that_was_killed(living):
    living.stop.set()
    living.thread.join(20)
    robots = Robots(living.venue, lambda: (open_day(time.time_ns())[0], living.listings))
    robots._leave = lambda: None  # type: ignore[method-assign]  as a kill would have it
    run_for_a_ladder(robots, living)
    assert len(resting(living.events())) >= 200
    run_for_a_ladder(Robots(living.venue, lambda: (open_day(time.time_ns())[0], living.listings)), living)
    working = Counter(row_symbol(event) for event in resting(living.events()))
    assert not working or max(working.values()) <= 10


def run_for_a_ladder(robots: Robots, market: Market) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=robots.run, args=(stop,), daemon=True)
    thread.start()
    await_until(lambda: robots.desks and all(len(d.quotes) == 10 for d in robots.desks.values()), 30)
    stop.set()
    thread.join(20)


def resting(events: list[list[Any]]) -> list[list[Any]]:
    """The accepting events of orders that still rest."""
    alive: dict[tuple[str, str], list[Any]] = {}
    ended = defaultdict(bool)
    for event in events:
        if event[1] == "OrderAccepted":
            alive[event[5][1], event[5][2]] = event
        elif event[1] == "OrderCancelled":
            ended[event[5][1], event[5][2]] = True
        elif event[1] == "Traded":
            for side in (event[11], event[12]):
                ended[side[0][1], side[0][2]] |= side[0][7] == 0
    return [event for key, event in alive.items() if not ended[key] and event[5][9] != 0]


def row_symbol(event: list[Any]) -> str:
    return str(event[5][3])


def test_robots_keep_their_names_from_run_to_run():
    first, second = (robot("main", "SHFE.cu", role) for role in (MAKER, CROWD))
    assert first == robot("main", "SHFE.cu", MAKER)
    assert len({first.account_id, second.account_id, robot("two", "SHFE.cu", MAKER).account_id}) == 3
    assert len(first.account_id) == 36
    assert all(len(robot("a-venue-with-a-long-name", product, MAKER).username) <= 32 for product in PRODUCTS)


@pytest.mark.parametrize(
    ("listings", "expected"),
    [
        ([("SHFE.cu2701", 20270115, 5), ("SHFE.cu2702", 20270215, 9)], "SHFE.cu2702"),
        ([("SHFE.cu2701", 20270115, 0), ("SHFE.cu2702", 20270215, 0)], "SHFE.cu2701"),
        ([("SHFE.cu2612", 20261215, 9), ("SHFE.cu2701", 20270115, 0)], "SHFE.cu2701"),
        ([("SHFE.cu2612", 20261215, 9)], "SHFE.cu2612"),
    ],
)
def test_the_main_contract_has_most_open_interest_and_is_not_in_delivery(listings, expected):
    known = [Listing(symbol, "SHFE.cu", day, oi, 1, 1, 1, 1) for symbol, day, oi in listings]
    assert [one.symbol for one in cast.main_contracts(known, 20261201)] == [expected]


@pytest.fixture
def venue_name() -> Iterator[str]:
    name = f"c{uuid.uuid4().hex[:12]}"
    yield name
    with log_client() as client:
        client.delete(control.key_of(name))


def test_settings_have_ranges_and_survive_nonsense(venue_name):
    with pytest.raises(ValueError, match="volatility"):
        control.configure(venue_name, volatility=0)
    with pytest.raises(ValueError, match="no such setting"):
        control.configure(venue_name, colour=1)
    control.configure(venue_name, spread=3)
    with log_client() as client:
        client.hset(control.key_of(venue_name), "rate", "many")
    settings = control.read_settings(venue_name)
    assert (settings.spread, settings.rate) == (3, control.SETTINGS["rate"].default)


def test_robots_that_never_ran_are_not_alive(venue_name):
    assert control.status(venue_name)["alive"] is False


@pytest.mark.parametrize("desks", [1, 24, 200])
def test_the_pace_of_all_desks_fits_the_rate(desks):
    settings = control.Settings(volatility=1_000, trades_per_minute=600)
    pace = settings.pace(desks)
    makers = desks * 2 * 1_000 / pace.move_ms
    crowds = desks * 1_000 / pace.trade_ms
    assert makers + crowds <= settings.rate * 1.01


def test_the_management_command_shows_and_sets(venue_name, capsys):
    from django.core.management import call_command

    call_command("robots", "stop", "--venue", venue_name, "--spread", "2")
    assert "state: stopped" in capsys.readouterr().out
    assert control.read_settings(venue_name).spread == 2
