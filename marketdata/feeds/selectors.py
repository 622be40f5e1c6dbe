"""Reads of feed connections (G-1, G-15)."""

from typing import Any

from marketdata.feeds.configuration import DUMPS, FeedConfig, Found
from marketdata.feeds.models import FeedConnection
from marketdata.feeds.secret import SecretLost
from marketdata.feeds.store import feed_status


def stored_config(venue: str) -> Found:
    """The venue's connections as a configuration; those whose secrets are lost are named."""
    found = Found(FeedConfig())
    for row in FeedConnection.objects.filter(venue=venue):
        try:
            found.config.connections.append(row.config())
        except SecretLost as error:
            found.bad.append(f"{row.connection_id}: {error}")
    return found


def exported(venue: str, kind: str) -> bytes:
    """The connections in one of the three formats, without secrets."""
    return DUMPS[kind](stored_config(venue).config)


def live(venue: str) -> dict[str, dict[str, Any]]:
    """What the running feed says of each connection; empty when none runs."""
    status = feed_status(venue)
    return {} if status is None else {row["connection_id"]: row for row in status["connections"]}


def connection_data(row: FeedConnection, state: dict[str, Any] | None) -> dict[str, Any]:
    """One connection for REST: as configured, and as it is now."""
    state = state or {}
    idle = "DISCONNECTED" if row.enabled else "DISABLED"
    return {
        "connection_id": row.connection_id,
        "front_addr": row.front_addr,
        "broker_id": row.broker_id,
        "broker_name": row.broker_name,
        "network": row.network,
        "max_subscriptions": row.max_subscriptions,
        "priority": row.priority,
        "enabled": row.enabled,
        "status": state.get("state", idle),
        "quality": state.get("quality"),
        "subscriptions": state.get("symbols", 0),
        "last_tick_s": state.get("last_tick_s"),
        "error": state.get("error", ""),
    }
