"""Commands about orders: place, cancel, modify, resolve (T-30 … T-36)."""

from typing import Any

from trading.engine import codes, risk
from trading.engine.clientids import UID_SHIFT
from trading.engine.entities import Account, Order
from trading.engine.execution import end_order
from trading.engine.ledger import freeze, freeze_lots, position_of, price_freeze, release
from trading.engine.matching import end_own_crossing, enter_book
from trading.engine.messages import (
    AccountStatus,
    CancelAll,
    CancelOrder,
    CheckOrder,
    EndReason,
    ModifyOrder,
    Offset,
    OrderStatus,
    Phase,
    PlaceOrder,
    ResolveOrder,
    TimeCondition,
)
from trading.engine.plain import content_digest, enter_plain, is_order_id, order_digest
from trading.engine.rates import refuse
from trading.engine.state import Context, State, WorkItem
from trading.engine.units import MAX_LOTS

Params = dict[str, Any]

_OPEN, _GFD = int(Offset.OPEN), int(TimeCondition.GFD)
_ACTIVE = int(AccountStatus.ACTIVE)
_SUBMITTED, _REJECTED = int(OrderStatus.SUBMITTED), int(OrderStatus.REJECTED)
_CONTINUOUS, _AUCTION_ORDER, _BREAK = (
    int(Phase.CONTINUOUS),
    int(Phase.AUCTION_ORDER),
    int(Phase.BREAK),
)
_CANCEL_PHASES = (_CONTINUOUS, _AUCTION_ORDER, _BREAK)
_BY_USER, _BY_OPERATOR = int(EndReason.BY_USER), int(EndReason.BY_OPERATOR)
_CODE_SHIFT, _CONTENT_MASK = 32, 0xFFFFFFFF


def owned_account(context: Context, account_id: str) -> Account | None:
    """The account when it exists and belongs to the acting user; the system owns all."""
    account = context.state.accounts.get(account_id)
    if account is None or (context.user_id and account.user_id != context.user_id):
        return None
    return account


def _remember(account: Account, digest: int, uid: int, code: int, content: int) -> None:
    if not account.is_robot:
        account.client_ids.add(digest, uid, code << _CODE_SHIFT | content)


def place_order(context: Context, command: PlaceOrder) -> int:
    """Check, accept, freeze and match an order, or refuse it with a code."""
    if enter_plain(context, command):
        return codes.OK
    state = context.state
    (
        account_id, order_id, symbol, direction, offset, volume, price_type, price,
        time_condition, volume_condition, _, _, _, _,
    ) = command[:]  # fmt: skip
    account = state.accounts.get(account_id)
    if account is None or (context.user_id and account.user_id != context.user_id):
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    # A limit order good for the day, by far the commonest, is spared most of the tour below.
    plain = not (price_type or volume_condition or direction & -2 or offset & -4)
    plain = plain and time_condition == _GFD
    fault = "" if plain else risk.unknown_kind(command)
    digest = content = 0
    if order_id:
        if not is_order_id(order_id):
            fault = "order_id"
        elif not fault:
            digest = order_digest(order_id)
            content = content_digest(command)
            known = account.client_ids.get(digest)
            if known is not None:
                return _repeated(context, command, known, content)
            if account.is_robot and order_id in account.orders:
                return refuse(context, command, codes.ORDER_ID_USED, {"order_id": order_id})
    if fault:
        return refuse(context, command, codes.ILLEGAL_ORDER_PARAMETER, {"field": fault})
    refusal = None
    if account.status != _ACTIVE or account.busy:
        refusal = risk.account_refusal(account, offset != _OPEN)
    if refusal is None:
        if (
            not risk.takes_slot(state, account)
            or account.client_ids.count >= state.client_id_limits[account.is_market_maker]
        ):
            return refuse(context, command, codes.TOO_MANY_REQUESTS, {})
        instrument = state.instruments.get(symbol)
        if not plain or instrument is None or not risk.takes_plain(instrument, volume, price):
            refusal = risk.entry_refusal(instrument, command, state.trading_day)
        if refusal is None and instrument is not None:
            order = Order(account, instrument, command, state.trading_day, state.time_ns)
            refusal = risk.prepare(state, order)
            if refusal is None:
                _accept(context, order, digest, content)
                return codes.OK
    assert refusal is not None
    return _reject(context, account, command, digest, content, refusal)


def check_order(context: Context, command: CheckOrder) -> int:
    """Answer what an order would be told and cost, without entering it (H-9)."""
    state = context.state
    account = owned_account(context, command.account_id)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    fault = risk.unknown_kind(command)
    if fault:
        return refuse(context, command, codes.ILLEGAL_ORDER_PARAMETER, {"field": fault})
    refusal = risk.account_refusal(account, command.offset != _OPEN)
    instrument = state.instruments.get(command.symbol)
    refusal = refusal or risk.entry_refusal(instrument, command, state.trading_day)
    figures = (0, 0, 0, 0)
    if refusal is None and instrument is not None:
        order = Order(account, instrument, command, state.trading_day, state.time_ns)
        refusal = risk.prepare(state, order)
        if refusal is None:
            figures = risk.order_check(order)
    code, params = refusal or (codes.OK, {})
    context.emit("OrderChecked", account.account_id, code, params, *figures)
    return code


def _accept(context: Context, order: Order, digest: int, content: int) -> None:
    """Number a prepared order, book its freeze, tell it, and let it meet the book."""
    state, account = context.state, order.account
    order.uid = uid = state.event_seq + 1
    if not order.order_id:
        order.order_id, digest = _core_name(account, uid)
    _number(state, order)
    order.status = _SUBMITTED
    state.orders[uid] = account.orders[order.order_id] = order
    if not account.is_robot:
        account.client_ids.add(digest, uid, content)
    row = _reserve(order)
    context.emit("OrderAccepted", order.row(), account.funds(), row)
    enter_book(context, order)


def _number(state: State, order: Order) -> None:
    """Next exchange order id of the instrument and day (T-34)."""
    instrument = order.instrument
    instrument.next_number = number = instrument.next_number + 1
    order.exchange_order_id = state.number_base + number


def _core_name(account: Account, uid: int) -> tuple[str, int]:
    """S{uid} and its digest, told apart from an id that the client already used (T-30)."""
    name = f"S{uid}"
    if account.is_robot:
        return name, 0
    digest = order_digest(name)
    while digest in account.client_ids:
        name += "."
        digest = order_digest(name)
    return name, digest


def _reserve(order: Order) -> list[Any] | None:
    """Book what a prepared order freezes; return the PositionRow when lots were frozen."""
    account = order.account
    position = order.position
    if position is None:
        order.position = position = position_of(account, order.instrument)
    account.frozen_commission += order.frozen_commission
    if order.offset == _OPEN:
        margin = order.frozen_margin
        account.frozen_margin += margin
        position.hold.amount += margin
        position.sides[order.direction].opening += order.left
        return None
    freeze_lots(order, order.frozen_today, order.frozen_his)
    return position.row()


def _repeated(context: Context, command: PlaceOrder, known: int, content: int) -> int:
    """The same id again: the first answer, or 1013 when it asks for something else (T-36)."""
    uid, code = known >> UID_SHIFT, known >> _CODE_SHIFT & 0xFFFF
    first_content = known & _CONTENT_MASK
    if code != codes.ORDER_NOT_SUBMITTED and first_content != content:
        return refuse(context, command, codes.ORDER_ID_USED, {"order_id": command.order_id})
    context.emit("CommandRepeated", "PlaceOrder", uid, code, command.account_id, command.order_id)
    return code


def _reject(
    context: Context,
    account: Account,
    command: PlaceOrder,
    digest: int,
    content: int,
    refusal: risk.Refusal,
) -> int:
    """Tell the refusal as an order that ended before the book (T-61)."""
    code, params = refusal
    state = context.state
    uid = state.event_seq + 1
    order_id = command.order_id
    if not order_id:
        order_id, digest = _core_name(account, uid)
    _remember(account, digest, uid, code, content)
    row = [
        uid, account.account_id, order_id, *command[2:], state.trading_day, state.time_ns, 0,
        _REJECTED, command.volume, 0, 0, 0,
    ]  # fmt: skip
    context.emit("OrderRejected", row, code, params)
    return code


def cancel_order(context: Context, command: CancelOrder) -> int:
    """End one working order of the caller, or of anybody for an operator (T-35, T-21)."""
    account_id, order_id, by_operator = command[:]
    account = _account_for(context, account_id, by_operator)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    if not by_operator and not risk.takes_slot(context.state, account):
        return _cancel_rejected(context, command, codes.TOO_MANY_REQUESTS, {})
    order = account.orders.get(order_id)
    if order is None:
        return _cancel_rejected(context, command, _missing_code(account, order_id), {})
    instrument = order.instrument
    if not by_operator and (instrument.phase not in _CANCEL_PHASES or instrument.busy):
        params = {"phase": Phase(instrument.phase).name}
        return _cancel_rejected(context, command, codes.INSTRUMENT_NOT_TRADING, params)
    end_order(context, order, _BY_OPERATOR if by_operator else _BY_USER)
    return codes.OK


def _account_for(context: Context, account_id: str, by_operator: bool) -> Account | None:
    if by_operator:
        return context.state.accounts.get(account_id)
    return owned_account(context, account_id)


def _missing_code(account: Account, order_id: str) -> int:
    """3002 for an order that ended, 3001 for one never seen today."""
    known = order_digest(order_id) in account.client_ids
    return codes.ORDER_NOT_CANCELLABLE if known else codes.ORDER_NOT_FOUND


def _cancel_rejected(context: Context, command: CancelOrder | ModifyOrder, code: int, params: Params) -> int:
    context.emit(
        "CancelRejected",
        type(command).__name__,
        command.account_id,
        command.order_id,
        code,
        params,
    )
    return code


def cancel_all(context: Context, command: CancelAll) -> int:
    """End every working order of an account, an instrument or, for an operator, the venue."""
    state = context.state
    if not command.account_id and not command.by_operator:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    if command.symbol and command.symbol not in state.instruments:
        return refuse(context, command, codes.INSTRUMENT_NOT_FOUND, {})
    account = None
    found: list[Order] = list(state.orders.values())
    if command.account_id:
        account = _account_for(context, command.account_id, command.by_operator)
        if account is None:
            return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
        found = list(account.orders.values())
    uids = [order.uid for order in found if _may_end(command, order)]
    context.emit("CommandDone", "CancelAll", len(uids))
    target = f"account:{command.account_id}" if account else command.symbol
    queue_end(
        state,
        uids,
        EndReason.BY_OPERATOR if command.by_operator else EndReason.BY_USER,
        target,
    )
    return codes.OK


def _may_end(command: CancelAll, order: Order) -> bool:
    instrument = order.instrument
    if command.symbol and instrument.symbol != command.symbol:
        return False
    return command.by_operator or (instrument.phase in _CANCEL_PHASES and not instrument.busy)


def queue_end(state: State, uids: list[int], reason: int, target: str) -> None:
    """Queue the end of many orders; what they concern is closed meanwhile (A-45)."""
    if not uids:
        return
    if target.startswith("account:"):
        state.accounts[target[8:]].busy += 1
    elif target:
        state.instruments[target].busy += 1
    state.work.append(WorkItem("end", target, [int(reason), *uids], 1))


def resolve_order(context: Context, command: ResolveOrder) -> int:
    """Say what became of an order, or close its id for good when it never came (D-30)."""
    state = context.state
    account = owned_account(context, command.account_id)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    order = account.orders.get(command.order_id)
    if order is not None:
        context.emit("OrderResolved", order.change())
        return codes.OK
    if not is_order_id(command.order_id):
        return refuse(context, command, codes.ILLEGAL_ORDER_PARAMETER, {"field": "order_id"})
    digest = order_digest(command.order_id)
    known = account.client_ids.get(digest)
    if known is not None:
        uid, code = known >> UID_SHIFT, known >> _CODE_SHIFT & 0xFFFF
        context.emit(
            "CommandRepeated",
            "PlaceOrder",
            uid,
            code,
            command.account_id,
            command.order_id,
        )
        return code
    uid = state.event_seq + 1
    _remember(account, digest, uid, codes.ORDER_NOT_SUBMITTED, 0)
    row = [
        uid, account.account_id, command.order_id, "", 0, 0, 0, 0, 0, 0, 0, 0, 0, "", "",
        state.trading_day, state.time_ns, 0, _REJECTED, 0, 0, 0, 0,
    ]  # fmt: skip
    context.emit("OrderRejected", row, codes.ORDER_NOT_SUBMITTED, {})
    return codes.ORDER_NOT_SUBMITTED


def modify_order(context: Context, command: ModifyOrder) -> int:
    """Change price or total volume of a working order; its ids stay (T-35)."""
    state = context.state
    account = owned_account(context, command.account_id)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    if not risk.takes_slot(state, account):
        return _cancel_rejected(context, command, codes.TOO_MANY_REQUESTS, {})
    order = account.orders.get(command.order_id)
    if order is None:
        return _cancel_rejected(context, command, _missing_code(account, command.order_id), {})
    price = order.limit_price if command.limit_price is None else command.limit_price
    volume = order.volume if command.volume is None else command.volume
    refusal = (
        risk.account_refusal(account, order.offset != _OPEN)
        or risk.instrument_refusal(order.instrument)
        or _change_refusal(order, price, volume)
    )
    if refusal:
        return _cancel_rejected(context, command, *refusal)
    left = volume - (order.volume - order.left)
    if price == order.limit_price and left <= order.left:
        _shrink(context, order, volume, left)
        return codes.OK
    return _replace(context, command, order, price, volume)


def _change_refusal(order: Order, price: int, volume: int) -> risk.Refusal | None:
    if volume <= order.volume - order.left:
        return codes.ORDER_NOT_CHANGEABLE, {
            "filled": order.volume - order.left,
            "volume": volume,
        }
    highest = order.instrument.max_limit_volume or MAX_LOTS
    if volume > min(highest, MAX_LOTS):
        return codes.ILLEGAL_ORDER_PARAMETER, {"field": "volume", "maximum": highest}
    if price != order.limit_price:
        return risk.price_refusal(order.instrument, price)
    return None


def _shrink(context: Context, order: Order, volume: int, left: int) -> None:
    """Fewer lots at the same price keep their place in the queue."""
    cut = order.left - left
    position = order.position
    assert position is not None
    order.instrument.book.sides[order.direction].shrink(order, left)
    order.volume = volume
    freeze(order)
    row = None
    if order.offset == _OPEN:
        position.sides[order.direction].opening -= cut
    else:
        _release_lots(order, cut)
        row = position.row()
    if cut:
        context.state.dirty_quotes[order.instrument.symbol] = None
    context.emit("OrderModified", order.row(), order.account.funds(), row)


def _release_lots(order: Order, cut: int) -> None:
    """Unfreeze lots, history ones first, so that the close-today part stays whole."""
    assert order.position is not None
    side = order.position.sides[1 - order.direction]
    his = min(cut, order.frozen_his)
    order.frozen_his -= his
    side.frozen_his -= his
    order.frozen_today -= cut - his
    side.frozen_today -= cut - his


def _replace(context: Context, command: ModifyOrder, order: Order, price: int, volume: int) -> int:
    """Try the order with its new terms; book it anew, or leave everything as it was."""
    state, instrument = context.state, order.instrument
    before = _terms(order)
    lots = (order.frozen_today, order.frozen_his)
    release(order)
    left_before = order.left
    left = volume - (order.volume - left_before)
    order.limit_price, order.volume, order.left = price, volume, left
    refusal = risk.prepare(state, order)
    order.left = left_before
    if refusal:
        _restore_terms(order, before)
        order.frozen_today, order.frozen_his = lots
        price_freeze(order)
        _reserve(order)
        return _cancel_rejected(context, command, *refusal)
    side = instrument.book.sides[order.direction]
    side.own_remove(order.account.user_id, order.key)
    side.discard(order)
    order.key = 0
    order.left = left
    _number(state, order)
    row = _reserve(order)
    state.dirty_quotes[instrument.symbol] = None
    context.emit("OrderModified", order.row(), order.account.funds(), row)
    enter_book(context, order)
    return codes.OK


_TERMS = (
    "limit_price", "volume", "freeze_price", "margin_ppm", "fee_ratio_ppb", "fee_per_lot",
)  # fmt: skip


def _terms(order: Order) -> list[Any]:
    return [getattr(order, name) for name in _TERMS]


def _restore_terms(order: Order, values: list[Any]) -> None:
    for name, value in zip(_TERMS, values, strict=True):
        setattr(order, name, value)


def enter_for(context: Context, account: Account, command: PlaceOrder, is_exempt: bool = False) -> int:
    """Enter an order that the core itself places: triggered or to liquidate (T-70, T-82).

    It takes no slot of the rate, and own resting orders in its way end instead of 1005.
    ``is_exempt``: a frozen or busy account does not stop it (2002).
    """
    state = context.state
    digest, content = order_digest(command.order_id), content_digest(command)
    if digest in account.client_ids or command.order_id in account.orders:
        return codes.ORDER_ID_USED
    instrument = state.instruments[command.symbol]
    refusal = None if is_exempt else risk.account_refusal(account, command.offset != _OPEN)
    refusal = refusal or risk.entry_refusal(instrument, command, state.trading_day)
    if refusal is None:
        order = Order(account, instrument, command, state.trading_day, state.time_ns)
        refusal = risk.prepare(state, order)
        if refusal is None or refusal[0] == codes.SELF_TRADE:
            end_own_crossing(context, order)
            _accept(context, order, digest, content)
            return codes.OK
    return _reject(context, account, command, digest, content, refusal)
