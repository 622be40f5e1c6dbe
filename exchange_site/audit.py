"""The one place that writes the audit log (O-3): who, when, from where, what, why.

The table belongs to the trading app; it is looked up by name, so that every app may
write to it without importing the app (A-20).
"""

from collections.abc import Iterable
from typing import Any

import pghistory
from django.apps import apps
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from trading.engine.codes import AUTHENTICATION_FAILED, NOT_PERMITTED

TEXT_LIMIT = 200
NAME_LIMIT = 150


def client_address(request: HttpRequest | None) -> str | None:
    """The address the request came from, as the web server reports it."""
    if request is None:
        return None
    return request.META.get("REMOTE_ADDR") or None


def clean_text(value: Any, limit: int = TEXT_LIMIT) -> str:
    """Text that PostgreSQL takes: without NUL and lone surrogates, cut to `limit`."""
    text = str(value).replace("\x00", "")
    return text.encode("utf-8", "replace").decode("utf-8")[:limit]


def entry(request: HttpRequest | None, action: str, **fields: Any) -> Any:
    """An unsaved audit row with who and from where filled in from the request."""
    model = apps.get_model("trading", "AuditLog")
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        fields.setdefault("user_id", user.pk.hex)
        fields.setdefault("username", user.get_username())
    for name in ("target", "reason"):
        fields[name] = clean_text(fields.get(name, ""))
    fields["username"] = clean_text(fields.get("username", ""), NAME_LIMIT)
    return model(action=action, address=client_address(request), **fields)


def record(request: HttpRequest | None, action: str, **fields: Any) -> Any:
    """Write one audit row and return it."""
    row = entry(request, action, **fields)
    row.save(force_insert=True)
    return row


def acting(request: HttpRequest) -> Any:
    """A context in which the triggers know who changes rows, from where and why (O-3)."""
    known = {"address": client_address(request) or "", "path": clean_text(request.path)}
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        known |= named(user)
    else:
        known["username"] = ""
    return pghistory.context(**known)


def named(user: Any) -> dict[str, str]:
    """A user as the context of changed rows names them."""
    return {"user": user.pk.hex, "username": clean_text(user.get_username(), NAME_LIMIT)}


def tell(**known: Any) -> None:
    """Add to the context that is open in this thread, if there is one."""
    pghistory.context(**{name: clean_text(value) for name, value in known.items()})


def record_all(rows: Iterable[Any]) -> list[Any]:
    """Write many audit rows at once."""
    return list(apps.get_model("trading", "AuditLog").objects.bulk_create(rows))


def denied(request: HttpRequest, what: str) -> None:
    """Record that a signed-in user asked for something they may not do."""
    record(
        request,
        "permission_denied",
        target_type="page",
        target=request.path,
        after={"wanted": clean_text(what), "method": request.method},
        code=NOT_PERMITTED,
    )


def on_login_failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_kwargs: Any
) -> None:
    """Record a failed log-in with the name that was tried, never the password."""
    name = str(credentials.get("username") or "")
    path = request.path if request is not None else ""
    record(
        request,
        "login_failed",
        user_id="",
        username=name,
        target_type="user",
        target=name,
        after={"path": clean_text(path)},
        code=AUTHENTICATION_FAILED,
    )


def on_logged_in(sender: Any, request: HttpRequest, user: Any, **_kwargs: Any) -> None:
    """Record a session log-in."""
    record(request, "login", user_id=user.pk.hex, username=user.get_username(), target_type="user")


def on_logged_out(sender: Any, request: HttpRequest, user: Any, **_kwargs: Any) -> None:
    """Record the end of a session."""
    if user is not None and user.pk is not None:
        record(request, "logout", user_id=user.pk.hex, username=user.get_username(), target_type="user")


def connect() -> None:
    """Listen to Django's log-in signals; called once when the admin app is ready."""
    user_login_failed.connect(on_login_failed, dispatch_uid="audit.login_failed")
    user_logged_in.connect(on_logged_in, dispatch_uid="audit.logged_in")
    user_logged_out.connect(on_logged_out, dispatch_uid="audit.logged_out")
