"""Which margin and fee rates hold for an account in an instrument (T-56)."""

from typing import Any

from trading.engine import codes
from trading.engine.entities import Account, FullRates, Instrument
from trading.engine.messages import Rates, SetRates
from trading.engine.state import Context, State, WorkItem
from trading.engine.units import MAX_MONEY, PPB, PPM

_FIELDS = len(Rates._fields)


def rates_for(state: State, account: Account, instrument: Instrument) -> FullRates:
    """Resolve the rates, most specific holder and target first; cached until they change."""
    if not state.holders_with_rates:
        return instrument.full_rates or _resolve_general(state, instrument)
    cached = account.rates.get(instrument.symbol)
    if cached is not None:
        return cached
    holders = [f"account:{account.account_id}"]
    if account.group:
        holders.append(f"group:{account.group}")
    if not any(holder in state.holders_with_rates for holder in holders):
        return instrument.full_rates or _resolve_general(state, instrument)
    layers = [
        state.rates[(holder, target)]
        for holder in holders
        for target in (instrument.symbol, instrument.product_key)
        if (holder, target) in state.rates
    ]
    found = account.rates[instrument.symbol] = _merge([*layers, *_general(state, instrument)])
    return found


def _general(state: State, instrument: Instrument) -> list[list[int | None]]:
    layers = [] if instrument.rates is None else [instrument.rates]
    layers.append(instrument.product.rates)
    return layers


def _resolve_general(state: State, instrument: Instrument) -> FullRates:
    instrument.full_rates = found = _merge(_general(state, instrument))
    return found


def _merge(layers: list[list[int | None]]) -> FullRates:
    """First value that is not None in each field; the product's layer is complete."""
    values = []
    for field in range(_FIELDS):
        value = next(layer[field] for layer in layers if layer[field] is not None)
        assert value is not None
        values.append(value)
    return FullRates(values)


def forget_cached(state: State) -> None:
    """Drop every resolved rate; they are found again when needed."""
    for instrument in state.instruments.values():
        instrument.full_rates = None
    for account in state.accounts.values():
        if account.rates:
            account.rates = {}


def rates_fault(rates: list[int | None], complete: bool = False) -> str:
    """Name of the first bad field, "" when the rates are sound (T-14)."""
    if len(rates) != _FIELDS:
        return "rates"
    for name, value in zip(Rates._fields, rates, strict=True):
        if value is None:
            if complete:
                return name
        elif name.startswith("margin"):
            if not 0 < value <= PPM:
                return name
        elif not 0 <= value <= (PPB if name.endswith("ppb") else MAX_MONEY):
            return name
    return ""


def set_rates(context: Context, command: SetRates) -> int:
    """Set, change or remove (a row of None) the rates of a holder for a target."""
    state = context.state
    code, field = _rates_refusal(state, command)
    if code:
        return refuse(context, command, code, {"field": field})
    if command.holder:
        _store_rates(state, command)
    elif command.target in state.instruments:
        instrument = state.instruments[command.target]
        removed = all(value is None for value in command.rates)
        instrument.rates = None if removed else list(command.rates)
    else:
        state.products[command.target].rates = list(command.rates)
    forget_cached(state)
    context.emit(
        "RatesChanged",
        command.holder,
        command.target,
        list(command.rates),
        command.reason,
    )
    if command.apply_now:
        queue_margin_work(state, command.target)
    return codes.OK


def _rates_refusal(state: State, command: SetRates) -> tuple[int, str]:
    is_product = command.target in state.products
    if not is_product and command.target not in state.instruments:
        return codes.INSTRUMENT_NOT_FOUND, "target"
    if command.holder.startswith("account:"):
        if command.holder[8:] not in state.accounts:
            return codes.ACCOUNT_NOT_FOUND, "holder"
    elif command.holder and not (command.holder.startswith("group:") and command.holder[6:]):
        return codes.INVALID_FIELD, "holder"
    fault = rates_fault(command.rates, complete=is_product and not command.holder)
    return (codes.INVALID_FIELD, fault) if fault else (codes.OK, "")


def _store_rates(state: State, command: SetRates) -> None:
    key = (command.holder, command.target)
    known = key in state.rates
    if all(value is None for value in command.rates):
        if known:
            del state.rates[key]
            state.holders_with_rates[command.holder] -= 1
            if not state.holders_with_rates[command.holder]:
                del state.holders_with_rates[command.holder]
        return
    state.rates[key] = list(command.rates)
    if not known:
        count = state.holders_with_rates.get(command.holder, 0)
        state.holders_with_rates[command.holder] = count + 1


def queue_margin_work(state: State, target: str) -> None:
    """Give held positions the present margin rates through a work list (T-56)."""
    for instrument in state.instruments.values():
        if instrument.holders and target in (instrument.symbol, instrument.product_key):
            instrument.busy += 1
            state.work.append(WorkItem("margin", instrument.symbol, list(instrument.holders)))


def refuse(context: Context, command: object, code: int, params: dict[str, Any]) -> int:
    """Answer a command that is no order with its code; nothing changes (A-23)."""
    account_id = getattr(command, "account_id", "")
    context.emit(
        "CommandRejected",
        type(command).__name__,
        code,
        params,
        context.user_id,
        account_id,
    )
    return code
