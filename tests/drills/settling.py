"""What the settlement drill does inside its site (T-91, T-92).

``python -m tests.drills.settling make|settle|verify VENUE [WHERE]``; `settle` kills its own
process at WHERE: "claimed" before its command is appended, "appended" before anybody read
what came of it.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from benchmarks.settlement import holdings  # noqa: E402
from benchmarks.site import wait_until  # noqa: E402
from exchange_site.exceptions import ExchangeError  # noqa: E402
from exchange_site.streams import Keys, log_client  # noqa: E402
from settlement import run_services as services  # noqa: E402
from trading.codec import decode_events, to_units  # noqa: E402
from trading.commands import send_many  # noqa: E402
from trading.loadgen import account_commands, make_contracts, make_traders, venue_commands  # noqa: E402
from trading.models import AccountDay, SettlementDay, TradingAccount  # noqa: E402

VENUE = "settled"
PATIENCE_S = 120.0
TRADERS = 1_200
CONTRACTS = make_contracts(8)
TICK = 10
MULTIPLE, LOTS = 5, 3
CASH, FEES = 10_000_000_000, 37_500
"""Yuan; 1/10 000 yuan: a lot is worth 5 000 × 5 = 25 000, of that 0.5 ‱ is 1.25, three are 3.75."""


def make(venue: str) -> None:
    """The venue with traders who are long or short a lot in three contracts each."""
    traders = make_traders(TRADERS)
    orders = [command for _trader, command in holdings(traders, CONTRACTS)]
    commands: list[Any] = [*venue_commands(venue, time.time_ns(), CONTRACTS), *account_commands(traders)]
    for outcome in send_many(venue, commands + orders, origin="drill", wait_s=60):
        if not outcome.ok:
            raise SystemExit(f"refused: {outcome}")


def settle(venue: str, where: str = "") -> None:
    """Price the day one tick above the day before and settle it."""
    run = services.current_run(venue=venue)
    services.compute_prices(run=run)
    days = SettlementDay.objects.filter(state="DONE").count()
    entries = [(one.symbol, one.middle + (days + 1) * one.price_tick) for one in CONTRACTS]
    assert services.set_prices(run=run, entries=entries, user_id="drill", confirmed=True) == []
    if where:
        name = {"claimed": "_append", "appended": "follow"}[where]
        setattr(services, name, dying(getattr(services, name), after=where == "appended"))
    services.execute(run=run)


def dying(call: Callable[..., Any], after: bool) -> Callable[..., Any]:
    """The call in whose place the process ends once the run is claimed or its command is out."""

    def instead(run: Any) -> Any:
        if not after or run.state == services.SettlementRun.RUNNING:
            die()
        return call(run)

    return instead


def die() -> None:
    """As kill -9 would."""
    os.kill(os.getpid(), signal.SIGKILL)


def verify(venue: str) -> None:
    """What the job and an impatient operator do, and what came of it, as one JSON object.

    Resume, settle the day once more, wait for its end, settle it yet again; `second` is the
    code of the last attempt, `faults` what plain arithmetic says otherwise.
    """
    services.resume(venue=venue)
    run = services.SettlementRun.objects.filter(prices__chosen_by="drill").latest("trading_day")
    attempt(run)
    wait_until(lambda: services.follow(run).state == run.DONE, PATIENCE_S, f"the end of {run}")
    last = last_event()
    second = attempt(run)
    faults = faults_of(list(SettlementDay.objects.filter(state="DONE").order_by("trading_day")))
    told = {"second": second, "faults": faults[:5], "fault_count": len(faults)}
    print(json.dumps({**told, "begun": [kind for kind in kinds_after(last) if kind == "SettlementBegun"]}))


def attempt(run: Any) -> int:
    """Settle the run's day; the code of the refusal."""
    try:
        services.execute(run=run)
    except ExchangeError as error:
        return error.code
    return 0


def last_event() -> str:
    """Id of the newest entry of the event stream."""
    with log_client() as client:
        return client.xrevrange(Keys(VENUE).events, count=1)[0][0].decode()


def kinds_after(last: str) -> list[str]:
    """Types of the events after an entry."""
    with log_client() as client:
        entries = client.xrange(Keys(VENUE).events, f"({last}")
    return [event[1] for _, fields in entries for event in decode_events(fields[b"e"])]


def faults_of(days: list[SettlementDay]) -> list[str]:
    """Every account of every settled day against plain arithmetic."""
    faults = []
    for number, day in enumerate(days, start=1):
        rows = list(AccountDay.objects.filter(trading_day=day.trading_day))
        if not len(rows) == len({row.account_id for row in rows}) == day.settled_accounts == TRADERS:
            faults.append(f"{day.trading_day}: {len(rows)} rows, {day.settled_accounts} settled")
        for row in rows:
            if to_units(row.balance) != expected(row.account_id, number):
                faults.append(f"{day.trading_day} {row.account_id}: {row.balance}")
    for account in TradingAccount.objects.all():
        if to_units(account.pre_balance) != expected(account.account_id, len(days)):
            faults.append(f"{account.account_id} stands at {account.pre_balance}")
    return faults


SIGNS = {trader.account_id: 1 - 2 * (number % 2) for number, trader in enumerate(make_traders(TRADERS))}


def expected(account_id: str, days: int) -> int:
    """1/10 000 yuan after so many days of one tick up: three lots of 5, long or short."""
    profit = SIGNS[account_id] * days * TICK * MULTIPLE * LOTS
    return (CASH + profit) * 10_000 - FEES


if __name__ == "__main__":
    {"make": make, "settle": settle, "verify": verify}[sys.argv[1]](*sys.argv[2:])
