"""The REST envelope, errors and paging: one shape for every endpoint (H-1, H-3, H-4)."""

import json
import logging
import math
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from exchange_site.exceptions import ExchangeError, message, public_params
from trading.engine import codes

log = logging.getLogger(__name__)

MAX_DEPTH = 16


def envelope(data: Any) -> dict[str, Any]:
    """A successful answer."""
    return {"success": True, "data": data, "error": None}


def error_envelope(code: int, text: str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """A refusal."""
    return {
        "success": False,
        "data": None,
        "error": {"code": code, "message": text, "extra": extra or {}},
    }


def error_of(error: ExchangeError) -> dict[str, Any]:
    """The envelope of an ExchangeError in the request's language."""
    extra = {**public_params(error.params), **error.extra}
    return error_envelope(error.code, message(error.code, error.params), extra)


class EnvelopeRenderer(JSONRenderer):
    """Puts answers into the envelope; refusals come in it already."""

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> Any:
        response = (renderer_context or {}).get("response")
        if response is not None and not getattr(response, "is_enveloped", False):
            if response.status_code != status.HTTP_204_NO_CONTENT:
                data = envelope(data)
        return super().render(data, accepted_media_type, renderer_context)


class StrictJSONParser(JSONParser):
    """JSON objects only: no NaN, no infinities, no absurd nesting, 512 KiB at most."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            data = json.loads(stream.read().decode("utf-8"), parse_constant=_refuse_constant)
        except RequestDataTooBig:
            raise
        except (ValueError, RecursionError) as error:
            raise exceptions.ParseError(str(error)) from error
        if not isinstance(data, dict) or _depth(data) > MAX_DEPTH:
            raise exceptions.ParseError("a JSON object is expected")
        return data


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _depth(value: Any) -> int:
    deepest = 0
    todo = [(value, 1)]
    while todo:
        item, level = todo.pop()
        deepest = max(deepest, level)
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        todo.extend((child, level + 1) for child in children)
    return deepest


def refusal_response(error: ExchangeError) -> Response:
    """A DRF response of a refusal."""
    response = Response(error_of(error), status=error.http_status)
    if error.http_status == status.HTTP_401_UNAUTHORIZED:
        response["WWW-Authenticate"] = "Token"
    response.is_enveloped = True  # type: ignore[attr-defined]
    wait = error.extra.get("retry_after")
    if wait is not None:
        response["Retry-After"] = str(max(1, math.ceil(wait)))
    return response


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Every error of a view as a code of the one table; nothing leaks a trace."""
    known = as_exchange_error(error)
    if known is None:
        incident = uuid.uuid4().hex
        log.exception("incident %s", incident, exc_info=error)
        known = ExchangeError(codes.INTERNAL_ERROR, {}, {"incident_id": incident})
    response = refusal_response(known)
    if isinstance(error, exceptions.MethodNotAllowed):
        response.status_code = status.HTTP_405_METHOD_NOT_ALLOWED
    elif isinstance(error, exceptions.UnsupportedMediaType):
        response.status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    elif isinstance(error, RequestDataTooBig):
        response.status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    elif isinstance(error, exceptions.NotAcceptable):
        response.status_code = status.HTTP_406_NOT_ACCEPTABLE
    return response


_BY_TYPE: tuple[tuple[type[Exception], int], ...] = (
    (exceptions.NotAuthenticated, codes.NOT_AUTHENTICATED),
    (exceptions.AuthenticationFailed, codes.AUTHENTICATION_FAILED),
    (exceptions.PermissionDenied, codes.NOT_PERMITTED),
    (PermissionDenied, codes.NOT_PERMITTED),
    (exceptions.NotFound, codes.NOT_FOUND),
    (Http404, codes.NOT_FOUND),
    (exceptions.MethodNotAllowed, codes.NOT_FOUND),
    (exceptions.Throttled, codes.TOO_MANY_REQUESTS),
    (exceptions.ParseError, codes.MALFORMED_MESSAGE),
    (exceptions.UnsupportedMediaType, codes.MALFORMED_MESSAGE),
    (exceptions.NotAcceptable, codes.MALFORMED_MESSAGE),
    (RequestDataTooBig, codes.MALFORMED_MESSAGE),
)


def as_exchange_error(error: Exception) -> ExchangeError | None:
    """The refusal that an exception stands for; None when it is a fault of ours."""
    if isinstance(error, ExchangeError):
        return error
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error)
    for kind, code in _BY_TYPE:
        if isinstance(error, kind):
            extra = {"detail": str(error)} if code == codes.MALFORMED_MESSAGE else {}
            return ExchangeError(code, {}, extra)
    return None


def _invalid(error: exceptions.ValidationError) -> ExchangeError:
    """9008 naming the first bad field, all of them in `extra.fields`."""
    detail = error.detail
    fields = detail if isinstance(detail, dict) else {"non_field_errors": detail}
    return ExchangeError(codes.INVALID_FIELD, {"field": str(next(iter(fields), ""))}, {"fields": fields})


def json_refusal(error: ExchangeError) -> JsonResponse:
    """The same refusal outside DRF."""
    return JsonResponse(error_of(error), status=error.http_status)


def api_not_found(request: HttpRequest, rest: str) -> JsonResponse:
    """Unknown paths under /api answer in the envelope too."""
    return json_refusal(ExchangeError(codes.NOT_FOUND, {}, {"path": f"/api/{rest}"[:200]}))


class CursorPages(CursorPagination):
    """`?cursor=&page_size=` to 500, newest first (H-4)."""

    ordering = "-id"
    page_size = 100
    max_page_size = 500
    page_size_query_param = "page_size"

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, "next_cursor": self._next_cursor()})

    def _next_cursor(self) -> str | None:
        link = self.get_next_link()
        if link is None:
            return None
        from urllib.parse import parse_qs, urlsplit

        return parse_qs(urlsplit(link).query)[self.cursor_query_param][0]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": schema,
                "next_cursor": {"type": "string", "nullable": True},
            },
        }


class NumberedPages(PageNumberPagination):
    """`?page=&page_size=` with `total`, for lists of accounts, users and instruments (H-7)."""

    page_size = 100
    max_page_size = 500
    page_size_query_param = "page_size"

    def get_paginated_response(self, data: Any) -> Response:
        assert self.page is not None
        following = self.page.next_page_number() if self.page.has_next() else None
        return Response({"items": data, "total": self.page.paginator.count, "next_cursor": following})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "total", "next_cursor"],
            "properties": {
                "items": schema,
                "total": {"type": "integer"},
                "next_cursor": {"type": "integer", "nullable": True},
            },
        }
