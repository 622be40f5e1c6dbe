"""Django's own error answers: the envelope under /api, pages elsewhere (H-1)."""

import logging
import uuid

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from exchange_site.api import json_refusal
from exchange_site.exceptions import ExchangeError
from trading.engine import codes

log = logging.getLogger(__name__)


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a host, header or form that Django refuses before any view."""
    if is_api(request):
        return json_refusal(ExchangeError(codes.MALFORMED_MESSAGE))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if is_api(request):
        return json_refusal(ExchangeError(codes.NOT_PERMITTED))
    return defaults.permission_denied(request, exception)


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a missing or wrong CSRF token."""
    if is_api(request):
        return json_refusal(ExchangeError(codes.NOT_PERMITTED, {}, {"detail": reason}))
    from django.views.csrf import csrf_failure

    return csrf_failure(request, reason=reason)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if is_api(request):
        return json_refusal(ExchangeError(codes.NOT_FOUND))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 with an incident id; Django logs the trace under the same request."""
    incident = uuid.uuid4().hex
    log.error("incident %s, request %s", incident, getattr(request, "request_id", "-"))
    if is_api(request):
        return json_refusal(ExchangeError(codes.INTERNAL_ERROR, {}, {"incident_id": incident}))
    return defaults.server_error(request)
