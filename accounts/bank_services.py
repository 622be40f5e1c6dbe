"""Banks signed with an account, and the passwords that guard its money (T-100)."""

from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils import timezone

from accounts.bank_models import Bank, BankAccount, FundPassword, LockablePassword
from accounts.models import User
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import (
    AUTHENTICATION_FAILED,
    INVALID_FIELD,
    NOT_FOUND,
    TOO_MANY_REQUESTS,
)

MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
LEAST_LENGTH = 6
DEMONSTRATION = "DEMO"


def banks_of(venue: str, account_id: str) -> list[BankAccount]:
    """The banks that an account is signed with, those out of use left out."""
    rows = BankAccount.objects.select_related("bank").filter(
        venue=venue, account_id=account_id, bank__enabled=True
    )
    return list(rows.order_by("id"))


def signed_bank(venue: str, account_id: str, bank_id: str) -> BankAccount:
    """The account's signing with a bank; 9007 naming the field for any other."""
    for row in banks_of(venue, account_id):
        if row.bank.bank_id == bank_id:
            return row
    raise ExchangeError(NOT_FOUND, {}, {"field": "bank_id"})


def check(row: LockablePassword, given: str, field: str) -> None:
    """9001 naming the field for a wrong password, 9004 while it is locked. Tries are counted one by one."""
    kind: type[LockablePassword] = type(row)
    with transaction.atomic():
        kept = kind._default_manager.select_for_update().get(pk=row.pk)
        if kept.is_locked:
            error: ExchangeError | None = _locked(kept, field)
        elif kept.password and check_password(given, kept.password):
            error = None
            kept.failures, kept.locked_until = 0, None
        else:
            error = ExchangeError(AUTHENTICATION_FAILED, {}, {"field": field})
            kept.failures += 1
            if kept.failures >= MOST_FAILURES:
                kept.failures, kept.locked_until = 0, timezone.now() + LOCKED_FOR
        kept.save(update_fields=["failures", "locked_until"])
    if error is not None:
        raise error


def _locked(row: LockablePassword, field: str) -> ExchangeError:
    assert row.locked_until is not None
    seconds = max(1, round((row.locked_until - timezone.now()).total_seconds()))
    return ExchangeError(TOO_MANY_REQUESTS, {}, {"field": field, "retry_after": seconds, "locked": True})


def fund_password_of(venue: str, account_id: str) -> FundPassword | None:
    """The account's fund password, if one was set."""
    return FundPassword.objects.filter(venue=venue, account_id=account_id).first()


def check_fund_password(venue: str, account_id: str, given: str, field: str = "future_password") -> None:
    """9001 for a wrong one and where none was set, 9004 while it is locked."""
    row = fund_password_of(venue, account_id)
    if row is None:
        raise ExchangeError(AUTHENTICATION_FAILED, {}, {"field": field, "reason": "no fund password is set"})
    check(row, given, field)


def change_fund_password(*, venue: str, account_id: str, user: User, old: str, new: str) -> None:
    """Set an account's fund password; the first time `old` is the user's log-in password.

    9001 for a wrong old one, 9004 while it is locked, 9008 for a new one that is too short.
    """
    row = fund_password_of(venue, account_id)
    if row is not None:
        check(row, old, "old_password")
    elif not user.check_password(old):
        raise ExchangeError(AUTHENTICATION_FAILED, {}, {"field": "old_password"})
    if len(new) < LEAST_LENGTH:
        raise ExchangeError(INVALID_FIELD, {"field": "new_password"}, {"least_length": LEAST_LENGTH})
    changes = {"password": make_password(new), "changed_at": timezone.now()}
    FundPassword.objects.update_or_create(venue=venue, account_id=account_id, defaults=changes)


def unlock(row: LockablePassword) -> None:
    """Forget wrong tries."""
    row.failures, row.locked_until = 0, None
    row.save(update_fields=["failures", "locked_until"])


def set_bank_password(row: BankAccount, password: str) -> None:
    """Keep the hash of the password that the bank asks for."""
    row.password = make_password(password)
    row.failures, row.locked_until = 0, None


def demonstration_bank() -> Bank:
    """The bank whose money is made up; made at the first call."""
    return Bank.objects.get_or_create(
        bank_id=DEMONSTRATION, defaults={"name": "演示银行", "is_demonstration": True}
    )[0]


def sign_demonstration(*, venue: str, account_id: str, password: str, balance: int) -> BankAccount:
    """Sign an account with the demonstration bank; `balance` in yuan. Signed before it stays as it was."""
    row = BankAccount(
        venue=venue, account_id=account_id, bank=demonstration_bank(), number="6222000000000001",
        opening_balance=balance,
    )  # fmt: skip
    found = BankAccount.objects.filter(venue=venue, account_id=account_id, bank=row.bank).first()
    if found is not None:
        return found
    set_bank_password(row, password)
    row.save()
    return row
