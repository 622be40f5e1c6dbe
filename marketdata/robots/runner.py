"""The robots' process: reads events and quotes, sends ordinary orders (M-20).

One loop: read what happened, look at the quotes, let each desk decide, send. A worker or a
server that is away is waited for; afterwards every desk starts over with CancelAll.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
import structlog

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import log_client
from marketdata.robots import control
from marketdata.robots.cast import (
    TOP_UP,
    Listing,
    Robot,
    all_robots,
    command_id,
    main_contracts,
    make_desk,
    opening,
    view_from,
)
from marketdata.robots.desk import Desk, View
from marketdata.robots.tail import EventsMissed, EventTail
from trading.commands import send_many
from trading.engine.codes import ACCOUNT_EXISTS, OK
from trading.engine.messages import CancelAll, Deposit, Phase
from trading.quotes_writer import quotes_client, read_quotes

log = structlog.get_logger(__name__)

CYCLE_MS = 50
ANSWER_S = 0.2
SETTINGS_MS = 500
LISTINGS_MS = 60_000
EMPTY_MS = 1_000
"""While a venue has no contracts yet, it is looked at so often."""
TOP_UP_MS = 60_000
LONGEST_PAUSE_S = 2.0

Source = Callable[[], tuple[int, list[Listing]]]
"""Gives the trading day and the listed contracts."""


class Budget:
    """Commands left to send; it fills at a rate a second and may go into debt by a burst."""

    def __init__(self) -> None:
        self._thousandths = 0
        self._filled_ms = 0

    def fill(self, rate: int, now_ms: int) -> None:
        """Add what the time since the last call brings; what is saved up is a tenth of a second's."""
        if self._filled_ms:
            self._thousandths += rate * (now_ms - self._filled_ms)
        self._thousandths = min(self._thousandths, max(2_000, rate * 100))
        self._filled_ms = now_ms

    def has(self, count: int) -> bool:
        return self._thousandths >= count * 1_000

    def spend(self, count: int) -> None:
        self._thousandths -= count * 1_000


class Robots:
    """All robots of a venue; times are milliseconds of the monotonic clock."""

    def __init__(self, venue: str, source: Source, seed: int = 1) -> None:
        self.venue = venue
        self.seed = seed
        self.desks: dict[str, Desk] = {}
        self._source = source
        self._users: dict[str, str] = {}
        self._client = log_client()
        self._quotes = quotes_client()
        self._tail = EventTail(venue)
        self._budget = Budget()
        self._settings = control.Settings()
        self._due_ms = {"settings": 0, "listings": 0}
        self._topped_ms: dict[str, int] = {}
        self._sent = 0
        self._refused = 0
        self._first = 0
        self._resting = False

    # ------------------------------------------------------------------- the bus

    def handlers(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        """What may be asked of the robots over the process bus (O-21)."""
        return {
            "start_trading": lambda payload: self._set_state(control.start),
            "stop_trading": lambda payload: self._set_state(control.stop),
            "reload_config": lambda payload: self._look_again(),
        }

    def _set_state(self, change: Callable[[str], None]) -> dict[str, Any]:
        change(self.venue)
        self._due_ms["settings"] = 0
        return {"state": control.read_settings(self.venue).state}

    def _look_again(self) -> dict[str, Any]:
        """Settings and contracts are read at the next turn."""
        self._due_ms = {"settings": 0, "listings": 0}
        return {"settings": vars(control.read_settings(self.venue))}

    # ------------------------------------------------------------------ the loop

    def run(self, stop: threading.Event) -> None:
        """Trade until told to stop; then leave no order in the book."""
        self._until_it_works(self._begin, stop)
        while not stop.is_set():
            self._until_it_works(self.cycle, stop)
        self._leave()

    def _until_it_works(self, step: Callable[[], None], stop: threading.Event) -> None:
        """Repeat a step while servers are away, then let every desk start over."""
        pause_s = 0.1
        while not stop.is_set():
            try:
                step()
                return
            except (redis.RedisError, ExchangeError) as error:
                log.warning("robots_wait", venue=self.venue, reason=str(error))
            except EventsMissed as error:
                log.warning("robots_missed_events", venue=self.venue, reason=str(error))
                self._tail.open()
            for desk in self.desks.values():
                desk.lost()
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _begin(self) -> None:
        self._tail.open()
        self._choose_contracts()

    def cycle(self) -> None:
        """One round: events, settings, decisions."""
        for event in self._tail.read(CYCLE_MS):
            for desk in self.desks.values():
                desk.learn(event)
        now_ms = time.monotonic_ns() // 10**6
        self._housekeep(now_ms)
        if self._settings.state == control.STOPPED:
            self._rest()
            return
        self._resting = False
        self._budget.fill(self._settings.rate, now_ms)
        self._act(now_ms)

    def _act(self, now_ms: int) -> None:
        """Let every desk act, another one first each time: makers, then crowds."""
        desks = list(self.desks.values())
        if not desks:
            return
        self._first = (self._first + 1) % len(desks)
        turn = desks[self._first :] + desks[: self._first]
        views = self._views(turn)
        pace = self._settings.pace(len(desks))
        ready = [desk for desk in turn if desk.terms.symbol in views and self._is_ready(
            desk, views[desk.terms.symbol], now_ms)]  # fmt: skip
        for desk in ready:
            if self._budget.has(2):
                commands = desk.requote(views[desk.terms.symbol], pace, now_ms)
                self._send(desk, desk.maker, commands, now_ms)
        for desk in ready:
            if self._budget.has(1) and not desk.is_waiting(now_ms):
                order = desk.trade(views[desk.terms.symbol], pace, now_ms)
                self._send(desk, desk.crowd, [order] if order else [], now_ms)
        self._top_up(now_ms)

    def _is_ready(self, desk: Desk, view: View, now_ms: int) -> bool:
        """May the desk act now? One that must start over does that first."""
        waits = desk.is_waiting(now_ms)
        if desk.must_restart and view.phase == Phase.CONTINUOUS and self._budget.has(1):
            made = command_id()
            command = desk.restart(made, now_ms)
            if command is not None:
                self._send(desk, desk.maker, [command], now_ms, [made])
        return not waits

    # ------------------------------------------------------------------- sending

    def _send(
        self,
        desk: Desk,
        account_id: str,
        commands: Sequence[Any],
        now_ms: int,
        command_ids: list[str] | None = None,
    ) -> None:
        """Send commands of one account; what became of them the events will tell."""
        if not commands:
            return
        ids = command_ids or [command_id() for _ in commands]
        if command_ids is None:
            for made in ids:
                desk.sent(made, now_ms)
        self._budget.spend(len(commands))
        outcomes = send_many(
            self.venue, commands, user_id=self._users[account_id], origin="robots",
            command_ids=ids, wait_s=ANSWER_S,
        )  # fmt: skip
        self._sent += len(commands)
        for outcome in outcomes:
            self._refused += outcome.code != OK
            if outcome.refused:
                desk.refused(outcome.command_id)
        if all(outcome.refused for outcome in outcomes):
            raise ExchangeError(outcomes[0].code, outcomes[0].params)

    def _top_up(self, now_ms: int) -> None:
        """Give robots that ran short of money some more, at most once a minute each."""
        for desk in self.desks.values():
            for account_id in sorted(desk.short_of_money):
                due_ms = self._topped_ms.get(account_id, 0)
                if now_ms < due_ms:
                    continue
                self._topped_ms[account_id] = now_ms + TOP_UP_MS
                reference = f"robots:{command_id()}"
                deposit = Deposit(account_id, TOP_UP, reference, "practice", by_operator=True)
                send_many(self.venue, [deposit], origin="robots", wait_s=ANSWER_S)
            desk.short_of_money.clear()

    def _rest(self) -> None:
        """Stopped by an operator: take the orders out of the book once, then do nothing."""
        if not self._resting:
            self._resting = True
            self._leave()

    def _leave(self) -> None:
        for desk in self.desks.values():
            desk.lost()
            send_many(
                self.venue, [CancelAll(desk.maker)], user_id=self._users[desk.maker],
                origin="robots", wait_s=ANSWER_S,
            )  # fmt: skip

    # -------------------------------------------------------------- housekeeping

    def _housekeep(self, now_ms: int) -> None:
        if now_ms >= self._due_ms["settings"]:
            self._due_ms["settings"] = now_ms + SETTINGS_MS
            self._tail.check()
            self._settings = control.read_settings(self.venue, client=self._client)
            control.report(self.venue, self._figures(now_ms), client=self._client)
        if now_ms >= self._due_ms["listings"]:
            self._choose_contracts()
            if not self.desks:
                self._due_ms["listings"] = now_ms + EMPTY_MS

    def _figures(self, now_ms: int) -> dict[str, int]:
        desks = self.desks.values()
        return {
            "instruments": len(desks),
            "commands": self._sent,
            "trades": sum(desk.trades for desk in desks),
            "refused": self._refused,
            "waiting": sum(desk.is_waiting(now_ms) for desk in desks),
        }

    def _choose_contracts(self) -> None:
        """Take the main contracts of the day; a product whose contract changed starts anew."""
        self._due_ms["listings"] = time.monotonic_ns() // 10**6 + LISTINGS_MS
        trading_day, listings = self._source()
        chosen = main_contracts(listings, trading_day)
        self._open_accounts(all_robots(self.venue, chosen))
        self.desks = {
            listing.symbol: self.desks.get(listing.symbol) or make_desk(self.venue, listing, self.seed)
            for listing in chosen
        }

    def _open_accounts(self, robots: list[Robot]) -> None:
        """Open the accounts this process has not yet seen; those there already are fine."""
        new = [robot for robot in robots if robot.account_id not in self._users]
        if not new:
            return
        outcomes = send_many(self.venue, [opening(robot) for robot in new], origin="robots", wait_s=5.0)
        for robot, outcome in zip(new, outcomes, strict=True):
            if not outcome.decided or outcome.code not in (OK, ACCOUNT_EXISTS):
                raise ExchangeError(outcome.code, {"account_id": robot.account_id})
            self._users[robot.account_id] = robot.user_id

    def _views(self, desks: list[Desk]) -> dict[str, View]:
        """The published quotes of the desks' contracts, those there are."""
        ticks = {desk.terms.symbol: desk.terms.price_tick for desk in desks}
        quotes = read_quotes(self._quotes, self.venue, list(ticks))
        return {symbol: view_from(quote, ticks[symbol]) for symbol, quote in quotes.items()}
