"""Request ids: taken from the caller when sound, given back always (H-1)."""

import re
import uuid
from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from exchange_site import logs

_SOUND = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def request_id_of(request: HttpRequest) -> str:
    """The id this request goes by in logs and answers."""
    given = request.headers.get("X-Request-ID", "")
    return given if _SOUND.fullmatch(given) else uuid.uuid4().hex


Get = Callable[[HttpRequest], HttpResponse]
GetAsync = Callable[[HttpRequest], Awaitable[HttpResponse]]


@sync_and_async_middleware
def RequestIdMiddleware(get_response: Get | GetAsync) -> Get | GetAsync:
    """Put `request.request_id` on the request and X-Request-ID on the answer."""
    from asgiref.sync import iscoroutinefunction

    if iscoroutinefunction(get_response):

        async def call_async(request: HttpRequest) -> HttpResponse:
            request.request_id = request_id_of(request)  # type: ignore[attr-defined]
            logs.unbind()
            logs.bind(request_id=request.request_id)  # type: ignore[attr-defined]
            response: HttpResponse = await get_response(request)  # type: ignore[misc]
            response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
            return response

        return call_async

    def call(request: HttpRequest) -> HttpResponse:
        request.request_id = request_id_of(request)  # type: ignore[attr-defined]
        logs.unbind()
        logs.bind(request_id=request.request_id)  # type: ignore[attr-defined]
        response: HttpResponse = get_response(request)  # type: ignore[assignment]
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response

    return call


ADMIN_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",  # the theme's Alpine reads its attributes with Function
        "style-src 'self' 'unsafe-inline'",  # the theme sets its colours in the page
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""No inline script runs on the admin's pages."""


@sync_and_async_middleware
def AdminPolicyMiddleware(get_response: Get | GetAsync) -> Get | GetAsync:
    """Put the admin's Content-Security-Policy on pages that bring none of their own."""
    from asgiref.sync import iscoroutinefunction

    def protect(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path.startswith("/admin/"):
            response.headers.setdefault("Content-Security-Policy", ADMIN_POLICY)
        return response

    if iscoroutinefunction(get_response):

        async def call_async(request: HttpRequest) -> HttpResponse:
            return protect(request, await get_response(request))  # type: ignore[misc]

        return call_async

    def call(request: HttpRequest) -> HttpResponse:
        return protect(request, get_response(request))  # type: ignore[arg-type]

    return call
