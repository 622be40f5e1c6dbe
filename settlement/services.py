"""Runs the daily settlement through the log (T-90 … T-92)."""

import uuid

from exchange_site.exceptions import ExchangeError
from settlement.calc.prices import settlement_price
from settlement.selectors import day_trading
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
    *,
    venue: str,
    prices: dict[str, int],
    trading_day: int = 0,
    user_id: str = "",
    run_id: str = "",
    command_id: str | None = None,
) -> Outcome:
    """Append BeginSettlement; raises ExchangeError with the core's code when refused."""
    run_id = run_id or f"RUN{uuid.uuid4().hex}"
    command = BeginSettlement(run_id, [[symbol, price] for symbol, price in prices.items()], trading_day)
    outcome = send(venue, command, user_id=user_id, origin="settlement", command_id=command_id, wait_s=5.0)
    refusals = [event for event in outcome.events if event[1] == "SettlementRefused"]
    if refusals:
        raise ExchangeError(refusals[0][6], refusals[0][7])
    if outcome.code:
        raise ExchangeError(outcome.code, outcome.params)
    if not outcome.decided:
        raise ExchangeError(codes.SERVICE_UNAVAILABLE)
    return outcome
