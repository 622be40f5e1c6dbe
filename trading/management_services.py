"""What operators do to anybody's trading account (T-62, T-63, T-100)."""

from typing import Any

from accounts.models import User
from exchange_site.exceptions import ExchangeError
from trading import approval_services as approvals
from trading import selectors
from trading.account_services import move_money, pending, reference_of, send
from trading.choices import ACCOUNT_STATUS, FREEZE_MODE
from trading.engine.codes import INVALID_FIELD
from trading.engine.messages import (
    AccountRow,
    ApproveAccount,
    CloseAccount,
    Deposit,
    FreezeAccount,
    FreezeMode,
    UnfreezeAccount,
    Withdraw,
)
from trading.order_services import Answer


def approve(*, venue: str, user: User, command_id: str, account_id: str, reason: str) -> Answer:
    """PENDING → ACTIVE."""
    return _change(venue, user, command_id, ApproveAccount(account_id, reason))


def reject(*, venue: str, user: User, command_id: str, account_id: str, reason: str) -> Answer:
    """PENDING → CLOSED; 9008 for an account that does not wait."""
    row = selectors.account_for(venue, account_id, None)
    if row.status != "PENDING":
        raise ExchangeError(INVALID_FIELD, {"field": "status"}, {"status": row.status})
    return _change(venue, user, command_id, CloseAccount(account_id, reason))


def close(*, venue: str, user: User, command_id: str, account_id: str, reason: str) -> Answer:
    """Close for ever; needs no position, no working order and balance 0."""
    return _change(venue, user, command_id, CloseAccount(account_id, reason))


def freeze(
    *, venue: str, user: User, command_id: str, account_id: str, mode: str, can_close: bool, reason: str
) -> Answer:
    """Freeze trading, withdrawals or both; freezing trade ends working orders."""
    command = FreezeAccount(account_id, int(FreezeMode[mode]), can_close, reason)
    return _change(venue, user, command_id, command)


def unfreeze(*, venue: str, user: User, command_id: str, account_id: str, reason: str) -> Answer:
    """FROZEN → ACTIVE."""
    return _change(venue, user, command_id, UnfreezeAccount(account_id, reason))


def _change(venue: str, user: User, command_id: str, command: Any) -> Answer:
    outcome = send(venue, command, user_id=user.pk.hex, command_id=command_id)
    if not outcome.decided:
        return pending(outcome)
    event = outcome.first("AccountChanged")
    if event is None:
        return Answer({"account_id": command.account_id, "repeated": True}, outcome.last_seq)
    row = AccountRow(*event[5])
    data = {
        "account_id": row.account_id,
        "status": ACCOUNT_STATUS[row.status],
        "freeze_mode": FREEZE_MODE[row.freeze_mode],
        "can_close": row.can_close,
        "reason": event[6],
    }
    return Answer(data, outcome.last_seq)


def deposit(
    *, venue: str, user: User, command_id: str, account_id: str, amount: int, method: str, remark: str
) -> Answer:
    """Money into anybody's account; once for each reference."""
    command = Deposit(account_id, amount, reference_of(command_id), method, remark, by_operator=True)
    return move_money(venue, user.pk.hex, command_id, command)


def withdraw(
    *, venue: str, user: User, command_id: str, account_id: str, amount: int, method: str, remark: str
) -> Answer:
    """Money out of anybody's account, at most what is available.

    2006 for a large sum where the venue wants two persons for it.
    """
    command = Withdraw(account_id, amount, reference_of(command_id), method, remark, by_operator=True)
    if approvals.must_wait(venue, amount, by_operator=True):
        approvals.wait(venue=venue, user=user, command_id=command_id, command=command)
    return move_money(venue, user.pk.hex, command_id, command)
