"""Writes of feed connections; what runs is told over the process bus (G-1, O-21)."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from exchange_site.exceptions import ExchangeError
from exchange_site.ipc import Bus, BusAway, process_name
from marketdata.feeds.configuration import Found
from marketdata.feeds.link import LinkConfig
from marketdata.feeds.models import FeedConnection
from trading.engine.codes import FEED_REFUSED, NOT_FOUND, SERVICE_UNAVAILABLE

VERBS = {"enable": "enable_feed", "disable": "disable_feed", "reconnect": "reconnect_feed"}
ANSWER_S = 3.0
_COLUMNS = (
    "front_addr", "broker_id", "broker_name", "network", "user_id", "app_id", "max_subscriptions",
    "priority", "enabled",
)  # fmt: skip


@transaction.atomic
def store(venue: str, configs: Iterable[LinkConfig]) -> tuple[int, int]:
    """Add connections or bring known ones up to date; (added, changed).

    A secret that is not given stays as it was.
    """
    added = changed = 0
    known = {row.connection_id: row for row in FeedConnection.objects.select_for_update().filter(venue=venue)}
    for config in configs:
        row = known.get(config.connection_id)
        if row is None:
            row = FeedConnection(venue=venue, connection_id=config.connection_id)
            added += 1
        else:
            changed += 1
        for name in _COLUMNS:
            setattr(row, name, getattr(config, name))
        for name in ("password", "auth_code"):
            if getattr(config, name):
                row.set_secret(name, getattr(config, name))
        row.save()
    return added, changed


def import_found(venue: str, found: Found) -> str:
    """Store what a list held; a sentence with the counts."""
    added, changed = store(venue, found.connections)
    return f"{found.kind}: {added} added, {changed} changed, {len(found.bad)} left out"


def operate(venue: str, connection_id: str, verb: str) -> dict[str, Any]:
    """`enable`, `disable` or `reconnect`: the row is changed, a running feed obeys at once.

    9007 for an unknown connection; 7002 when the running feed refuses; 9005 when the bus is
    away. Without a running feed the row alone is changed, and `applied` is false.
    """
    row = FeedConnection.objects.filter(venue=venue, connection_id=connection_id).first()
    if row is None:
        raise ExchangeError(NOT_FOUND, {"field": connection_id})
    if verb != "reconnect":
        row.enabled = verb == "enable"
        row.save(update_fields=["enabled"])
    answers = ask_feed(venue, VERBS[verb], {"connection_id": connection_id})
    if answers and not answers[0]["ok"]:
        raise ExchangeError(FEED_REFUSED, {}, {"reason": answers[0]["error"]})
    return {"connection_id": connection_id, "enabled": row.enabled, "applied": bool(answers)}


def ask_feed(venue: str, command: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """What the running feed answers; [] when none runs."""
    bus = Bus(process_name("ops"), venue, reports=False).start()
    try:
        return bus.request("feed.*", command, payload, ANSWER_S)
    except BusAway as error:
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, {"reason": str(error)}) from error
    finally:
        bus.stop()
