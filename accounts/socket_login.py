"""Log-ins over sockets: by password, API token or browser session, and what ends them (D-10, W-3).

Blocking; called in a thread. A password that was right is remembered for 12 hours as an HMAC
over user, password hash and password, so that a thousand strategies may come back at once:
nobody can make it without the password, and a new password or hash makes another.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import redis
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from accounts.authentication import caller_of
from accounts.models import USERNAME_PATTERN, AuthToken, TokenScope, User, default_scopes
from accounts.services import LOCK_S, sign_in
from exchange_site.cachepipe import CacheAway, cache_call
from exchange_site.exceptions import ExchangeError
from exchange_site.ratelimit import LOGIN, Draw, client_address, take
from trading.engine.codes import AUTHENTICATION_FAILED, TOO_MANY_REQUESTS

REMEMBER_S = 12 * 3600
_TOKEN_LENGTH = 64
_MOST_PASSWORD = 256


class Credential(NamedTuple):
    """Who a socket speaks for and what it came with; `ended` says when that is over."""

    user_id: str  # 32 hex
    username: str
    password_hash: str
    token_digest: str = ""
    session_key: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def may_trade(self) -> bool:
        return TokenScope.TRADE.value in self.scopes


def request_of(scope: dict[str, Any]) -> HttpRequest:
    """The request that a socket's handshake was, for the lock and the limits."""
    request = HttpRequest()
    request.method, request.path = "POST", str(scope.get("path", ""))
    client = scope.get("client") or ["", 0]
    request.META["REMOTE_ADDR"] = str(client[0])
    for name, value in scope.get("headers", ()):
        request.META["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    return request


def is_sound(username: str, password: str) -> bool:
    """Could these be a user name ("" for none) and a secret at all?"""
    try:
        is_short = len(password.encode()) <= _MOST_PASSWORD
    except UnicodeEncodeError:
        return False
    return is_short and "\0" not in password and (not username or bool(re.match(USERNAME_PATTERN, username)))


def username_of(text: str) -> str:
    """The user name that a name or a 32-hex user id stands for; the text itself for neither."""
    if len(text) != 32 or not all(letter in "0123456789abcdef" for letter in text):
        return text
    return User.objects.filter(pk=text).values_list("username", flat=True).first() or text


# ------------------------------------------------------------------- passwords


def _memory(user: User, password: str) -> str:
    text = "\0".join((user.pk.hex, user.password, password)).encode("utf-8", "surrogatepass")
    return "login:" + hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()


def _is_remembered(key: str) -> bool:
    try:
        return bool(cache_call("EXISTS", key).result())
    except (CacheAway, redis.ResponseError):
        return False


def sign_in_again(*, request: HttpRequest, username: str, password: str) -> User:
    """`services.sign_in`, quick for a pair that was right in the last 12 hours.

    9001 for a wrong pair, 9004 while name and address are locked or try too often.
    """
    user = User.objects.filter(username=username, is_active=True).first()
    key = "" if user is None else _memory(user, password)
    if user is not None and _is_remembered(key):
        if AxesProxyHandler.is_allowed(request, {"username": username}):
            return user
        raise ExchangeError(TOO_MANY_REQUESTS, {}, {"retry_after": LOCK_S, "locked": True})
    name = username.lower()[:64]
    take([Draw(f"login:a:{client_address(request)}", LOGIN), Draw(f"login:u:{name}", LOGIN)])
    user = sign_in(request=request, username=username, password=password)
    try:
        cache_call("SET", _memory(user, password), 1, "EX", REMEMBER_S).result()
    except (CacheAway, redis.ResponseError):
        pass  # the next log-in is as slow as this one
    return user


def _of_password(request: HttpRequest, username: str, password: str) -> Credential:
    user = sign_in_again(request=request, username=username, password=password)
    return Credential(user.pk.hex, user.username, user.password, scopes=tuple(default_scopes()))


# ---------------------------------------------------------- tokens and sessions


def _of_token(username: str, token: str) -> Credential | None:
    """The token's user when it is this one; None for what is no token of theirs."""
    if len(token) != _TOKEN_LENGTH or not token.isalnum():
        return None
    try:
        caller = caller_of(token)
    except AuthenticationFailed:
        return None
    user = caller.user
    if username not in ("", user.username) or not caller.token.allows(TokenScope.READ.value):
        return None
    return Credential(
        user.pk.hex, user.username, user.password, hash_token(token), scopes=tuple(caller.token.scopes)
    )


def is_own_origin(request: HttpRequest) -> bool:
    """Did a page of this site open the socket?"""
    origin = request.META.get("HTTP_ORIGIN", "")
    if not origin:
        return False
    return origin in settings.CSRF_TRUSTED_ORIGINS or urlsplit(origin).netloc == request.META.get("HTTP_HOST")


def of_session(request: HttpRequest) -> Credential | None:
    """Who is signed in with the browser that opened the socket from a page of ours."""
    if not is_own_origin(request):
        return None
    try:
        cookie = SimpleCookie(request.META.get("HTTP_COOKIE", "")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if cookie is None:
        return None
    store = import_module(settings.SESSION_ENGINE).SessionStore(cookie.value)
    request.session = store
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    scopes = tuple(default_scopes())
    return Credential(user.pk.hex, user.username, user.password, "", store.session_key or "", scopes)


def sign_in_socket(*, request: HttpRequest, username: str, password: str) -> Credential:
    """The credential of a log-in: token, password, or an empty one with a page's own session.

    ``username`` is the owner's; "" with a session is whoever is signed in. Raises 9001, 9004.
    """
    if not password:
        found = of_session(request)
        if found is not None and username in ("", found.username):
            return found
        raise ExchangeError(AUTHENTICATION_FAILED)
    return _of_token(username, password) or _of_password(request, username, password)


# --------------------------------------------------------------------- endings


def ended(credentials: Iterable[Credential]) -> set[Credential]:
    """Those that no longer hold: user gone, inactive or with a new password, token or session ended."""
    given = set(credentials)
    ids = {one.user_id for one in given}
    users = {
        pk.hex: password
        for pk, password in User.objects.filter(pk__in=ids, is_active=True).values_list("pk", "password")
    }
    now = timezone.now()
    digests = {one.token_digest for one in given if one.token_digest}
    tokens = AuthToken.objects.filter(pk__in=digests).exclude(expiry__lte=now)
    sessions = {one.session_key for one in given if one.session_key}
    rows = Session.objects.filter(pk__in=sessions, expire_date__gt=now)
    living = {"", *(tokens.values_list("pk", flat=True) if digests else ())}
    living |= set(rows.values_list("pk", flat=True)) if sessions else set()
    return {
        one
        for one in given
        if users.get(one.user_id) != one.password_hash
        or one.token_digest not in living
        or one.session_key not in living
    }
