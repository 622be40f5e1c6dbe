"""Reads of the notifications that are kept (W-11)."""

from typing import Any

from django.db.models import QuerySet

from trading.models import Notification
from trading.notification_texts import text_of
from trading.notifications import shown
from trading.selectors import venue_number


def notifications_after(venue: str, user_id: str, position: int | None, limit: int) -> list[Notification]:
    """The user's notifications after a place, oldest first; without one the newest."""
    number = venue_number(venue)
    rows: QuerySet[Notification] = Notification.objects.filter(venue=number, user_id__in=(user_id, ""))
    if position is None:
        return list(rows.order_by("-id")[:limit])[::-1]
    return list(rows.filter(id__gt=(number << 52) + position).order_by("id")[:limit])


def notification_data(venue: str, row: Notification, user_id: str) -> dict[str, Any]:
    """The fields of W-10 and the text in the language that is active."""
    data = shown(venue, user_id, row.kind, row.position, row.time_ns, row.account_id, row.payload)
    return {**data, "text": text_of(row.kind, row.account_id, row.payload)}
