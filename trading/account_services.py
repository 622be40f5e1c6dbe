"""What users do with their own trading accounts and money (T-63, T-100)."""

import re
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from accounts import venue_settings
from accounts.models import User
from accounts.selectors import setting_or
from exchange_site.exceptions import ExchangeError
from trading import commands, order_selectors, selectors
from trading.codec import to_decimal
from trading.commands import Outcome
from trading.engine.codes import (
    INVALID_FIELD,
    NOT_PERMITTED,
    SERVICE_UNAVAILABLE,
    STORAGE_ERROR,
    WORKER_NOT_RUNNING,
)
from trading.engine.messages import (
    Deposit,
    OpenAccount,
    Withdraw,
)
from trading.models import CashFlow
from trading.order_services import Answer, note_write
from trading.representations import flow_data, flow_event_data, units_of

UNDECIDED = frozenset({SERVICE_UNAVAILABLE, STORAGE_ERROR, WORKER_NOT_RUNNING})
"""Nothing reached the log: the same may be tried again."""
WAIT_S = 2.0
MAX_ACCOUNTS = 20
CONTEST_GROUP = "contest:"
_ACCOUNT_ID = re.compile(r"ACC_[0-9a-f]{32}")


def pending(outcome: Outcome) -> Answer:
    """The command is in the log, its verdict is not known yet: ask again with the same key."""
    return Answer({"status": "pending", "command_id": outcome.command_id}, 0, 202)


def send(venue: str, command: Any, *, user_id: str, command_id: str) -> Outcome:
    """Send one command; its refusals are raised with their code."""
    outcome = commands.send(venue, command, user_id=user_id, command_id=command_id, wait_s=WAIT_S)
    if outcome.code:
        raise ExchangeError(outcome.code, outcome.params, {"event_seq": outcome.last_seq})
    return outcome


# ----------------------------------------------------------------------- opening


def practice_money(venue: str) -> bool:
    """Does the venue grant practice money? Its setting, else the environment's (T-100)."""
    return bool(setting_or(venue, "practice_money", int(settings.PRACTICE_MONEY)))


def _setting(venue: str, name: str) -> int:
    return setting_or(venue, name, venue_settings.DEFINITIONS[name].default)


def open_account(
    *,
    venue: str,
    user: User,
    command_id: str,
    account_name: str,
    account_type: str,
    init_cash: int = 0,
    account_id: str = "",
) -> Answer:
    """Open an account of the user's own (201); PENDING where the venue asks for approval.

    9006 for start money that the venue does not grant or one account too many, 2001 for a
    taken id.
    """
    account_id = account_id or f"ACC_{command_id}"
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise ExchangeError(INVALID_FIELD, {"field": "account_id"})
    needs_approval = bool(_setting(venue, "accounts_need_approval"))
    _check_start_money(venue, init_cash, needs_approval)
    user_id = user.pk.hex
    if len(order_selectors.account_ids_of(venue, user_id)) >= MAX_ACCOUNTS:
        raise ExchangeError(NOT_PERMITTED, {}, {"reason": f"at most {MAX_ACCOUNTS} accounts"})
    command = OpenAccount(
        account_id, user_id, account_name, account_type, needs_approval=needs_approval, init_cash=init_cash
    )
    outcome = send(venue, command, user_id=user_id, command_id=command_id)
    if not outcome.decided:
        return pending(outcome)
    status = "PENDING" if needs_approval else "ACTIVE"
    return Answer({"account_id": account_id, "status": status}, outcome.last_seq, 201)


def _check_start_money(venue: str, init_cash: int, needs_approval: bool) -> None:
    if not init_cash:
        return
    if needs_approval or not practice_money(venue):
        raise ExchangeError(NOT_PERMITTED, {}, {"field": "init_cash"})
    most = _setting(venue, "practice_init_cash")
    if init_cash > most:
        raise ExchangeError(NOT_PERMITTED, {}, {"field": "init_cash", "limit": most / 10_000})


# ------------------------------------------------------------------------- money


def deposit_own(
    *, venue: str, user: User, command_id: str, account_id: str, amount: int, method: str, remark: str
) -> Answer:
    """Practice money into one's own account, up to the venue's daily sum; else 9006 (T-100)."""
    selectors.catch_up_with(venue, user.pk.hex)
    selectors.account_for(venue, account_id, user.pk.hex)
    if not practice_money(venue):
        raise ExchangeError(NOT_PERMITTED, {}, {"reason": "no practice money here: use a transfer"})
    refuse_contest_money(venue, account_id)
    with transaction.atomic():  # one deposit of a user at a time, so that the sum holds
        User.objects.select_for_update().get(pk=user.pk)
        selectors.catch_up_with(venue, user.pk.hex)
        _check_daily_sum(venue, user.pk.hex, amount)
        command = Deposit(account_id, amount, reference_of(command_id), method, remark)
        return move_money(venue, user.pk.hex, command_id, command)


def refuse_contest_money(venue: str, account_id: str) -> None:
    """9006 for an account of a contest: it trades with its start money alone (O-53)."""
    rows = selectors.accounts_of(venue).filter(account_id=account_id, group__startswith=CONTEST_GROUP)
    if rows.exists():
        raise ExchangeError(NOT_PERMITTED, {}, {"reason": "a contest's account takes no money"})


def _check_daily_sum(venue: str, user_id: str, amount: int) -> None:
    most = _setting(venue, "practice_money_daily")
    day = selectors.trading_day(venue)
    own = order_selectors.account_ids_of(venue, user_id)
    rows = CashFlow.objects.filter(
        venue=selectors.venue_number(venue),
        trading_day=day,
        account_id__in=own,
        kind="deposit",
        operator_id=user_id,
    )
    total = rows.aggregate(total=Sum("amount"))["total"]
    if amount + (units_of(total) if total else 0) > most:
        raise ExchangeError(NOT_PERMITTED, {}, {"daily_limit": float(to_decimal(most))})


def withdraw_own(
    *, venue: str, user: User, command_id: str, account_id: str, amount: int, method: str, remark: str
) -> Answer:
    """Money out of one's own account, at most what is available (T-100).

    2006 above the sum that a second person must approve; the request is noted.
    """
    from trading import approval_services as approvals  # it sends through this module

    command = Withdraw(account_id, amount, reference_of(command_id), method, remark)
    if approvals.must_wait(venue, amount, by_operator=False):
        selectors.account_for(venue, account_id, user.pk.hex)
        approvals.wait(venue=venue, user=user, command_id=command_id, command=command)
    return move_money(venue, user.pk.hex, command_id, command)


def reference_of(command_id: str) -> str:
    """The money reference of a request: with an Idempotency-Key the same for every try (A-5)."""
    return f"rest-{command_id}"


def move_money(venue: str, user_id: str, command_id: str, command: Deposit | Withdraw) -> Answer:
    """Send a movement of money and answer with its flow, also when it is a repeat."""
    outcome = send(venue, command, user_id=user_id, command_id=command_id)
    if not outcome.decided:
        return pending(outcome)
    note_write(venue=venue, user_id=user_id, seq=outcome.last_seq)
    event = outcome.first("FundsMoved")
    if event is not None:
        return Answer(flow_event_data(event), outcome.last_seq)
    selectors.wait_for_projector(venue, outcome.first_seq)
    row = order_selectors.flow_by_reference(venue, command.account_id, command.reference)
    return pending(outcome) if row is None else Answer(flow_data(row), outcome.last_seq)
