"""Instruments created, changed, suspended, resumed and delisted over REST (T-13, T-14)."""

import hashlib
from typing import Any

from accounts.models import User
from exchange_site.exceptions import ExchangeError
from trading import delisting_services as delisting
from trading.account_services import pending, send
from trading.choices import INSTRUMENT_STATUS
from trading.engine import messages as core
from trading.engine.units import NS_PER_SECOND
from trading.instrument_selectors import instrument_for
from trading.models import Instrument
from trading.order_services import Answer
from trading.representations import RATES, units_of
from trading.selectors import catch_up_with

_CORE_NAMES = {
    "limit_up_ratio": ("limit_up_ppm", 1),
    "limit_down_ratio": ("limit_down_ppm", 1),
    "breaker_move_ratio": ("breaker_move_ppm", 1),
    "breaker_window_s": ("breaker_window_ns", NS_PER_SECOND),
    "breaker_auction_s": ("breaker_auction_ns", NS_PER_SECOND),
}
_DEFAULTS: dict[str, Any] = {
    "name_zh": "",
    "name_en": "",
    "min_limit_volume": 1,
    "max_limit_volume": 500,
    "min_market_volume": 1,
    "max_market_volume": 100,
    "position_limit": 0,
    "list_date": 0,
    "expire_date": 0,
    "listing_price": 0,
}


def _found(venue: str, user: User, text: str) -> Instrument:
    """The instrument, one that the user has just made included (A-12)."""
    catch_up_with(venue, user.pk.hex)
    return instrument_for(venue, text)


def core_terms(body: dict[str, Any]) -> dict[str, Any]:
    """Fields of a body by the core's names, without rates."""
    terms: dict[str, Any] = {}
    for name, value in body.items():
        if name in RATES or name in ("reason", "apply_now") or value is None:
            continue
        core_name, factor = _CORE_NAMES.get(name, (name, 0))
        terms[core_name] = value * factor if factor else value
    if "self_trade_mode" in terms:
        terms["self_trade_mode"] = int(core.SelfTradeMode[terms["self_trade_mode"]])
    return terms


def rates_in(body: dict[str, Any]) -> dict[str, int | None]:
    """Rates of a body by the core's names; null means: as the product."""
    return {RATES[name][0]: body[name] for name in RATES if name in body}


def create(*, venue: str, user: User, command_id: str, body: dict[str, Any]) -> Answer:
    """A new instrument (201); 2001 for a known symbol, 9008 naming what the core does not take."""
    given = rates_in(body)
    rates = list(core.Rates(**given)) if any(value is not None for value in given.values()) else None
    row = core.InstrumentRow(**{**_DEFAULTS, **core_terms(body)}, rates=rates)
    symbol = f"{row.exchange_id}.{row.instrument_id}"
    command = core.CreateInstrument(list(row))
    answer = _change(venue, user, command_id, symbol, command)
    return answer if answer.status == 202 else answer._replace(status=201)


def update(*, venue: str, user: User, command_id: str, text: str, body: dict[str, Any]) -> Answer:
    """Change terms and rates of an instrument: its terms first, rates only once those hold."""
    row = _found(venue, user, text)
    terms, rates = core_terms(body), rates_in(body)
    answer = Answer({"instrument_id": row.symbol, "status": row.status})
    if terms:
        command = core.UpdateInstrument(row.symbol, terms, body["reason"])
        answer = _change(venue, user, command_id, row.symbol, command)
    if rates and answer.status != 202:
        second = hashlib.sha256(f"{command_id}:rates".encode()).hexdigest()[:32]
        outcome = send(venue, _rates_command(row, rates, body), user_id=user.pk.hex, command_id=second)
        answer = answer._replace(seq=outcome.last_seq) if outcome.decided else pending(outcome)
    return answer


def _rates_command(row: Instrument, rates: dict[str, int | None], body: dict[str, Any]) -> core.SetRates:
    """The rates that are given over those the instrument has of its own."""
    known = {column: rate_units(row, column, scale) for column, scale in RATES.values()}
    wanted = core.Rates(**{**known, **rates})
    return core.SetRates("", row.symbol, list(wanted), body["apply_now"], body["reason"])


def rate_units(row: Any, column: str, scale: int) -> int | None:
    """A rate of a row in the core's units; None where it inherits."""
    value = getattr(row, column)
    return None if value is None else int(value) if scale else units_of(value)


def suspend(*, venue: str, user: User, command_id: str, text: str, reason: str) -> Answer:
    """Stop trading; resting orders stay."""
    symbol = _found(venue, user, text).symbol
    return _change(venue, user, command_id, symbol, core.SuspendInstrument(symbol, reason))


def resume(*, venue: str, user: User, command_id: str, text: str, reason: str) -> Answer:
    """Trade again."""
    symbol = _found(venue, user, text).symbol
    return _change(venue, user, command_id, symbol, core.ResumeInstrument(symbol, reason))


def delist(*, venue: str, user: User, command_id: str, text: str, reason: str) -> Answer:
    """End an instrument for good; refused while anybody holds it, naming the holders (T-13).

    2006 where the venue wants a second person for it (O-4).
    """
    symbol = _found(venue, user, text).symbol
    delisting.confirm(venue=venue, user=user, symbol=symbol, reason=reason)
    try:
        answer = _change(venue, user, command_id, symbol, core.DelistInstrument(symbol, reason))
        delisting.drop(venue=venue, symbol=symbol)
        return answer
    except ExchangeError as error:
        if "holders" in error.params:
            error.extra["detail"] = (
                f"Cannot delist {symbol.partition('.')[2]}: {error.params['holders']} account(s) "
                f"have open positions. Accounts: {error.params['accounts']}"
            )
        raise


def _change(venue: str, user: User, command_id: str, symbol: str, command: Any) -> Answer:
    outcome = send(venue, command, user_id=user.pk.hex, command_id=command_id)
    if not outcome.decided:
        return pending(outcome)
    event = outcome.first("InstrumentChanged")
    if event is None:
        return Answer({"instrument_id": symbol, "repeated": True}, outcome.last_seq)
    status = INSTRUMENT_STATUS[core.InstrumentRow(*event[5]).status]
    return Answer({"instrument_id": symbol, "status": status}, outcome.last_seq)
