"""Contests for people: the list, and a page each with its live ranking (O-53)."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from exchange_site.exceptions import ExchangeError
from exchange_site.pages import page, render_page
from settlement import contest_selectors as selectors
from trading.selectors import current_venue


@page()
@require_safe
def contests(request: HttpRequest) -> HttpResponse:
    """Every published contest, newest first."""
    now = timezone.now()
    rows = [(row, row.phase(now)) for row in selectors.published(current_venue())[:100]]
    return render_page(request, "public/contests.html", {"contests": rows})


@page()
@require_safe
def contest(request: HttpRequest, code: str) -> HttpResponse:
    """A contest: what it is about, entry, ranking."""
    try:
        row = selectors.contest_of(current_venue(), code)
    except ExchangeError as error:
        raise Http404(code) from error
    now = timezone.now()
    user: Any = request.user
    entry = selectors.entry_of(row, user) if user.is_authenticated else None
    known = {"contest": row, "phase": row.phase(now), "entry": entry, "is_open": row.takes_entries(now)}
    return render_page(request, "public/contest.html", {**known, "setup": {"contest": row.code}})
