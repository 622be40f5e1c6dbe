"""Who asks: API tokens with scopes, remembered by each process for less than a second (H-2).

The order path asks for the same tokens over and over; a look-up older than `REMEMBER_S` is
made anew, so a revoked token or a deactivated user is refused within a second everywhere.
"""

import hmac
import threading
import time
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import AuthToken, User
from exchange_site.ratelimit import Draw, Limit, client_address, take

REMEMBER_S = 0.8
MAX_REMEMBERED = 20_000
USED_EVERY = timedelta(minutes=1)
KEYWORD = "Token"
_TOKEN_LENGTH = 128
WRONG_TOKENS = Limit(1, 60)
"""What an address may try without being known (H-5)."""


class Caller(NamedTuple):
    """A user and the token they came with."""

    user: User
    token: AuthToken
    until: float  # time.monotonic() up to which the look-up holds


_remembered: dict[str, Caller] = {}
_lock = threading.Lock()


def token_in(header: str) -> str | None:
    """The token of an Authorization header, None when it is for another scheme.

    AuthenticationFailed when it is ours and malformed.
    """
    parts = header.split()
    if not parts or parts[0].lower() != KEYWORD.lower():
        return None
    if len(parts) != 2 or len(parts[1]) > _TOKEN_LENGTH or not parts[1].isascii():
        raise AuthenticationFailed("malformed token")
    return parts[1]


def remembered(token: str) -> Caller | None:
    """The caller of a token looked up less than `REMEMBER_S` ago; no query."""
    caller = _remembered.get(hash_token(token))
    if caller is None or caller.until < time.monotonic() or _is_expired(caller.token):
        return None
    return caller


def caller_of(token: str) -> Caller:
    """The caller of a token; AuthenticationFailed for an unknown, expired or idle one."""
    return remembered(token) or _look_up(token)


def _is_expired(token: AuthToken) -> bool:
    return token.expiry is not None and token.expiry <= timezone.now()


def _look_up(token: str) -> Caller:
    digest = hash_token(token)
    rows = AuthToken.objects.filter(token_key=token[: CONSTANTS.TOKEN_KEY_LENGTH]).select_related("user")
    for row in rows:
        if hmac.compare_digest(row.digest, digest):
            break
    else:
        raise AuthenticationFailed("unknown token")
    if _is_expired(row) or not row.user.is_active:
        raise AuthenticationFailed("token ended")
    _note_use(row)
    caller = Caller(row.user, row, time.monotonic() + REMEMBER_S)
    with _lock:
        if len(_remembered) >= MAX_REMEMBERED:
            _remembered.clear()
        _remembered[digest] = caller
    return caller


def _note_use(token: AuthToken) -> None:
    now = timezone.now()
    if token.last_used is None or now - token.last_used > USED_EVERY:
        AuthToken.objects.filter(pk=token.pk).update(last_used=now)


def forget(digest: str = "") -> None:
    """Forget a token, or all of them, in this process at once."""
    with _lock:
        if digest:
            _remembered.pop(digest, None)
        else:
            _remembered.clear()


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token …`; `request.auth` is the AuthToken.

    An address that comes with one wrong token after another is told 9004.
    """

    def authenticate(self, request: Any) -> tuple[User, AuthToken] | None:
        token = token_in(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is None:
            return None
        try:
            caller = caller_of(token)
        except AuthenticationFailed:
            take([Draw(f"token:a:{client_address(request)}", WRONG_TOKENS)])
            raise
        return caller.user, caller.token

    def authenticate_header(self, request: Any) -> str:
        return KEYWORD


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """How the schema shows the token."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token` followed by a space and the token that log-in gave.",
        }
