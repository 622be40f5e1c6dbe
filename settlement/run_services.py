"""Settlement runs: prices, their check, execution, and what came of them (T-90 … T-95)."""

import csv
import io
import time
import uuid
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.selectors import setting_or
from exchange_site.exceptions import ExchangeError, message
from settlement.models import SettlementPrice, SettlementRun
from settlement.run_selectors import held_without_price, missing_prices
from settlement.selectors import day_is_over, reported_trading_day
from settlement.services import begin_settlement, propose_prices
from trading import selectors as trading
from trading.codec import to_decimal, to_units
from trading.engine import codes
from trading.models import Instrument, SettlementDay
from trading.representations import units_of

OPEN_STATES = (SettlementRun.DRAFT, SettlementRun.PRICED, SettlementRun.FAILED)
CSV_COLUMNS = ("instrument_id", "settlement_price")
MAX_LINES = 20_000
_NAMES = uuid.UUID("6f0c2f2e-6d0b-4f0e-9f0d-5e7c1c1b2a10")


def current_run(*, venue: str) -> SettlementRun:
    """The run of the venue's present trading day, made when it is looked for first."""
    day = reported_trading_day(venue) or trading.trading_day(venue)
    if not day:
        raise ExchangeError(codes.WORKER_NOT_RUNNING)
    run, _made = SettlementRun.objects.get_or_create(
        venue=venue, trading_day=day, defaults={"run_id": f"RUN{uuid.uuid4().hex}"}
    )
    return follow(run)


def follow(run: SettlementRun) -> SettlementRun:
    """Bring a run to what the events say of its day (T-92)."""
    day = SettlementDay.objects.filter(
        venue_id=trading.venue_number(run.venue), trading_day=run.trading_day
    ).first()
    if day is None or run.state == SettlementRun.DONE:
        return run
    if day.state == SettlementRun.PRICED and day.run_id != run.attempt_id:
        return run
    if day.state != run.state or day.code != run.code:
        run.state, run.code, run.params = day.state, day.code, day.params
        run.save(update_fields=["state", "code", "params"])
    return run


def _open_run(run: SettlementRun) -> SettlementRun:
    """The run when it still takes prices; 6004 otherwise."""
    if run.state not in OPEN_STATES:
        raise ExchangeError(codes.SETTLEMENT_UNDER_WAY, {"trading_day": run.trading_day})
    return run


@transaction.atomic
def compute_prices(*, run: SettlementRun) -> int:
    """Compute the day's prices anew by T-90; an operator's stay. How many there are."""
    _open_run(run)
    rows = [
        SettlementPrice(run=run, symbol=symbol, computed=to_decimal(price))
        for symbol, price in propose_prices(venue=run.venue).items()
    ]
    SettlementPrice.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["run", "symbol"], update_fields=["computed"]
    )
    _restate(run)
    return len(rows)


def _restate(run: SettlementRun) -> None:
    """PRICED when every held instrument has a price, else DRAFT; who was asked is asked again."""
    run.state = SettlementRun.DRAFT if missing_prices(run) else SettlementRun.PRICED
    run.save(update_fields=["state"])


def price_warning(row: Instrument, price: int) -> ExchangeError | None:
    """Why a price wants a second look: off the tick (1011) or outside the limits (1010)."""
    tick, upper, lower = (units_of(value) for value in (row.price_tick, row.upper_limit, row.lower_limit))
    if price % tick:
        return ExchangeError(codes.PRICE_OFF_TICK, {"tick": row.price_tick}, {"confirm": True})
    if upper and not lower <= price <= upper:
        params = {"lower": row.lower_limit, "upper": row.upper_limit}
        return ExchangeError(codes.PRICE_OUTSIDE_LIMITS, params, {"confirm": True})
    return None


def set_prices(
    *, run: SettlementRun, entries: list[tuple[str, int]], user_id: str, confirmed: bool = False
) -> list[dict[str, Any]]:
    """Set operators' prices, all or none; the faults by entry number, [] when all were set.

    A price that wants a second look is a fault unless `confirmed`.
    """
    _open_run(run)
    found, faults = _checked(run, entries, confirmed)
    if not faults:
        _write_prices(run, found, user_id)
    return faults


def price_faults(*, run: SettlementRun, entries: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """What `set_prices` would say of unconfirmed entries; sets nothing."""
    return _checked(run, entries, confirmed=False)[1]


def _checked(
    run: SettlementRun, entries: list[tuple[str, int]], confirmed: bool
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """(prices by symbol, faults by entry number)."""
    rows = {row.symbol: row for row in Instrument.objects.filter(venue_id=trading.venue_number(run.venue))}
    faults: list[dict[str, Any]] = []
    found: dict[str, int] = {}
    for number, (name, price) in enumerate(entries):
        fault = _set_fault(run.venue, rows, found, name, price, confirmed)
        if fault is not None:
            faults.append(fault_data(number, name, fault))
    return found, faults


def _set_fault(
    venue: str, rows: dict[str, Instrument], found: dict[str, int], name: str, price: int, confirmed: bool
) -> ExchangeError | None:
    """Take a price into `found`, or say what is wrong with it."""
    try:
        symbol = trading.symbol_of(venue, name)
    except ExchangeError as error:
        return error
    if symbol not in rows:
        return ExchangeError(codes.INSTRUMENT_NOT_FOUND, {}, {"instrument_id": name})
    if symbol in found or price <= 0:
        return ExchangeError(
            codes.INVALID_FIELD, {"field": "settlement_price" if price <= 0 else "instrument_id"}
        )
    warning = None if confirmed else price_warning(rows[symbol], price)
    if warning is None:
        found[symbol] = price
    return warning


def fault_data(number: int, name: str, fault: ExchangeError) -> dict[str, Any]:
    """A fault of one entry or line as the API shows it."""
    text = message(fault.code, fault.params)
    return {"index": number, "instrument_id": name, "code": fault.code, "message": text, **fault.extra}


@transaction.atomic
def _write_prices(run: SettlementRun, prices: dict[str, int], user_id: str) -> None:
    SettlementPrice.objects.bulk_create(
        [
            SettlementPrice(run=run, symbol=symbol, chosen=to_decimal(price), chosen_by=user_id)
            for symbol, price in prices.items()
        ],
        update_conflicts=True, unique_fields=["run", "symbol"], update_fields=["chosen", "chosen_by"],
    )  # fmt: skip
    # Whoever asked for the settlement saw other prices.
    SettlementRun.objects.filter(pk=run.pk).update(asked_by="", asked_at=None)
    run.asked_by, run.asked_at = "", None
    _restate(run)


class PriceFile(NamedTuple):
    """A CSV of settlement prices: its entries, the line of each, and what is wrong by line."""

    entries: list[tuple[str, int]]
    lines: list[int]
    faults: list[dict[str, Any]]


def read_csv(text: str) -> PriceFile:
    """Read a CSV of settlement prices; `index` of a fault is its line number."""
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    found = PriceFile([], [], [])
    if not rows or tuple(cell.strip() for cell in rows[0]) != CSV_COLUMNS or len(rows) > MAX_LINES:
        field = {"field": "file", "columns": ",".join(CSV_COLUMNS)}
        found.faults.append(fault_data(1, "", ExchangeError(codes.INVALID_FIELD, field)))
        return found
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        name = row[0].strip()
        try:
            if len(row) != len(CSV_COLUMNS):
                raise ValueError("two columns are needed")
            found.entries.append((name, to_units(row[1].strip(), "settlement_price")))
            found.lines.append(number)
        except ValueError as error:
            params = {"field": "settlement_price", "reason": str(error)}
            found.faults.append(fault_data(number, name, ExchangeError(codes.INVALID_FIELD, params)))
    return found


def file_faults(*, run: SettlementRun, text: str, confirmed: bool = False) -> list[dict[str, Any]]:
    """Every bad line of a CSV of prices, in the order of the lines; sets nothing."""
    file = read_csv(text)
    found = _checked(run, file.entries, confirmed)[1]
    faults = file.faults + [{**fault, "index": file.lines[fault["index"]]} for fault in found]
    return sorted(faults, key=lambda fault: int(fault["index"]))


def import_prices(
    *, run: SettlementRun, text: str, user_id: str, confirmed: bool = False
) -> list[dict[str, Any]]:
    """Set prices from CSV: every bad line named and then nothing set, [] when all were."""
    _open_run(run)
    faults = file_faults(run=run, text=text, confirmed=confirmed)
    if not faults:
        set_prices(run=run, entries=read_csv(text).entries, user_id=user_id, confirmed=confirmed)
    return faults


# ------------------------------------------------------------------------- running


def needs_two(venue: str) -> bool:
    """Does the venue ask for a second person (O-4, T-95)?"""
    return bool(setting_or(venue, "two_person_settlement", 0))


def execute(*, run: SettlementRun, user_id: str = "") -> SettlementRun:
    """Settle: append the run to the log, or with two persons ask the second one first.

    6001 when a held instrument has no price, 6004 when the day is settled or being settled,
    2006 when a second person has to confirm; "" is the schedule.
    """
    _open_run(follow(run))
    held_without_price(run)
    if needs_two(run.venue) and (not run.asked_at or run.asked_by == user_id or not user_id):
        first = not run.asked_at
        if first:
            run.asked_by, run.asked_at = user_id, timezone.now()
            run.save(update_fields=["asked_by", "asked_at"])
        raise ExchangeError(codes.WAITS_FOR_APPROVAL, {}, {"asked_by": run.asked_by, "asked_now": first})
    return _start(run, user_id)


def _start(run: SettlementRun, user_id: str) -> SettlementRun:
    """Claim the run, then append it; a crash in between is made good by `resume`."""
    claimed = SettlementRun.objects.filter(pk=run.pk, state__in=OPEN_STATES).update(
        state=SettlementRun.RUNNING, attempt=F("attempt") + 1, code=0, params={},
        started_by=user_id, started_at=timezone.now(),
    )  # fmt: skip
    run.refresh_from_db()
    if not claimed:
        raise ExchangeError(codes.SETTLEMENT_UNDER_WAY, {"trading_day": run.trading_day})
    return _append(run)


def _append(run: SettlementRun) -> SettlementRun:
    """Send the attempt; sent twice it is one, by its command id."""
    prices = {row.symbol: units_of(row.price) for row in run.prices.all() if row.price is not None}
    try:
        begin_settlement(
            venue=run.venue, prices=prices, trading_day=run.trading_day, user_id=run.started_by,
            run_id=run.attempt_id, command_id=uuid.uuid5(_NAMES, run.attempt_id).hex,
        )  # fmt: skip
    except ExchangeError as error:
        if error.code == codes.SERVICE_UNAVAILABLE:
            return run  # no verdict yet: it may be in the log, `resume` looks again
        if error.code == codes.SETTLEMENT_UNDER_WAY:
            return follow(run)
        _give_back(run, error)
        raise
    return follow(run)


def _give_back(run: SettlementRun, error: ExchangeError) -> None:
    """The log or the core refused the attempt: nothing has changed (T-92)."""
    missing = error.code == codes.SETTLEMENT_PRICE_MISSING
    run.state = SettlementRun.DRAFT if missing else SettlementRun.FAILED
    run.code, run.params = error.code, error.params or {}
    run.save(update_fields=["state", "code", "params"])


def resume(*, venue: str) -> int:
    """Carry on runs that a crash left RUNNING without a trace in the log; how many were sent."""
    sent = 0
    for run in SettlementRun.objects.filter(venue=venue, state=SettlementRun.RUNNING):
        followed = follow(run)
        known = SettlementDay.objects.filter(
            venue_id=trading.venue_number(venue), trading_day=run.trading_day, run_id=run.attempt_id
        )
        if followed.state == SettlementRun.RUNNING and not known.exists():
            _append(run)
            sent += 1
    return sent


def settle_when_due(*, venue: str, trading_day: int, now_ns: int | None = None) -> bool:
    """Begin the settlement of a trading day whose time has come; False when it has not.

    Bringing the venue to its due state, this may run at any time and any number of times.
    A run that was refused or found a fault waits for an operator, one of two persons for the
    second (2006).
    """
    resume(venue=venue)
    if not day_is_over(trading_day, time.time_ns() if now_ns is None else now_ns):
        return False
    run = current_run(venue=venue)
    if run.trading_day != trading_day or run.state not in OPEN_STATES:
        return False
    if run.code:
        raise ExchangeError(run.code, run.params)
    compute_prices(run=run)
    execute(run=run)
    return True
