"""Transfers between an account and a bank it is signed with (T-100, T-101, D-12)."""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Sum

from accounts import bank_services as banks
from accounts.bank_models import BankAccount
from accounts.models import User
from accounts.socket_login import Credential
from exchange_site import audit
from exchange_site.exceptions import ExchangeError
from trading import approval_services as approvals
from trading import selectors
from trading.account_services import move_money, refuse_contest_money
from trading.codec import to_decimal
from trading.engine.codes import INVALID_FIELD, NOT_PERMITTED, SERVICE_UNAVAILABLE
from trading.engine.messages import Deposit, Withdraw
from trading.models import CashFlow
from trading.order_services import Answer
from trading.representations import units_of

TRANSFER = "transfer"


def method_of(bank_id: str) -> str:
    """How the flows of a bank's transfers name it."""
    return f"bank:{bank_id}"


def balance_at_bank(row: BankAccount) -> int:
    """What a demonstration bank still holds for an account: opening balance less the net of its flows."""
    flows = CashFlow.objects.filter(
        venue=selectors.venue_number(row.venue), account_id=row.account_id, method=method_of(row.bank.bank_id)
    )
    moved = flows.aggregate(total=Sum("amount"))["total"]
    return units_of(row.opening_balance) - (units_of(moved) if moved else 0)


def bank_data(row: BankAccount) -> dict[str, Any]:
    """A signed bank as the API shows it; `balance` for a demonstration bank alone."""
    is_demonstration = row.bank.is_demonstration
    return {
        "bank_id": row.bank.bank_id, "name": row.bank.name, "is_demonstration": is_demonstration,
        "number": row.masked, "signed_at": round(row.signed_at.timestamp() * 1_000),
        "balance": balance_at_bank(row) / 10_000 if is_demonstration else None,
        "is_locked": row.is_locked,
    }  # fmt: skip


def transfer(
    *, venue: str, user: User, command_id: str, account_id: str, bank_id: str, amount: int,
    bank_password: str, future_password: str, remark: str = "",
) -> Answer:  # fmt: skip
    """Move money in (`amount` above 0) or out, once for each `command_id`; its flow.

    1006 for an account that is not the user's, 9007 for a bank it is not signed with, 9001 and 9004
    for the passwords, 9005 where no link to the bank exists, 2004, 2006 as for withdrawals (T-100),
    9006 for more than a demonstration bank holds.
    """
    selectors.account_for(venue, account_id, user.pk.hex)
    row = banks.signed_bank(venue, account_id, bank_id)
    if not amount:
        raise ExchangeError(INVALID_FIELD, {"field": "amount"})
    banks.check_fund_password(venue, account_id, future_password)
    banks.check(row, bank_password, "bank_password")
    if not row.bank.is_demonstration:
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, {"reason": "no link to this bank: ask an operator"})
    reference, method = f"transfer-{command_id}", method_of(bank_id)
    if amount < 0:
        return _out(venue, user, command_id, Withdraw(
            account_id, -amount, reference, method, remark, kind=TRANSFER
        ))  # fmt: skip
    deposit = Deposit(account_id, amount, reference, method, remark, kind=TRANSFER)
    return _in(venue, user, command_id, deposit, row)


def _out(venue: str, user: User, command_id: str, command: Withdraw) -> Answer:
    if approvals.must_wait(venue, command.amount, by_operator=False):
        approvals.wait(venue=venue, user=user, command_id=command_id, command=command)
    return move_money(venue, user.pk.hex, command_id, command)


def _in(venue: str, user: User, command_id: str, command: Deposit, row: BankAccount) -> Answer:
    refuse_contest_money(venue, command.account_id)
    with transaction.atomic():  # one at a time, so that the bank's balance holds
        BankAccount.objects.select_for_update().get(pk=row.pk)
        selectors.catch_up_with(venue, user.pk.hex)
        left = balance_at_bank(row)
        is_repeat = CashFlow.objects.filter(
            venue=selectors.venue_number(venue), account_id=row.account_id, reference=command.reference
        ).exists()
        if command.amount > left and not is_repeat:
            extra = {"reason": "more than the bank holds", "balance": float(to_decimal(left))}
            raise ExchangeError(NOT_PERMITTED, {}, extra)
        return move_money(venue, user.pk.hex, command_id, command)


# ---------------------------------------------------------------------------- DIFF


def diff_banks(venue: str, account_id: str) -> list[dict[str, Any]]:
    """The account's banks as DIFF clients read them."""
    return [
        {"id": row.bank.bank_id, "name": row.bank.name, "is_demonstration": row.bank.is_demonstration}
        for row in banks.banks_of(venue, account_id)
    ]


def diff_transfer(venue: str, who: Credential, account_id: str, wanted: dict[str, Any]) -> None:
    """A `req_transfer`; raises ExchangeError. Its FundsMoved event tells the rest."""
    user = User.objects.get(pk=who.user_id)
    fields = {name: str(wanted[name]) for name in ("bank_id", "bank_password", "future_password")}
    answer = transfer(
        venue=venue, user=user, command_id=uuid.uuid4().hex, account_id=account_id,
        amount=wanted["amount"], **fields,
    )  # fmt: skip
    if answer.status == 202:
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, answer.data)


def change_password(*, venue: str, user: User, account_id: str, old: str, new: str, request: Any) -> None:
    """An account's fund password; every try is audited."""
    selectors.account_for(venue, account_id, user.pk.hex)
    known = {"venue": venue, "target_type": "account", "target": account_id}
    try:
        banks.change_fund_password(venue=venue, account_id=account_id, user=user, old=old, new=new)
    except ExchangeError as error:
        audit.record(request, "fund_password", code=error.code, **known)
        raise
    audit.record(request, "fund_password", **known)
