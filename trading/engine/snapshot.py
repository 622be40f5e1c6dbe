"""The state as plain nested lists and back (A-44); what can be derived is left out."""

from collections import deque
from typing import Any

from trading.engine.conditiondump import dump_conditions, load_conditions
from trading.engine.entities import Account, Instrument, Order, Position, Product, Side
from trading.engine.messages import (
    AccountRow,
    InstrumentRow,
    Offset,
    PlaceOrder,
    ProductRow,
    TimeCondition,
)
from trading.engine.sessions import build_boundaries
from trading.engine.settings import FIRST_SETTINGS, SETTINGS
from trading.engine.state import CODE_BITS, CODE_MASK, State, WorkItem

FORMAT = 1

_HEAD = (
    "venue", "number", "mode", "settlement_minute", "engine_version", "trading_day",
    "previous_day", "settled_day", "halted", "next_flow",
)  # fmt: skip
_POSITIONAL = ("last_stream_id", "event_seq", "time_ns", "next_boundary")
_INSTRUMENT = (
    "phase", "busy", "last_price", "mark", "open_price", "high_price", "low_price",
    "day_volume", "day_turnover", "open_interest", "next_number", "close_price",
    "breaker_price", "breaker_time_ns", "breaker_until_ns",
)  # fmt: skip
_FUNDS = (
    "pre_balance", "deposit", "withdraw", "close_profit", "commission", "premium", "margin",
    "frozen_margin", "frozen_commission", "frozen_premium", "busy",
)  # fmt: skip
_ORDER = (
    "left", "key", "uid", "order_id", "direction", "offset", "volume", "price_type",
    "limit_price", "time_condition", "volume_condition", "min_volume", "gtd_date", "hedge_flag",
    "client_tag", "trading_day", "insert_time_ns", "exchange_order_id", "status",
    "filled_value", "frozen_margin", "frozen_commission", "freeze_price", "margin_ppm",
    "fee_ratio_ppb", "fee_per_lot", "frozen_today", "frozen_his",
)  # fmt: skip
_SIDE = (
    "today", "his", "open_cost_today", "open_cost_his", "position_cost_today",
    "position_cost_his", "margin", "frozen_today", "frozen_his", "opening",
)  # fmt: skip
_WORD = 10**6
"""Weights exceed 63 bits and are kept as (multiple, rest) of this."""
_TERMS_FOLLOW = PlaceOrder("", "", "", 0, 0, 0)
_SHORT_LIVED = (int(TimeCondition.GFS), int(TimeCondition.GFA))


def _values(item: object, names: tuple[str, ...]) -> list[Any]:
    return [getattr(item, name) for name in names]


def _set_values(item: object, names: tuple[str, ...], values: list[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(item, name, value)


def dump_trading(state: State) -> list[Any]:
    """Instruments, phases, books, ledgers, rates: what `trading_hash` covers (A-23)."""
    return [
        FORMAT,
        _values(state, _HEAD),
        _dump_settings(state),
        list(state.trading_days),
        [[name, sections] for name, sections in state.templates.items()],
        [[name, phase] for name, phase in state.phases.items()],
        [list(entry) for entry in state.breakers],
        [product.row() for product in state.products.values()],
        [_dump_instrument(instrument) for instrument in state.instruments.values()],
        [[holder, target, list(rates)] for (holder, target), rates in state.rates.items()],
        [_dump_account(account) for account in state.accounts.values()],
        [_dump_order(order) for order in state.orders.values()],
        [[symbol, _dump_book(item)] for symbol, item in state.instruments.items()],
        *dump_conditions(state),
    ]


def _dump_settings(state: State) -> list[list[Any]]:
    return [
        [name, value] for name, value in state.settings.items()
        if name in FIRST_SETTINGS or value != SETTINGS[name].default
    ]  # fmt: skip


def dump_rest(state: State) -> list[Any]:
    """Cursor, sequence, time, dedupe memory, rate windows, work lists."""
    return [
        _values(state, _POSITIONAL),
        _dump_settlement(state),
        [[item.kind, item.target, list(item.data), item.position] for item in state.work],
        _dump_recent(state),
        [list(entry) for entry in state.references_order],
        [[account.next_slot_ns, _dump_ids(account)] for account in state.accounts.values()],
        *state.risk.dump(),
    ]


def dump(state: State) -> list[Any]:
    """The whole state as nested lists of int, str, bool and None."""
    return [dump_trading(state), dump_rest(state)]


def _dump_recent(state: State) -> list[list[Any]]:
    """[time, command id, first sequence, code] of the remembered commands, oldest first."""
    recent = state.recent_commands
    return [
        [time_ns, command_id, recent[command_id] >> CODE_BITS, recent[command_id] & CODE_MASK]
        for time_ns, command_id in zip(state.recent_times, state.recent_order, strict=True)
    ]


def _dump_ids(account: Account) -> list[list[int]]:
    """[digest, uid, code and content] per remembered order id: each fits 64 bits."""
    return [list(entry) for entry in account.client_ids.items()]


def _dump_settlement(state: State) -> list[Any] | None:
    if state.settlement is None:
        return None
    run_id, prices, *sums = state.settlement
    return [run_id, [[symbol, price] for symbol, price in prices.items()], *sums]


def _dump_instrument(instrument: Instrument) -> list[Any]:
    return [
        instrument.row(), _values(instrument, _INSTRUMENT), list(instrument.holders),
    ]  # fmt: skip


def _dump_account(account: Account) -> list[Any]:
    positions = [
        [symbol, position.margin, *(_dump_side(side) for side in position.sides)]
        for symbol, position in account.positions.items()
    ]
    return [account.row(), _values(account, _FUNDS), positions]


def _dump_side(side: Side) -> list[int]:
    weights = (*divmod(side.weight_today, _WORD), *divmod(side.weight_his, _WORD))
    return [*_values(side, _SIDE), *weights]


def _load_side(side: Side, values: list[int]) -> None:
    _set_values(side, _SIDE, values[:-4])
    side.weight_today = values[-4] * _WORD + values[-3]
    side.weight_his = values[-2] * _WORD + values[-1]


def _dump_order(order: Order) -> list[Any]:
    return [order.account.account_id, order.instrument.symbol, *_values(order, _ORDER)]


def _dump_book(instrument: Instrument) -> list[Any]:
    """Per side and level, worst level first: uids of the orders in time order."""
    return [
        [[order.uid for order in side.levels[key].live() if isinstance(order, Order)] for key in side.keys]
        for side in instrument.book.sides
    ]


def load(lists: list[Any]) -> State:
    """A state equal to the one that was dumped."""
    trading, rest = lists
    state = State()
    (
        _, head, settings, days, templates, phases, breakers, products, instruments, rates,
        accounts, orders, books, *conditions,
    ) = trading  # fmt: skip
    _set_values(state, _HEAD, head)
    state.begin_day(state.trading_day)
    state.settings.update(dict(settings))
    state.trading_days = list(days)
    state.templates = dict(templates)
    state.phases = dict(phases)
    state.breakers = [(end_ns, symbol) for end_ns, symbol in breakers]
    for row in products:
        product = Product(ProductRow(*row))
        state.products[product.key] = product
    holders = [_load_instrument(state, entry) for entry in instruments]
    _load_rates(state, rates)
    for entry in accounts:
        _load_account(state, entry)
    for instrument, account_ids in holders:
        for account_id in account_ids:
            position = state.accounts[account_id].positions[instrument.symbol]
            instrument.holders[account_id] = position
    for entry in orders:
        _load_order(state, entry)
    for symbol, sides in books:
        _load_book(state, state.instruments[symbol], sides)
    _load_rest(state, rest)
    load_conditions(state, conditions)
    state.find_reactive()
    return state


def _load_instrument(state: State, entry: list[Any]) -> tuple[Instrument, list[str]]:
    row, values, holders = entry
    terms = InstrumentRow(*row)
    instrument = Instrument(terms, state.products[f"{terms.exchange_id}.{terms.product_id}"])
    _set_values(instrument, _INSTRUMENT, values)
    state.instruments[instrument.symbol] = instrument
    return instrument, holders


def _load_rates(state: State, rates: list[Any]) -> None:
    for holder, target, row in rates:
        state.rates[(holder, target)] = list(row)
        state.holders_with_rates[holder] = state.holders_with_rates.get(holder, 0) + 1


def _load_account(state: State, entry: list[Any]) -> None:
    row, funds, positions = entry
    account = Account(AccountRow(*row))
    _set_values(account, _FUNDS, funds)
    state.accounts[account.account_id] = account
    for symbol, margin, *sides in positions:
        position = Position(account, state.instruments[symbol])
        for side, values in zip(position.sides, sides, strict=True):
            _load_side(side, values)
        position.refresh()
        position.margin = margin
        if margin:
            position.hold.amount += margin
        account.positions[symbol] = position


def _load_order(state: State, entry: list[Any]) -> None:
    account_id, symbol, *values = entry
    account, instrument = state.accounts[account_id], state.instruments[symbol]
    order = Order(account, instrument, _TERMS_FOLLOW, 0, 0)
    _set_values(order, _ORDER, values)
    order.position = account.positions[symbol]
    state.orders[order.uid] = order
    account.orders[order.order_id] = order
    if order.time_condition in _SHORT_LIVED:
        instrument.short_lived[order.uid] = order
    if order.offset == Offset.OPEN and order.frozen_margin:
        order.position.hold.amount += order.frozen_margin


def _load_book(state: State, instrument: Instrument, sides: list[Any]) -> None:
    for side, levels in zip(instrument.book.sides, sides, strict=True):
        for uids in levels:
            for uid in uids:
                order = state.orders[uid]
                side.add(order)
                side.own_add(order.account.user_id, order.key)


def _load_rest(state: State, rest: list[Any]) -> None:
    positional, settlement, work, commands, references, accounts, *risk = rest
    state.risk.load(risk)
    state.boundaries = build_boundaries(state)
    _set_values(state, _POSITIONAL, positional)
    state.find_due()
    state.derive_from_settings()
    if settlement is not None:
        run_id, prices, *sums = settlement
        state.settlement = [run_id, dict(prices), *sums]
    state.work = deque(WorkItem(*entry) for entry in work)
    for time_ns, command_id, first_seq, code in commands:
        times = state.recent_times
        times.append(times[-1] if times and times[-1] == time_ns else time_ns)
        state.recent_order.append(command_id)
        state.recent_commands[command_id] = first_seq << CODE_BITS | code
    for time_ns, reference in references:
        state.references_order.append((time_ns, reference))
        state.references[reference] = time_ns
    for account, (slot_ns, client_ids) in zip(state.accounts.values(), accounts, strict=True):
        account.next_slot_ns = slot_ns
        for digest, uid, verdict in client_ids:
            account.client_ids.add(digest, uid, verdict)
    for symbol in state.instruments:
        state.dirty_quotes[symbol] = None
