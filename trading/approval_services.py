"""Withdrawals that a second person must approve (T-100, O-4)."""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts import venue_settings
from accounts.models import MoneyRequest, User
from accounts.selectors import setting_or
from exchange_site.exceptions import ExchangeError
from trading import account_services
from trading.codec import to_decimal
from trading.engine.codes import INVALID_FIELD, NOT_FOUND, NOT_PERMITTED, WAITS_FOR_APPROVAL
from trading.engine.messages import Withdraw
from trading.order_services import Answer
from trading.representations import units_of


def limit_of(venue: str) -> int:
    """The sum above which a withdrawal waits, 1/10 000 yuan; 0 = none does."""
    name = "withdraw_approval_above"
    return setting_or(venue, name, venue_settings.DEFINITIONS[name].default)


def must_wait(venue: str, amount: int, *, by_operator: bool) -> bool:
    """Does a withdrawal wait? An operator's does where the venue wants two persons for it."""
    most = limit_of(venue)
    if not most or amount <= most:
        return False
    return not by_operator or bool(setting_or(venue, "two_person_withdrawal", 0))


def ask(*, venue: str, user: User, command_id: str, command: Withdraw) -> MoneyRequest:
    """Note a withdrawal for a second person's approval; asked again it is the same request."""
    row, _made = MoneyRequest.objects.get_or_create(
        venue=venue,
        reference=command.reference,
        defaults={
            "account_id": command.account_id, "amount": to_decimal(command.amount), "method": command.method,
            "remark": command.remark, "kind": command.kind, "command_id": command_id, "asked_by": user.pk.hex,
        },
    )  # fmt: skip
    return row


def wait(*, venue: str, user: User, command_id: str, command: Withdraw) -> None:
    """Note the withdrawal and raise 2006 with the number of the request."""
    row = ask(venue=venue, user=user, command_id=command_id, command=command)
    extra = {"limit": limit_of(venue) / 10_000, "request_id": row.pk, "status": row.state}
    raise ExchangeError(WAITS_FOR_APPROVAL, {}, extra)


def request_of(venue: str, request_id: int) -> MoneyRequest:
    """A request of the venue; 9007 for an unknown one."""
    row = MoneyRequest.objects.filter(venue=venue, pk=request_id).first()
    if row is None:
        raise ExchangeError(NOT_FOUND)
    return row


def approve(*, venue: str, user: User, request_id: int) -> Answer:
    """Pay a request out. 9006 for the one who asked or who owns nothing else but the money.

    9008 when it was decided already. An approval that was cut short is taken up again.
    """
    row = _claim(venue, user, request_id, MoneyRequest.APPROVED)
    command = Withdraw(
        row.account_id, units_of(row.amount), row.reference, row.method, row.remark, True, row.kind
    )
    try:
        answer = account_services.move_money(venue, user.pk.hex, row.command_id, command)
    except ExchangeError as error:
        if error.code not in account_services.UNDECIDED:
            _end(row, MoneyRequest.FAILED, code=error.code)
        raise
    if answer.status == 202:
        return answer
    _end(row, MoneyRequest.COMPLETED, flow_id=answer.data["flow_id"])
    return Answer({**request_data(request_of(venue, request_id)), "flow": answer.data}, answer.seq)


def reject(*, venue: str, user: User, request_id: int) -> Answer:
    """Turn a request down; nothing is paid."""
    row = _claim(venue, user, request_id, MoneyRequest.CANCELLED)
    return Answer(request_data(row))


def _claim(venue: str, user: User, request_id: int, state: str) -> MoneyRequest:
    """Decide a pending request once, never one's own."""
    row = request_of(venue, request_id)
    if row.asked_by == user.pk.hex:
        raise ExchangeError(NOT_PERMITTED, {}, {"reason": "a second person decides"})
    waiting = Q(state=MoneyRequest.PENDING)
    if state == MoneyRequest.APPROVED:
        waiting |= Q(state=MoneyRequest.APPROVED)  # cut short before its end was noted
    claimed = MoneyRequest.objects.filter(waiting, pk=row.pk).update(
        state=state, decided_by=user.pk.hex, decided_at=timezone.now()
    )
    row.refresh_from_db()
    if not claimed:
        raise ExchangeError(INVALID_FIELD, {"field": "status"}, {"status": row.state})
    return row


def _end(row: MoneyRequest, state: str, *, code: int = 0, flow_id: str = "") -> None:
    MoneyRequest.objects.filter(pk=row.pk).update(state=state, code=code, flow_id=flow_id)


def request_data(row: MoneyRequest) -> dict[str, Any]:
    """A request as the API shows it."""
    return {
        "request_id": row.pk, "account_id": row.account_id, "amount": float(row.amount), "method": row.method,
        "remark": row.remark, "status": row.state, "asked_by": row.asked_by,
        "asked_at": round(row.asked_at.timestamp() * 1_000), "decided_by": row.decided_by, "code": row.code,
        "flow_id": row.flow_id,
    }  # fmt: skip
