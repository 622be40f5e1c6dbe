"""Commands about accounts and their money (T-62, T-63, T-100)."""

from typing import Any

from trading.engine import codes
from trading.engine.entities import Account
from trading.engine.figures import withdrawable
from trading.engine.messages import (
    AccountRow,
    AccountStatus,
    ApproveAccount,
    CloseAccount,
    Deposit,
    EndReason,
    FreezeAccount,
    FreezeMode,
    OpenAccount,
    ReverseFlow,
    SetAccount,
    UnfreezeAccount,
    Withdraw,
)
from trading.engine.orders import owned_account, queue_end
from trading.engine.rates import forget_cached, refuse
from trading.engine.state import Context, State
from trading.engine.units import MAX_MONEY, NS_PER_DAY

_REFERENCE_DAYS_NS = 8 * NS_PER_DAY
_ACTIVE, _FROZEN = int(AccountStatus.ACTIVE), int(AccountStatus.FROZEN)


def open_account(context: Context, command: OpenAccount) -> int:
    """Open an account, PENDING where the venue asks for approval, with its start money."""
    state = context.state
    if command.account_id in state.accounts:
        return refuse(context, command, codes.ACCOUNT_EXISTS, {"account_id": command.account_id})
    if not command.account_id or not command.user_id or not 0 <= command.init_cash <= MAX_MONEY:
        return refuse(context, command, codes.INVALID_FIELD, {"field": "account_id"})
    status = AccountStatus.PENDING if command.needs_approval else AccountStatus.ACTIVE
    account = Account(
        AccountRow(
            command.account_id, command.user_id, command.account_name, command.account_type,
            command.currency, command.group, int(status), int(FreezeMode.NONE), False, "",
            command.is_market_maker, command.is_robot, state.time_ns,
        )
    )  # fmt: skip
    state.accounts[command.account_id] = account
    context.emit("AccountChanged", account.row(), "opened")
    if command.init_cash:
        reference = f"open:{command.account_id}"
        _remember_reference(state, reference)
        _move(
            context,
            account,
            "deposit",
            command.init_cash,
            reference,
            "practice",
            "",
            "",
            "",
        )
    return codes.OK


def approve_account(context: Context, command: ApproveAccount) -> int:
    account = context.state.accounts.get(command.account_id)
    if account is None or account.status != AccountStatus.PENDING:
        return _refuse_status(context, command, account)
    account.status = _ACTIVE
    context.emit("AccountChanged", account.row(), command.reason)
    return codes.OK


_CHANGEABLE: dict[str, tuple[type, ...]] = {
    "group": (str,),
    "account_name": (str,),
    "is_market_maker": (int,),
    "max_order_amount": (int,),
}


def set_account(context: Context, command: SetAccount) -> int:
    """Change group, name, market-maker mark or order amount limit of an account."""
    state = context.state
    account = state.accounts.get(command.account_id)
    if account is None or account.status == AccountStatus.CLOSED:
        return _refuse_status(context, command, account)
    for name, value in command.changes.items():
        kinds = _CHANGEABLE.get(name)
        negative = isinstance(value, int) and not 0 <= value <= MAX_MONEY * 100
        if kinds is None or not isinstance(value, kinds) or negative:
            return refuse(context, command, codes.INVALID_FIELD, {"field": name})
    for name, value in command.changes.items():
        setattr(account, name, bool(value) if name == "is_market_maker" else value)
    if "group" in command.changes:
        forget_cached(state)
    context.emit("AccountChanged", account.row(), command.reason)
    return codes.OK


def freeze_account(context: Context, command: FreezeAccount) -> int:
    """Freeze an account and, when it may no longer trade, end its orders (T-62)."""
    state = context.state
    account = state.accounts.get(command.account_id)
    if account is None or account.status not in (_ACTIVE, _FROZEN):
        return _refuse_status(context, command, account)
    if not FreezeMode.TRADING_ONLY <= command.mode <= FreezeMode.FULL:
        return refuse(context, command, codes.INVALID_FIELD, {"field": "mode"})
    account.status = _FROZEN
    account.freeze_mode = command.mode
    account.can_close = command.can_close
    account.freeze_reason = command.reason
    context.emit("AccountChanged", account.row(), command.reason)
    if command.mode != FreezeMode.WITHDRAW_ONLY:
        uids = [order.uid for order in account.orders.values()]
        queue_end(state, uids, EndReason.ACCOUNT_FROZEN, f"account:{account.account_id}")
    return codes.OK


def unfreeze_account(context: Context, command: UnfreezeAccount) -> int:
    account = context.state.accounts.get(command.account_id)
    if account is None or account.status != AccountStatus.FROZEN:
        return _refuse_status(context, command, account)
    account.status = _ACTIVE
    account.freeze_mode = int(FreezeMode.NONE)
    account.can_close = False
    account.freeze_reason = ""
    context.emit("AccountChanged", account.row(), command.reason)
    return codes.OK


def close_account(context: Context, command: CloseAccount) -> int:
    """Close for ever; needs no position, no working order and balance 0 (T-63)."""
    account = context.state.accounts.get(command.account_id)
    if account is None or account.status == AccountStatus.CLOSED:
        return _refuse_status(context, command, account)
    positions = sum(not position.is_flat() for position in account.positions.values())
    if positions or account.orders or account.balance():
        params = {
            "positions": positions, "orders": len(account.orders), "balance": account.balance(),
        }  # fmt: skip
        return refuse(context, command, codes.INVALID_FIELD, params | {"field": "account_id"})
    account.status = int(AccountStatus.CLOSED)
    context.emit("AccountChanged", account.row(), command.reason)
    return codes.OK


_StatusCommand = ApproveAccount | SetAccount | FreezeAccount | UnfreezeAccount | CloseAccount


def _refuse_status(context: Context, command: _StatusCommand, account: Account | None) -> int:
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    params: dict[str, Any] = {
        "field": "status",
        "status": AccountStatus(account.status).name,
    }
    return refuse(context, command, codes.INVALID_FIELD, params)


def deposit(context: Context, command: Deposit) -> int:
    """Put money in once per reference (T-100)."""
    account = _money_account(context, command)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    code, params = _money_refusal(context.state, command, codes.DEPOSIT_REFUSED)
    if not code and account.status not in (_ACTIVE, _FROZEN):
        code, params = (
            codes.DEPOSIT_REFUSED,
            {"status": AccountStatus(account.status).name},
        )
    if not code and account.realised() + command.amount > MAX_MONEY:
        code, params = codes.DEPOSIT_REFUSED, {"amount": command.amount}
    if code:
        return refuse(context, command, code, params)
    _remember_reference(context.state, command.reference)
    _move(
        context, account, command.kind, command.amount, command.reference, command.method,
        command.remark, context.user_id, "",
    )  # fmt: skip
    return codes.OK


def withdraw(context: Context, command: Withdraw) -> int:
    """Take money out, at most what is available, once per reference (T-100)."""
    state = context.state
    account = _money_account(context, command)
    if account is None:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    code, params = _money_refusal(state, command, codes.WITHDRAWAL_REFUSED)
    if not code:
        code, params = _withdrawal_refusal(state, account, command.amount)
    if code:
        return refuse(context, command, code, params)
    _remember_reference(state, command.reference)
    _move(
        context, account, command.kind, -command.amount, command.reference, command.method,
        command.remark, context.user_id, "",
    )  # fmt: skip
    return codes.OK


def _withdrawal_refusal(state: State, account: Account, amount: int) -> tuple[int, dict[str, Any]]:
    frozen = account.status == AccountStatus.FROZEN
    if frozen and account.freeze_mode != FreezeMode.TRADING_ONLY:
        return codes.ACCOUNT_FROZEN, {"status": AccountStatus.FROZEN.name}
    if account.status not in (_ACTIVE, _FROZEN):
        return codes.WITHDRAWAL_REFUSED, {"status": AccountStatus(account.status).name}
    profit = account.position_profit()
    available = account.realised() + profit - account.held()
    excludes = bool(state.settings["withdraw_excludes_profit"])
    free = withdrawable(available, profit, excludes)
    if amount > free:
        return codes.WITHDRAWAL_REFUSED, {"required": amount, "available": free}
    return codes.OK, {}


def reverse_flow(context: Context, command: ReverseFlow) -> int:
    """Undo a completed flow once by a contrary one that names it (T-100).

    That the flow exists with this amount is the service's to check; that it is reversed
    once is kept here for eight days and by the database for ever.
    """
    state = context.state
    account = state.accounts.get(command.account_id)
    if account is None or account.status == AccountStatus.CLOSED:
        return refuse(context, command, codes.ACCOUNT_NOT_FOUND, {})
    reference = f"reverse:{command.flow_id}"
    code = codes.OK
    params: dict[str, Any] = {}
    if state.settlement is not None:
        code, params = codes.SETTLEMENT_UNDER_WAY, {}
    elif reference in state.references or not command.amount or abs(command.amount) > MAX_MONEY:
        code, params = codes.INVALID_FIELD, {"field": "flow_id"}
    if code:
        return refuse(context, command, code, params)
    _remember_reference(state, reference)
    _move(
        context, account, "reversal", -command.amount, command.reference or reference, "",
        command.remark, context.user_id, command.flow_id,
    )  # fmt: skip
    return codes.OK


def _money_account(context: Context, command: Deposit | Withdraw) -> Account | None:
    if command.by_operator:
        return context.state.accounts.get(command.account_id)
    return owned_account(context, command.account_id)


def _money_refusal(state: State, command: Deposit | Withdraw, code: int) -> tuple[int, dict[str, Any]]:
    if state.settlement is not None:
        return codes.SETTLEMENT_UNDER_WAY, {}
    if not 0 < command.amount <= MAX_MONEY:
        return code, {"amount": command.amount}
    if not command.reference:
        return codes.INVALID_FIELD, {"field": "reference"}
    if command.reference in state.references:
        return code, {"reference": command.reference}
    return codes.OK, {}


def _remember_reference(state: State, reference: str) -> None:
    """Keep a money reference for eight days of log time (A-5)."""
    oldest = state.time_ns - _REFERENCE_DAYS_NS
    order = state.references_order
    while order and order[0][0] < oldest:
        state.references.pop(order.popleft()[1], None)
    state.references[reference] = state.time_ns
    order.append((state.time_ns, reference))


def _move(
    context: Context, account: Account, kind: str, amount: int, reference: str, method: str,
    remark: str, operator_id: str, reverses: str,
) -> None:  # fmt: skip
    """Book one flow; `amount` is signed, before and after are realised balances (T-58a)."""
    state = context.state
    before = account.realised()
    if amount > 0:
        account.deposit += amount
    else:
        account.withdraw -= amount
    state.next_flow = number = state.next_flow + 1
    flow_id = f"TXN{state.trading_day}{number:08d}"
    context.emit(
        "FundsMoved", flow_id, account.account_id, kind, amount, before, account.realised(),
        reference, method, remark, operator_id, reverses, state.trading_day, account.funds(),
    )  # fmt: skip
