"""Request ids: taken from the caller when sound, given back always (H-1)."""

import re
import uuid
from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

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
            response: HttpResponse = await get_response(request)  # type: ignore[misc]
            response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
            return response

        return call_async

    def call(request: HttpRequest) -> HttpResponse:
        request.request_id = request_id_of(request)  # type: ignore[attr-defined]
        response: HttpResponse = get_response(request)  # type: ignore[assignment]
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response

    return call
