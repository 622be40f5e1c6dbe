"""POST /api/auth/password/reset: a new password for a one-time link (H-9)."""

from typing import Any

from rest_framework.response import Response

from accounts import reset_services as services
from accounts.api import LoginLimited, validated
from accounts.serializers import DoneOut, PasswordIn
from exchange_site import audit
from exchange_site.documented import PUBLIC, documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import StrictSerializer, TextIn
from trading.engine.codes import AUTHENTICATION_FAILED, INVALID_FIELD


class ResetIn(StrictSerializer):
    token = TextIn(max_length=128, help_text="what the link ends with")
    new_password = PasswordIn()


class Reset(LoginLimited):
    @documented(
        "A new password by a one-time link; every session and token ends",
        request=ResetIn,
        sent={"token": "7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22-czp2x1-0f…", "new_password": "staple battery horse"},
        answer=DoneOut,
        example={"done": True},
        errors=(AUTHENTICATION_FAILED, INVALID_FIELD),
        common=PUBLIC,
        tag="auth",
    )
    def post(self, request: Any) -> Response:
        body = validated(ResetIn, request.data)
        reset(request._request, body["token"], body["new_password"])
        return Response({"done": True})


def reset(request: Any, token: str, new: str) -> None:
    """Set the password by a link; done or refused, it is audited."""
    known = {"target_type": "user", "target": token[:32]}
    try:
        user = services.reset_password(token=token, new=new)
    except ExchangeError as error:
        audit.record(request, "password_reset", code=error.code, **known)
        raise
    audit.record(request, "password_reset", user_id=user.pk.hex, username=user.username, **known)
