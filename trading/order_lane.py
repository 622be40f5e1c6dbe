"""The short way of orders: from ASGI to the view without Django's middleware (Q-9).

Every middleware costs a request two changes of thread; an order under a token needs none
of sessions, CSRF or messages. What carries no token goes the long way.
"""

from io import BytesIO
from typing import Any

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.utils import translation

from exchange_site.middleware import request_id_of
from trading import order_api
from trading.fast_view import FastView

MAX_BODY = 512 * 1024
LANES: dict[str, type[FastView]] = {
    "/api/order/submit": order_api.Submit,
    "/api/order/submit-batch": order_api.SubmitBatch,
    "/api/order/cancel": order_api.Cancel,
    "/api/order/cancel-batch": order_api.CancelBatch,
    "/api/order/cancel-all": order_api.CancelAllOrders,
    "/api/order/modify": order_api.Modify,
    "/api/order/check": order_api.Check,
}


class OrderLane:
    """ASGI middleware: order requests with a token to their view, all else to `application`."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        view = LANES.get(scope.get("path", ""))
        if view is None or scope.get("method") != "POST" or not _has_token(scope):
            await self.application(scope, receive, send)
            return
        body = await _body(receive)
        if body is not None:
            response = await _answer(view, ASGIRequest(scope, BytesIO(body)))
            await _send(response, send)


def _has_token(scope: dict[str, Any]) -> bool:
    return any(
        name == b"authorization" and value[:6].lower() == b"token " for name, value in scope["headers"]
    )


async def _body(receive: Any) -> bytes | None:
    """The body, cut behind its greatest size; None when the client left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        if size <= MAX_BODY:
            parts.append(part)
        size += len(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(view: type[FastView], request: ASGIRequest) -> HttpResponse:
    request.request_id = request_id_of(request)  # type: ignore[attr-defined]
    try:
        request.get_host()
    except DisallowedHost:
        return HttpResponse(status=400)
    language = translation.get_language_from_request(request)
    with translation.override(language):
        response = await view().serve(request)
    response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Language"] = language
    response["Vary"] = "Accept-Language"
    return response


async def _send(response: HttpResponse, send: Any) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"content-length", str(len(response.content)).encode("ascii")))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
