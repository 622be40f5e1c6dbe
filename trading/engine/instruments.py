"""Commands about products and instruments (T-10 … T-14)."""

from typing import Any

from trading.engine import codes
from trading.engine.auction import cut_breaker, start_uncross
from trading.engine.entities import Instrument, Product
from trading.engine.messages import (
    CreateInstrument,
    DelistInstrument,
    EndReason,
    InstrumentRow,
    InstrumentStatus,
    Phase,
    ProductRow,
    ResumeInstrument,
    SelfTradeMode,
    SetProduct,
    SuspendInstrument,
    UpdateInstrument,
)
from trading.engine.orders import queue_end
from trading.engine.rates import forget_cached, rates_fault, refuse
from trading.engine.sessions import is_day
from trading.engine.state import Context, State
from trading.engine.units import MAX_LOTS, MAX_PRICE, PPM

EXCHANGES = frozenset({"SHFE", "INE", "DCE", "CZCE", "GFEX", "CFFEX"})
CLASSES = frozenset({"FUTURE", "OPTION", "STOCK"})
_CREATED, _TRADING = int(InstrumentStatus.CREATED), int(InstrumentStatus.TRADING)
_SUSPENDED, _DELISTED = int(InstrumentStatus.SUSPENDED), int(InstrumentStatus.DELISTED)
_SHOWN_HOLDERS = 20

_RANGES: dict[str, tuple[int, int]] = {
    "volume_multiple": (1, 10**6),
    "price_tick": (1, MAX_PRICE),
    "limit_up_ppm": (1, 10 * PPM),
    "limit_down_ppm": (1, PPM),
    "min_limit_volume": (0, MAX_LOTS),
    "max_limit_volume": (0, MAX_LOTS),
    "min_market_volume": (0, MAX_LOTS),
    "max_market_volume": (0, MAX_LOTS),
    "position_limit": (0, MAX_LOTS),
    "listing_price": (0, MAX_PRICE),
    "self_trade_mode": (0, int(SelfTradeMode.CANCEL_BOTH)),
    "breaker_move_ppm": (0, PPM),
    "breaker_window_ns": (0, 86_400 * 10**9),
    "breaker_auction_ns": (0, 86_400 * 10**9),
}
_TEXTS = ("name_zh", "name_en")
_DAYS = ("list_date", "expire_date")
_FIXED_WITH_POSITIONS = ("volume_multiple", "price_tick")


def set_product(context: Context, command: SetProduct) -> int:
    """Create a product or change its names, rates and margin mode."""
    state = context.state
    row = ProductRow(*command.row)
    field = "" if row.exchange_id in EXCHANGES else "exchange_id"
    field = field or ("" if row.product_id else "product_id") or rates_fault(row.rates, True)
    if field:
        return refuse(context, command, codes.INVALID_FIELD, {"field": field})
    product = Product(row)
    known = state.products.get(product.key)
    if known is None:
        state.products[product.key] = product
    else:
        known.name_zh, known.name_en = product.name_zh, product.name_en
        known.rates = product.rates
        if known.larger_side_margin != product.larger_side_margin:
            known.larger_side_margin = product.larger_side_margin
    forget_cached(state)
    context.emit("ProductChanged", state.products[product.key].row())
    return codes.OK


def create_instrument(context: Context, command: CreateInstrument) -> int:
    """List a contract; it trades from its list date on, once it has a listing price (T-12a)."""
    state = context.state
    row = InstrumentRow(*command.row)
    symbol = f"{row.exchange_id}.{row.instrument_id}"
    if symbol in state.instruments:
        return refuse(context, command, codes.ACCOUNT_EXISTS, {"symbol": symbol})
    field = _row_fault(state, row)
    if field:
        return refuse(context, command, codes.INVALID_FIELD, {"field": field})
    product = state.products[f"{row.exchange_id}.{row.product_id}"]
    instrument = Instrument(row, product)
    instrument.status = _CREATED
    _begin_at_listing_price(instrument)
    state.instruments[symbol] = instrument
    if starts_trading(instrument, state.trading_day):
        begin_trading(state, instrument)
    context.emit("InstrumentChanged", instrument.row(), "created")
    return codes.OK


def _begin_at_listing_price(instrument: Instrument) -> None:
    instrument.pre_settlement = instrument.pre_close = instrument.listing_price
    instrument.mark = instrument.listing_price
    instrument.pre_open_interest = 0
    instrument.upper_limit = instrument.lower_limit = 0
    if instrument.listing_price:
        instrument.set_limits()


def starts_trading(instrument: Instrument, day: int) -> bool:
    """Is a CREATED instrument due to trade on this trading day (T-13)?"""
    due = instrument.list_date <= day
    return instrument.status == _CREATED and bool(instrument.listing_price) and due


def begin_trading(state: State, instrument: Instrument) -> None:
    """CREATED → TRADING, in the phase of its template."""
    instrument.status = _TRADING
    phase = state.phases.get(instrument.session_template, int(Phase.CLOSED))
    instrument.phase = phase
    state.dirty_quotes[instrument.symbol] = None


def _row_fault(state: State, row: InstrumentRow) -> str:
    """Name of the first bad field of a new instrument."""
    if row.exchange_id not in EXCHANGES:
        return "exchange_id"
    if not row.instrument_id or "." in row.instrument_id:
        return "instrument_id"
    if f"{row.exchange_id}.{row.product_id}" not in state.products:
        return "product_id"
    if row.instrument_class not in CLASSES:
        return "instrument_class"
    for name in (*_RANGES, *_TEXTS, *_DAYS, "session_template", "rates"):
        if not _is_sound(state, name, getattr(row, name)):
            return name
    if row.listing_price % row.price_tick:
        return "listing_price"
    if row.expire_date and row.expire_date < max(state.trading_day, row.list_date):
        return "expire_date"
    return ""


def _is_sound(state: State, name: str, value: Any) -> bool:
    """Is a value possible for an instrument's field?"""
    if name in _RANGES:
        low, high = _RANGES[name]
        return isinstance(value, int) and low <= value <= high
    if name in _DAYS:
        return isinstance(value, int) and (value == 0 or is_day(value))
    if name in _TEXTS:
        return isinstance(value, str)
    if name == "session_template":
        return value in state.templates
    return value is None or (isinstance(value, list) and not rates_fault(value))


def update_instrument(context: Context, command: UpdateInstrument) -> int:
    """Change terms of an instrument; multiple and tick only while nobody holds it (T-14)."""
    state = context.state
    instrument = state.instruments.get(command.symbol)
    if instrument is None:
        return refuse(context, command, codes.INSTRUMENT_NOT_FOUND, {})
    field = _changes_fault(state, instrument, command.changes)
    if field:
        return refuse(context, command, codes.INVALID_FIELD, {"field": field})
    for name, value in command.changes.items():
        setattr(instrument, name, value)
    if "listing_price" in command.changes and instrument.status == _CREATED:
        _begin_at_listing_price(instrument)
        if starts_trading(instrument, state.trading_day):
            begin_trading(state, instrument)
    elif instrument.pre_settlement:
        instrument.set_limits()
    state.price_epoch += 1
    if "session_template" in command.changes:
        instrument.phase = state.phases.get(instrument.session_template, int(Phase.CLOSED))
    state.dirty_quotes[instrument.symbol] = None
    context.emit("InstrumentChanged", instrument.row(), command.reason)
    return codes.OK


def _changes_fault(state: State, instrument: Instrument, changes: dict[str, Any]) -> str:
    if instrument.status in (_DELISTED, InstrumentStatus.EXPIRED):
        return "status"
    used = bool(instrument.holders) or any(side.keys for side in instrument.book.sides)
    for name, value in changes.items():
        known = name in _RANGES or name in _TEXTS or name in _DAYS or name == "session_template"
        if not known or not _is_sound(state, name, value):
            return name
        if used and name in _FIXED_WITH_POSITIONS:
            return name
        if name == "session_template" and any(side.keys for side in instrument.book.sides):
            return name
    tick = changes.get("price_tick", instrument.price_tick)
    if changes.get("listing_price", instrument.listing_price) % tick:
        return "listing_price"
    return ""


def suspend_instrument(context: Context, command: SuspendInstrument) -> int:
    """Stop trading; resting orders stay and may be cancelled (T-21)."""
    instrument = context.state.instruments.get(command.symbol)
    if instrument is None or instrument.status != _TRADING:
        return _refuse_status(context, command, instrument)
    instrument.status = _SUSPENDED
    context.state.dirty_quotes[instrument.symbol] = None
    context.emit("InstrumentChanged", instrument.row(), command.reason)
    return codes.OK


def resume_instrument(context: Context, command: ResumeInstrument) -> int:
    """Trade again; a book that an auction left crossed is uncrossed first."""
    instrument = context.state.instruments.get(command.symbol)
    if instrument is None or instrument.status != _SUSPENDED:
        return _refuse_status(context, command, instrument)
    instrument.status = _TRADING
    context.state.dirty_quotes[instrument.symbol] = None
    context.emit("InstrumentChanged", instrument.row(), command.reason)
    if instrument.phase == Phase.CONTINUOUS:
        start_uncross(context, instrument)
    return codes.OK


def delist_instrument(context: Context, command: DelistInstrument) -> int:
    """End an instrument for good, refused while anybody holds it (T-13)."""
    state = context.state
    instrument = state.instruments.get(command.symbol)
    if instrument is None or instrument.status in (_DELISTED, InstrumentStatus.EXPIRED):
        return _refuse_status(context, command, instrument)
    if instrument.holders:
        holders = sorted(instrument.holders)
        params = {
            "field": "symbol", "symbol": instrument.symbol, "holders": len(holders),
            "accounts": ", ".join(holders[:_SHOWN_HOLDERS]),
        }  # fmt: skip
        return refuse(context, command, codes.INVALID_FIELD, params)
    instrument.status = _DELISTED
    cut_breaker(state, instrument)
    state.dirty_quotes[instrument.symbol] = None
    context.emit("InstrumentChanged", instrument.row(), command.reason)
    uids = [order.uid for order in state.orders.values() if order.instrument is instrument]
    queue_end(state, uids, EndReason.BY_OPERATOR, instrument.symbol)
    return codes.OK


_StatusCommand = SuspendInstrument | ResumeInstrument | DelistInstrument


def _refuse_status(context: Context, command: _StatusCommand, instrument: Instrument | None) -> int:
    if instrument is None:
        return refuse(context, command, codes.INSTRUMENT_NOT_FOUND, {})
    status = InstrumentStatus(instrument.status).name
    return refuse(context, command, codes.INVALID_FIELD, {"field": "status", "status": status})
