"""What TqSdk asks its authentication server, answered by the site itself (D-13).

With `TQ_AUTH_URL` pointing here, user name and password are the site's. The access token is
a JWT that TqSdk reads for its grants and shows with every socket; a `TqKq` account, which knows
no password but its subject, logs in with it. It opens nothing else.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from accounts.models import User
from accounts.socket_login import sign_in_again
from exchange_site.exceptions import ExchangeError
from exchange_site.views import in_thread
from trading.engine.codes import TOO_MANY_REQUESTS

FEATURES = ("futr", "lmt_idx", "tq_dl", "tq_trading_status", "tq_ma")
ACCESS_S = 12 * 3600
REFRESH_S = 30 * 86_400
_SALT = "tqsdk-refresh"
_MOST = 64 * 1024
Answer = tuple[int, dict[str, Any]]


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def access_token(user: User) -> str:
    """A JWT with the subject and the grants (features, and the name TqSdk need not have bound)."""
    now = int(time.time())
    claims = {
        "sub": user.pk.hex,
        "iat": now,
        "exp": now + ACCESS_S,
        "preferred_username": user.username,
        "mark": _mark(user),
        "grants": {"features": list(FEATURES), "accounts": [user.username]},
    }
    parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    text = ".".join(parts)
    return f"{text}.{_signature(text)}"


def _mark(user: User) -> str:
    """Changes with the password."""
    return user.get_session_auth_hash()[:16]


def _signature(text: str) -> str:
    return _base64(hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).digest())


def bearer_of(request: HttpRequest) -> User | None:
    """The user whose access token a handshake shows; None for none, a false one, an old one."""
    kind, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    text, _, mark = token.rpartition(".")
    if (
        kind.lower() != "bearer"
        or not text
        or not hmac.compare_digest(_signature(text).encode(), mark.encode())
    ):
        return None
    body = text.partition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if claims["exp"] < time.time():
        return None
    user = User.objects.filter(pk=claims["sub"], is_active=True).first()
    if user is None or not hmac.compare_digest(_mark(user), claims.get("mark", "")):
        return None
    return user


def refresh_token(user: User) -> str:
    """Good for 30 days, until the password changes or the user is locked."""
    return signing.dumps([user.pk.hex, user.get_session_auth_hash()], salt=_SALT)


def _refreshed(text: str) -> User | None:
    try:
        user_id, mark = signing.loads(text, salt=_SALT, max_age=REFRESH_S)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not hmac.compare_digest(user.get_session_auth_hash(), mark):
        return None
    return user


def _refusal(status: int, error: str, text: str) -> Answer:
    return status, {"error": error, "error_description": text}


def _grant(request: HttpRequest) -> Answer:
    """Tokens for a password or an earlier refresh token, in OAuth's words."""
    form = request.POST
    kind = form.get("grant_type", "")
    if kind == "refresh_token":
        found = _refreshed(form.get("refresh_token", ""))
        if found is None:
            return _refusal(400, "invalid_grant", "the refresh token has ended")
        return _tokens(found)
    if kind != "password":
        return _refusal(400, "unsupported_grant_type", "password or refresh_token")
    name, password = form.get("username", ""), form.get("password", "")
    if "\0" in name + password or not name.isprintable():
        return _refusal(401, "invalid_grant", "wrong user name or password")
    try:
        return _tokens(sign_in_again(request=request, username=name[:150], password=password[:256]))
    except ExchangeError as error:
        if error.code == TOO_MANY_REQUESTS:
            return _refusal(429, "slow_down", "too many attempts; try again later")
        return _refusal(401, "invalid_grant", "wrong user name or password")


def _tokens(user: User) -> Answer:
    return 200, {
        "access_token": access_token(user),
        "expires_in": ACCESS_S,
        "refresh_token": refresh_token(user),
        "refresh_expires_in": REFRESH_S,
        "token_type": "Bearer",
    }


@csrf_exempt
async def token(request: HttpRequest) -> HttpResponse:
    """POST …/protocol/openid-connect/token."""
    if request.method != "POST":
        return JsonResponse({"error": "invalid_request"}, status=405)
    if int(request.META.get("CONTENT_LENGTH") or 0) > _MOST:
        return JsonResponse({"error": "invalid_request"}, status=413)
    status, body = await in_thread(_grant, request)
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


@csrf_exempt
async def grant(request: HttpRequest) -> HttpResponse:
    """GET …/rest/get-grant/tq: nothing here ends."""
    exp = int(time.time()) + 365 * 86_400
    return JsonResponse({"exp": exp, "daysleft": 365, "account_type": "professional"})


@csrf_exempt
async def bind_account(request: HttpRequest, account_id: str) -> HttpResponse:
    """PUT …/rest/update-grant-accounts/{id}: any account may be named; orders check whose it is."""
    return JsonResponse({"account": account_id[:64]})


_REALM = "auth/realms/shinnytech"
urlpatterns = [
    path(f"{_REALM}/protocol/openid-connect/token", token),
    path(f"{_REALM}/rest/get-grant/tq", grant),
    path(f"{_REALM}/rest/update-grant-accounts/<str:account_id>", bind_account),
]
