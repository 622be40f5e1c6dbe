"""Runs the daily settlement through the log (T-90 … T-92)."""

import time
import uuid

from exchange_site.exceptions import ExchangeError
from settlement.calc.prices import settlement_price
from settlement.selectors import day_is_over, day_trading
from trading.commands import Outcome, send
from trading.engine import codes
from trading.engine.messages import BeginSettlement
from trading.models import Instrument, Venue

TRADED_STATUSES = ("TRADING", "SUSPENDED")


def propose_prices(*, venue: str) -> dict[str, int]:
    """Settlement price of every listed instrument by T-90, in 1/10 000 yuan."""
    row = Venue.objects.get(code=venue)
    symbols = list(
        Instrument.objects.filter(venue_id=row.pk, status__in=TRADED_STATUSES).values_list(
            "symbol", flat=True
        )
    )
    days = day_trading(venue, row.pk, symbols)
    prices = {
        symbol: settlement_price(day, by_last_hour=symbol.startswith("CFFEX."))
        for symbol, day in days.items()
    }
    return {symbol: price for symbol, price in prices.items() if price}


def begin_settlement(
    *, venue: str, prices: dict[str, int], trading_day: int = 0, user_id: str = "", run_id: str = ""
) -> Outcome:
    """Append BeginSettlement; raises ExchangeError with the core's code when refused."""
    run_id = run_id or f"RUN{uuid.uuid4().hex}"
    command = BeginSettlement(run_id, [[symbol, price] for symbol, price in prices.items()], trading_day)
    outcome = send(venue, command, user_id=user_id, origin="settlement", wait_s=5.0)
    refusals = [event for event in outcome.events if event[1] == "SettlementRefused"]
    if refusals:
        raise ExchangeError(refusals[0][6], refusals[0][7])
    if not outcome.decided:
        raise ExchangeError(codes.SERVICE_UNAVAILABLE)
    return outcome


def settle_when_due(*, venue: str, trading_day: int, now_ns: int | None = None) -> bool:
    """Begin the settlement of a trading day whose time has come; False when it has not.

    Bringing the venue to its due state, this may run at any time and any number of times:
    the core refuses a second run while one is under way (6004) and moves to the next trading
    day when it ends.
    """
    if not day_is_over(trading_day, time.time_ns() if now_ns is None else now_ns):
        return False
    begin_settlement(venue=venue, prices=propose_prices(venue=venue), trading_day=trading_day)
    return True
