"""Writes about users: registration, log-in, passwords, tokens, idempotency keys."""

import hashlib
import json
import re
import uuid
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth import authenticate, password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import authentication, selectors
from accounts.models import AuthToken, IdempotencyKey, TokenScope, User, default_scopes
from exchange_site import second_factor
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import (
    ACCOUNT_EXISTS,
    AUTHENTICATION_FAILED,
    INVALID_FIELD,
    NOT_FOUND,
    NOT_PERMITTED,
    ORDER_ID_USED,
    TOO_MANY_REQUESTS,
)

LOGIN_TOKEN_LIFE = timedelta(days=30)
MAX_TOKENS = 50
LOGIN_NAME = "login"
LOCK_S = 15 * 60
KEEP_KEYS = timedelta(hours=24)
_KEY = re.compile(r"[!-~]{1,128}")


# ------------------------------------------------------------------------ users


def register(*, username: str, password: str, email: str = "", phone: str = "") -> User:
    """A new user; 9006 where registration is closed, 2001 for a taken name, 9008 a weak password."""
    if not selectors.registration_is_open():
        raise ExchangeError(NOT_PERMITTED, {}, {"reason": "registration is closed"})
    user = User(username=username, email=email, phone=phone)
    _check_password(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise ExchangeError(ACCOUNT_EXISTS, {}, {"field": "username"}) from error
    return user


def _check_password(password: str, user: User, field: str = "password") -> None:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise ExchangeError(INVALID_FIELD, {"field": field}, {"fields": {field: error.messages}}) from error


def sign_in(*, request: HttpRequest, username: str, password: str) -> User:
    """The user with this password: the one way in for REST and sockets (R6.6).

    9001 for a wrong pair, 9004 with `retry_after` while name and address are locked. The
    request carries the address that failures are counted by.
    """
    user = authenticate(request=request, username=username, password=password)
    if user is None:
        if getattr(request, "axes_locked_out", False):
            request.axes_locked_out = False  # type: ignore[attr-defined]  # answered here
            raise ExchangeError(TOO_MANY_REQUESTS, {}, {"retry_after": LOCK_S, "locked": True})
        raise ExchangeError(AUTHENTICATION_FAILED)
    assert isinstance(user, User)
    return user


def change_password(*, user: User, old: str, new: str, keep: AuthToken | None = None) -> None:
    """Set a new password and end every token but the one in use; 9001 for a wrong old one."""
    if not user.check_password(old):
        raise ExchangeError(AUTHENTICATION_FAILED, {}, {"field": "old_password"})
    _check_password(new, user, "new_password")
    user.set_password(new)
    with transaction.atomic():
        user.save(update_fields=["password"])
        others = AuthToken.objects.filter(user=user)
        if keep is not None:
            others = others.exclude(pk=keep.pk)
        others.delete()
    authentication.forget()


# ----------------------------------------------------------------------- tokens


def make_login_token(*, user: User) -> tuple[AuthToken, str]:
    """A token of a log-in: 30 days, the oldest of such beyond fifty end.

    It has the rights of staff unless their second factor is still owed (O-4).
    """
    is_admin = user.is_staff and not second_factor.is_owed(user)
    scopes = default_scopes() + ([TokenScope.ADMIN.value] if is_admin else [])
    token, text = AuthToken.objects.create(user, LOGIN_TOKEN_LIFE, name=LOGIN_NAME, scopes=scopes)
    old = AuthToken.objects.filter(user=user, name=LOGIN_NAME).order_by("-created")[MAX_TOKENS:]
    AuthToken.objects.filter(pk__in=[row.pk for row in old]).delete()
    return token, text


def make_token(
    *, user: User, name: str, scopes: list[str] | None, days: int | None, within: AuthToken | None
) -> tuple[AuthToken, str]:
    """A named token; 9006 for a scope that the caller's own token or rank does not have."""
    wanted = sorted(set(scopes or default_scopes()))
    for scope in wanted:
        if (within is not None and not within.allows(scope)) or (
            scope == TokenScope.ADMIN
            and (not user.is_staff or (within is None and second_factor.is_owed(user)))
        ):
            raise ExchangeError(NOT_PERMITTED, {}, {"scope": scope})
    if AuthToken.objects.filter(user=user).exclude(name=LOGIN_NAME).count() >= MAX_TOKENS:
        raise ExchangeError(INVALID_FIELD, {"field": "name"}, {"reason": f"at most {MAX_TOKENS} tokens"})
    life = timedelta(days=days) if days else None
    token, text = AuthToken.objects.create(user, life, name=name, scopes=wanted)
    return token, text


def revoke_token(*, user: User, token_key: str) -> None:
    """End one of the user's tokens by the characters that name it; 9007 when there is none."""
    rows = AuthToken.objects.filter(user=user, token_key=token_key)
    digests = list(rows.values_list("pk", flat=True))
    if not digests:
        raise ExchangeError(NOT_FOUND, {}, {"field": "token_key"})
    rows.delete()
    for digest in digests:
        authentication.forget(digest)


def revoke_tokens(*, user: User) -> int:
    """End every token of a user; their number."""
    number: int = AuthToken.objects.filter(user=user).delete()[0]
    authentication.forget()
    return number


# ------------------------------------------------------------------ idempotency


class Claim(NamedTuple):
    """What a request under an Idempotency-Key is to do: carry out, or give `answer` again."""

    command_id: str
    row: IdempotencyKey | None = None
    status: int | None = None
    answer: Any = None


def request_digest(path: str, body: Any) -> str:
    """What makes two requests the same: where they go and what they say."""
    text = json.dumps([path, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def claim(*, user: User, key: str, digest: str) -> Claim:
    """Write the key before its command is sent, or find what it already did (H-6).

    9008 for a key that is none, 1013 for other content under a known key. The same content
    whose answer is not known yet goes out once more under the same command id, which the
    core answers with the first result.
    """
    if not key:
        return Claim(uuid.uuid4().hex)
    if not _KEY.fullmatch(key):
        raise ExchangeError(INVALID_FIELD, {"field": "Idempotency-Key"})
    _drop_old(user, key)
    row, is_new = IdempotencyKey.objects.get_or_create(
        user=user, key=key, defaults={"request_digest": digest, "command_id": uuid.uuid4().hex}
    )
    if not is_new and row.request_digest != digest:
        raise ExchangeError(ORDER_ID_USED, {"order_id": key}, {"field": "Idempotency-Key"})
    return Claim(row.command_id, row, row.status, row.answer)


def _drop_old(user: User, key: str) -> None:
    old = timezone.now() - KEEP_KEYS
    IdempotencyKey.objects.filter(user=user, key=key, created_at__lt=old).delete()


def keep_answer(*, claimed: Claim, status: int, answer: Any) -> None:
    """Remember what a claimed request was answered."""
    if claimed.row is not None:
        IdempotencyKey.objects.filter(pk=claimed.row.pk).update(status=status, answer=_storable(answer))


def _storable(value: Any) -> Any:
    """A refusal may quote what was sent; the database takes no NUL and no lone surrogate."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(name): _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value


def give_up(*, claimed: Claim) -> None:
    """Nothing was carried out under this key: it may be used as if new."""
    if claimed.row is not None and claimed.status is None:
        IdempotencyKey.objects.filter(pk=claimed.row.pk, status__isnull=True).delete()


def drop_old_keys() -> int:
    """Remove keys older than a day; called by housekeeping."""
    old = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEEP_KEYS)
    return int(old.delete()[0])
