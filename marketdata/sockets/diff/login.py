"""Whose account a `req_login` asks for (D-10, D-11). Blocking."""

import re
from typing import NamedTuple

from django.http import HttpRequest

from accounts.models import USERNAME_PATTERN, User, default_scopes
from accounts.selectors import user_names
from accounts.socket_login import Credential, is_sound, sign_in_socket
from accounts.tqauth import bearer_of
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import ACCOUNT_NOT_FOUND, AUTHENTICATION_FAILED
from trading.models import TradingAccount
from trading.selectors import venue_number

_ACCOUNT = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class SignedIn(NamedTuple):
    """A successful log-in: the name its branch has, the credential, the account."""

    name: str
    credential: Credential
    account_id: str


def sign_in(venue: str, request: HttpRequest, user_name: str, password: str) -> SignedIn:
    """Check a log-in; ExchangeError 9001, 9004 (locked, too often), 1006 (no account)."""
    account = _account(venue, user_name)
    username = user_name if account is None else _owner_of(account)
    credential = None
    if user_name and user_name == password:
        username = ""  # an API token in both places
        credential = _of_subject(request, user_name)
    if credential is None:
        if not is_sound(username, password):
            raise ExchangeError(AUTHENTICATION_FAILED)
        credential = sign_in_socket(request=request, username=username, password=password)
    if account is None:
        account = _default_account(venue, credential.user_id)
    if account is None or account.user_id != credential.user_id:
        raise ExchangeError(ACCOUNT_NOT_FOUND)
    return SignedIn(user_name or credential.username, credential, account.account_id)


def _of_subject(request: HttpRequest, subject: str) -> Credential | None:
    """TqKq sends the subject of its access token twice, and the token with the handshake (D-13)."""
    user = bearer_of(request)
    if user is None or user.pk.hex != subject:
        return None
    return Credential(user.pk.hex, user.username, user.password, scopes=tuple(default_scopes()))


def _account(venue: str, text: str) -> TradingAccount | None:
    if re.match(USERNAME_PATTERN, text) and User.objects.filter(username=text).exists():
        return None
    if not _ACCOUNT.fullmatch(text):
        return None
    return TradingAccount.objects.filter(venue=venue_number(venue), account_id=text).first()


def _owner_of(account: TradingAccount) -> str:
    return user_names({account.user_id}).get(account.user_id, "")


def _default_account(venue: str, user_id: str) -> TradingAccount | None:
    """The user's first account that is not closed."""
    rows = TradingAccount.objects.filter(venue=venue_number(venue), user_id=user_id)
    return rows.exclude(status="CLOSED").order_by("id").first()
