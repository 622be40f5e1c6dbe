"""What the watcher and the tables add to the control room's first page (O-1, O-33)."""

import time
from typing import Any

import redis
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from exchange_site.stamps import BEAT_KEY, CANARY_KEY
from exchange_site.streams import cache_client
from marketdata.feeds.store import feed_status
from monitoring import observed
from monitoring.models import Alert, AlertState
from monitoring.watcher import last_look
from trading.admin import home, pulse
from trading.admin.pulse import FAILED, OK, WARNING, part
from trading.models import Venue

SHOWN = 10
BANNER_S = 5
LATE_S = 1.0
STALE_S = 60.0
LAGS = {
    "exchange_worker_lag_seconds": _("Matching worker"),
    "exchange_projector_lag_seconds": pulse.READERS["projector"],
    "exchange_marketdata_lag_seconds": pulse.READERS["marketdata"],
}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the home page; called by unfold."""
    context = home.dashboard(request, context)
    for card in context.get("venues", ()):
        venue = card["venue"]
        show_lags(card["parts"], venue.code)
        card["parts"] += further_parts(venue.code)
    if "counts" in context:
        context["counts"] += risk_counts()
    if request.user.has_perm("monitoring.view_alert"):
        living = Alert.objects.exclude(state=AlertState.CLOSED)
        context["alerts"] = list(living[:SHOWN])
        context["alerts_url"] = reverse("admin:monitoring_alert_changelist")
    return context


def environment(request: HttpRequest) -> list[Any] | None:
    """The label in every page's head: a halted venue, else alerts that nobody sees to."""
    halted = home.environment(request)
    if halted or not request.user.is_authenticated or not request.user.has_perm("monitoring.view_alert"):
        return halted
    count = cache.get_or_set("admin:alerts", open_alerts, BANNER_S)
    if not count:
        return None
    text = ngettext("%(count)s open alert", "%(count)s open alerts", count) % {"count": count}
    return [text, "danger"]


def open_alerts() -> int:
    """Alerts that nobody has acknowledged."""
    return Alert.objects.filter(state=AlertState.OPEN).count()


def show_lags(parts: list[dict[str, Any]], venue: str) -> None:
    """Put the age of the oldest undone thing on the tiles of those who do it."""
    try:
        found = {name: value for name, _labels, value in observed.log_samples(venue)}
    except redis.RedisError:
        return  # the tiles say already that the log is away
    by_title = {str(title): name for name, title in LAGS.items()}
    for tile in parts:
        lag_s = found.get(by_title.get(str(tile["title"]), ""))
        if lag_s is None or tile["state"] == FAILED:
            continue
        tile["detail"] = _("%(seconds)s s behind") % {"seconds": f"{float(lag_s):.1f}"}
        tile["state"] = WARNING if float(lag_s) > LATE_S else OK


def further_parts(venue: str) -> list[dict[str, Any]]:
    """Tiles of the feed, of the scheduled jobs and of the watcher."""
    try:
        return [feed_tile(venue), *stamp_tiles(), watcher_tile(venue)]
    except redis.RedisError as error:
        return [part(_("Cache"), FAILED, _("unreachable"), type(error).__name__)]


def feed_tile(venue: str) -> dict[str, Any]:
    """The feed as it told lately."""
    status = feed_status(venue)
    if status is None:
        return part(_("Feed"), OK, _("off"))
    up, total = status["states"].get("LOGGED_IN", 0), len(status["connections"])
    age_s = max(0.0, time.time() - status["time_ms"] / 1_000)
    state = OK if up else FAILED
    value = _("%(up)s of %(total)s connections") % {"up": up, "total": total}
    return part(_("Feed"), state, value, _("told %(seconds)s s ago") % {"seconds": f"{age_s:.1f}"})


def stamp_tiles() -> list[dict[str, Any]]:
    """How long ago beat looked and a Celery worker ran its canary."""
    found = []
    with cache_client() as client:
        for title, key in ((_("Beat"), BEAT_KEY), (_("Celery"), CANARY_KEY)):
            value: Any = client.get(key)
            found.append(age_tile(title, None if value is None else time.time() - float(value), 120.0))
    return found


def watcher_tile(venue: str) -> dict[str, Any]:
    return age_tile(_("Watcher"), last_look(venue), STALE_S)


def age_tile(title: Any, age_s: float | None, most_s: float) -> dict[str, Any]:
    """A part by the age of its last sign of life."""
    if age_s is None:
        return part(title, WARNING, _("not running"))
    text = _("%(seconds)s s ago") % {"seconds": f"{max(0.0, age_s):.0f}"}
    return part(title, OK if age_s <= most_s else FAILED, text)


def risk_counts() -> list[dict[str, Any]]:
    """Accounts above the lowest risk level, by their newest notice."""
    levels = [observed.at_risk(venue) for venue in Venue.objects.all()]
    total = sum(sum(counts.values()) for counts in levels)
    accounts = reverse("admin:trading_tradingaccount_changelist")
    return [{"title": _("Accounts at risk"), "value": total, "url": accounts}]
