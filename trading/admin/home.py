"""The control room's first page, from what really runs now (O-1, A-4a)."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count
from django.db.models.functions import TruncMinute
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import MoneyRequest
from exchange_site.admin_base import SHANGHAI
from trading import session_watch
from trading.admin import pulse
from trading.models import (
    DelistingRequest,
    Order,
    SessionTemplate,
    SettlementDay,
    Trade,
    TradingAccount,
    Venue,
)

MINUTES = 30
CACHE_S = 5
NEWEST = 200_000  # rows looked at for the charts: a bound on the work, not on the market


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the home page; called by unfold."""
    if request.user.has_perm("trading.view_venue"):
        context["venues"] = [venue_card(venue) for venue in Venue.objects.order_by("id")]
        context["activity"] = activity(timezone.now())
        context["counts"] = counts(request)
    return context


def environment(request: HttpRequest) -> list[Any] | None:
    """The label in the page's head: a halted venue is seen on every page."""
    if not request.user.is_authenticated:
        return None
    halted = cache.get_or_set("admin:halted", halted_venues, CACHE_S)
    return [_("Halted: %(venues)s") % {"venues": ", ".join(halted)}, "danger"] if halted else None


def halted_venues() -> list[str]:
    """Codes of the venues that an operator has halted."""
    return list(Venue.objects.filter(is_halted=True).values_list("code", flat=True))


def venue_card(venue: Venue) -> dict[str, Any]:
    """What the home page says about one venue."""
    return {
        "venue": venue,
        "url": reverse("admin:trading_venue_change", args=[venue.pk]),
        "phases": phases(venue),
        "parts": pulse.parts(venue.code),
        "findings": session_watch.findings(venue.code, time.time_ns()),
        "last_settlement": SettlementDay.objects.filter(venue=venue).order_by("-trading_day").first(),
    }


def phases(venue: Venue) -> list[dict[str, Any]]:
    """The phase of each timetable."""
    templates = SessionTemplate.objects.filter(venue=venue).order_by("name")
    return [{"name": row.name, "phase": row.phase, "text": row.get_phase_display()} for row in templates]


def counts(request: HttpRequest) -> list[dict[str, Any]]:
    """What waits for somebody."""
    pending = TradingAccount.objects.filter(status="PENDING").count()
    frozen = TradingAccount.objects.filter(status="FROZEN").count()
    accounts = reverse("admin:trading_tradingaccount_changelist")
    money = reverse("admin:accounts_moneyrequest_changelist")
    return [
        {
            "title": _("Withdrawals waiting for approval"),
            "value": MoneyRequest.objects.filter(state=MoneyRequest.PENDING).count(),
            "url": f"{money}?state__exact=pending",
        },
        {
            "title": _("Delistings waiting for a second person"),
            "value": DelistingRequest.objects.count(),
            "url": reverse("admin:trading_delistingrequest_changelist"),
        },
        {
            "title": _("Accounts waiting for approval"),
            "value": pending,
            "url": f"{accounts}?status__exact=PENDING",
        },
        {
            "title": _("Frozen accounts"),
            "value": frozen,
            "url": f"{accounts}?status__exact=FROZEN",
        },
    ]


def activity(now: datetime) -> dict[str, Any]:
    """Orders and trades per minute of the last half hour, from the tables' newest rows."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    key = f"admin:activity:{int(now.timestamp()) // CACHE_S}"
    series = cache.get(key)
    if series is None:
        minutes = [minute - timedelta(minutes=n) for n in reversed(range(MINUTES))]
        series = {
            "labels": [moment.astimezone(SHANGHAI).strftime("%H:%M") for moment in minutes],
            "orders": per_minute(Order, "insert_time", minutes, 1),
            # both sides of a trade are rows
            "trades": per_minute(Trade, "time", minutes, 2),
        }
        cache.set(key, series, 2 * CACHE_S)
    return {
        **series,
        "orders_chart": chart(series["labels"], series["orders"], _("orders"), "primary-600"),
        "trades_chart": chart(series["labels"], series["trades"], _("trades"), "primary-400"),
        "orders_total": sum(series["orders"]),
        "trades_total": sum(series["trades"]),
    }


def per_minute(model: Any, column: str, minutes: Sequence[datetime], rows_each: int) -> list[int]:
    """Rows of each minute among the newest rows of a table."""
    newest = model.objects.order_by("-id").values("id")[:NEWEST]
    oldest = list(newest.values_list("id", flat=True)[NEWEST - 1 : NEWEST])
    rows = model.objects.filter(**{f"{column}__gte": minutes[0]})
    if oldest:
        rows = rows.filter(id__gte=oldest[0])
    found = (rows.order_by().annotate(minute=TruncMinute(column, tzinfo=UTC)).values_list("minute")).annotate(
        count=Count("id")
    )
    by_minute = dict(found)
    return [by_minute.get(moment, 0) // rows_each for moment in minutes]


def chart(labels: Sequence[str], values: Sequence[int], title: Any, color: str) -> str:
    """Data of one bar chart, as unfold's chart component takes it."""
    return json.dumps(
        {
            "labels": list(labels),
            "datasets": [
                {
                    "label": str(title),
                    "data": list(values),
                    "backgroundColor": f"var(--color-{color})",
                    "displayYAxis": True,
                    "maxTicksXLimit": 7,
                }
            ],
        }
    )
