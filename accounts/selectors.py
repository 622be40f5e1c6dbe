"""Reads about users."""

import time
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import AuthToken, User, VenueSetting

_SETTING_S = 1.0
_settings: dict[tuple[str, str], tuple[float, int]] = {}


def milliseconds(moment: datetime | None) -> int | None:
    """A moment as ms since 1970, None for none."""
    return None if moment is None else int(moment.timestamp() * 1000)


def user_id_of(text: str) -> str:
    """A user id as 32 hex, "" for what is none."""
    try:
        return uuid.UUID(hex=text).hex if len(text) in (32, 36) else ""
    except ValueError:
        return ""


def roles_of(user: User) -> list[str]:
    """The names of the user's groups, `superuser` first where it applies."""
    names = sorted(user.groups.values_list("name", flat=True))
    return ["superuser", *names] if user.is_superuser else names


def tokens_of(user: User) -> QuerySet[AuthToken]:
    """The user's tokens, newest first."""
    tokens: QuerySet[AuthToken] = AuthToken.objects.filter(user=user).order_by("-created")
    return tokens


def user_names(ids: set[str]) -> dict[str, str]:
    """User names by 32-hex id; what is no id is left out."""
    keys = [uuid.UUID(hex=known) for known in map(user_id_of, ids) if known]
    return {key.hex: name for key, name in User.objects.filter(pk__in=keys).values_list("pk", "username")}


def token_data(token: AuthToken) -> dict[str, Any]:
    """A token as the API shows it."""
    return {
        "token_key": token.token_key,
        "name": token.name,
        "scopes": list(token.scopes),
        "created_at": milliseconds(token.created),
        "expires_at": milliseconds(token.expiry),
        "last_used_at": milliseconds(token.last_used),
    }


def user_data(user: User) -> dict[str, Any]:
    """A user as the API shows them to themselves."""
    return {
        "user_id": user.pk.hex,
        "username": user.username,
        "email": user.email,
        "phone": user.phone,
        "language": user.language,
        "roles": roles_of(user),
        "is_staff": user.is_staff,
        "created_at": milliseconds(user.date_joined),
    }


def setting_or(venue: str, name: str, fallback: int) -> int:
    """A venue setting when its row exists, else the fallback; at most a second old."""
    now = time.monotonic()
    cached = _settings.get((venue, name))
    if cached is None or cached[0] < now:
        row = VenueSetting.objects.filter(venue=venue, name=name).first()
        found = fallback if row is None else int(row.value)
        _settings[venue, name] = cached = (now + _SETTING_S, found)
    return cached[1]


def registration_is_open() -> bool:
    """May strangers make themselves users? The venue's setting, else the environment's."""
    return bool(setting_or(settings.EXCHANGE_VENUE, "registration_open", int(settings.REGISTRATION_OPEN)))
