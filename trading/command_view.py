"""Views that change state outside the order path: once per Idempotency-Key, then remembered (H-6)."""

from collections.abc import Callable
from typing import Any

from rest_framework.response import Response

from accounts import services as users
from exchange_site import audit
from exchange_site.api import envelope, error_of
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import (
    SERVICE_UNAVAILABLE,
    STORAGE_ERROR,
    TOO_MANY_REQUESTS,
    WORKER_NOT_RUNNING,
)
from trading.order_services import Answer, note_write

TRANSIENT = frozenset({WORKER_NOT_RUNNING, SERVICE_UNAVAILABLE, STORAGE_ERROR, TOO_MANY_REQUESTS})
"""Nothing happened: the same key may try again."""


def validated(serializer_class: Any, data: Any) -> dict[str, Any]:
    """The checked fields; 9008 naming the first bad one otherwise."""
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def carry_out(request: Any, venue: str, perform: Callable[[str], Answer], content: Any = None) -> Response:
    """Run `perform(command_id)` once for the request's key; repeats get the first answer.

    `content` is what makes two requests the same: the body, unless it holds secrets.
    """
    key = request.headers.get("Idempotency-Key", "")
    digest = users.request_digest(f"{request.method} {request.path}", content or request.data)
    claimed = users.claim(user=request.user, key=key, digest=digest)
    if claimed.status is not None:
        response = Response(claimed.answer, status=claimed.status)
        response.is_enveloped = True  # type: ignore[attr-defined]
        return response
    try:
        answer = perform(claimed.command_id)
    except ExchangeError as error:
        if error.code in TRANSIENT:
            users.give_up(claimed=claimed)
        else:
            users.keep_answer(claimed=claimed, status=error.http_status, answer=error_of(error))
        raise
    if answer.status != 202:  # an undecided command is asked for again under the same id
        users.keep_answer(claimed=claimed, status=answer.status, answer=envelope(answer.data))
    note_write(venue=venue, user_id=request.user.pk.hex, seq=answer.seq)
    response = Response(answer.data, status=answer.status)
    if answer.seq:
        response["X-Event-Seq"] = str(answer.seq)
    return response


def audited(
    request: Any, venue: str, action: str, target_type: str, target: str, perform: Callable[[str], Answer]
) -> Response:
    """`carry_out` for staff: what was asked and what came of it stands in the audit log (O-3)."""

    def noted(command_id: str) -> Answer:
        known = {
            "venue": venue,
            "target_type": target_type,
            "target": target,
            "reason": str(request.data.get("reason", "")),
            "command_id": command_id,
        }
        audit.tell(reason=known["reason"])
        try:
            answer = perform(command_id)
        except ExchangeError as error:
            audit.record(request, action, code=error.code, **known)
            raise
        audit.record(request, action, after=answer.data, seq=answer.seq or None, **known)
        return answer

    return carry_out(request, venue, noted)
