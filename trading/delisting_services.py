"""Delistings that a second person confirms, where the venue wants it (O-4)."""

from accounts import venue_settings
from accounts.models import User
from accounts.selectors import setting_or
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import WAITS_FOR_APPROVAL
from trading.models import DelistingRequest

SETTING = "two_person_delisting"


def needs_two(venue: str) -> bool:
    """Does the venue want two persons for a delisting?"""
    return bool(setting_or(venue, SETTING, venue_settings.DEFINITIONS[SETTING].default))


def confirm(*, venue: str, user: User, symbol: str, reason: str) -> None:
    """Return when this person may delist now; else note the wish and raise 2006.

    Asked again by the same person it waits still.
    """
    if not needs_two(venue):
        return
    row, made = DelistingRequest.objects.get_or_create(
        venue=venue, symbol=symbol, defaults={"asked_by": user.pk.hex, "reason": reason}
    )
    if row.asked_by == user.pk.hex:
        extra = {"request_id": row.pk, "asked_by": row.asked_by, "asked_now": made}
        raise ExchangeError(WAITS_FOR_APPROVAL, {}, extra)


def drop(*, venue: str, symbol: str) -> None:
    """The instrument is delisted, or stays listed: nothing waits any more."""
    DelistingRequest.objects.filter(venue=venue, symbol=symbol).delete()
