"""Commission and margin rates per product, instrument, group and account (T-56)."""

from typing import Any

from accounts.models import User
from exchange_site.exceptions import ExchangeError
from trading import selectors
from trading.account_services import pending, send
from trading.engine import messages as core
from trading.engine.codes import INSTRUMENT_NOT_FOUND
from trading.instrument_services import rate_units
from trading.models import Instrument, Product, RateRow
from trading.order_services import Answer
from trading.representations import RATES

MARGIN = tuple(name for name in RATES if name.startswith("margin"))
COMMISSION = tuple(name for name in RATES if name not in MARGIN)


def row_of(venue: str, holder: str, target: str) -> Any:
    """The table's row that holds these rates now; None when they are not set."""
    number = selectors.venue_number(venue)
    if holder:
        return RateRow.objects.filter(venue_id=number, holder=holder, target=target).first()
    instrument = Instrument.objects.filter(venue_id=number, symbol=target).first()
    exchange_id, _, product_id = target.partition(".")
    product = Product.objects.filter(venue_id=number, exchange_id=exchange_id, product_id=product_id)
    return instrument or product.first()


def set_rates(
    *, venue: str, user: User, command_id: str, holder: str, target: str, rates: dict[str, int | None],
    apply_now: bool, reason: str,
) -> Answer:  # fmt: skip
    """Change the given rates of a holder for a target; the others stay as they are.

    `rates` are by REST name in the core's units. 1007 for an unknown target, 1006 for an unknown
    account, 9008 naming a rate that is out of bounds.
    """
    selectors.catch_up_with_log(venue)
    row = row_of(venue, holder, target)
    if row is None and not holder:
        raise ExchangeError(INSTRUMENT_NOT_FOUND, {}, {"target": target})
    known = {
        column: None if row is None else rate_units(row, column, scale) for column, scale in RATES.values()
    }
    given = {RATES[name][0]: value for name, value in rates.items()}
    wanted = core.Rates(**{**known, **given})
    command = core.SetRates(holder, target, list(wanted), apply_now, reason)
    outcome = send(venue, command, user_id=user.pk.hex, command_id=command_id)
    if not outcome.decided:
        return pending(outcome)
    selectors.wait_for_projector(venue, outcome.last_seq)
    return Answer({"holder": holder, "target": target, **_set_now(venue, holder, target)}, outcome.last_seq)


def _set_now(venue: str, holder: str, target: str) -> dict[str, Any]:
    row = row_of(venue, holder, target)
    return rates_data(row, RATES) if row is not None else dict.fromkeys(RATES)


def rates_data(row: Any, names: Any) -> dict[str, Any]:
    """Rates of a row by REST name; null where it inherits."""
    found = {}
    for name in names:
        column, scale = RATES[name]
        value = getattr(row, column)
        found[name] = None if value is None else float(value) / scale if scale else float(value)
    return found


def table(venue: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every row that sets one of these rates: products, instruments, then groups and accounts."""
    number = selectors.venue_number(venue)
    rows: list[tuple[str, str, Any]] = [
        *(("", str(row), row) for row in Product.objects.filter(venue_id=number)),
        *(("", row.symbol, row) for row in Instrument.objects.filter(venue_id=number)),
        *((row.holder, row.target, row) for row in RateRow.objects.filter(venue_id=number).order_by("id")),
    ]
    shown = [(holder, target, rates_data(row, names)) for holder, target, row in rows]
    return [
        {"holder": holder, "target": target, **rates}
        for holder, target, rates in shown
        if any(value is not None for value in rates.values())
    ]
