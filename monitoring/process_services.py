"""The processes of a venue and what may be asked of them, over the process bus (O-20, O-21)."""

import time
from dataclasses import dataclass
from typing import Any

import redis
from django.utils.translation import gettext_lazy as _

from exchange_site import ipc
from exchange_site.exceptions import ExchangeError
from monitoring.socket_services import bus
from trading.engine.codes import INVALID_FIELD, NOT_FOUND, SERVICE_UNAVAILABLE

PONG_S = 1.0
ANSWER_S = 10.0
NAME_LIMIT = 128


@dataclass(frozen=True)
class Act:
    """A command an operator may send: its name, its words, what it asks for."""

    name: str
    label: Any
    effect: Any
    icon: str = "bolt"
    field: str = ""
    needs_field: bool = False
    is_drastic: bool = False


ACTS = {
    act.name: act
    for act in (
        Act("ping", _("Ping"), _("The process answers; nothing else happens."), "network_ping"),
        Act(
            "set_log_level", _("Log level"),
            _("Lines below this level are no longer written, until the process ends or reloads."),
            "tune", "level", needs_field=True,
        ),
        Act(
            "reload_config", _("Reload"),
            _("The log level goes back to the configured one; rules, settings and contracts are read anew."),
            "refresh",
        ),
        Act("snapshot_now", _("Snapshot now"), _("The worker writes a snapshot of its state."), "save"),
        Act(
            "start_trading", _("Start the robots"),
            _("The robots begin to quote and trade."), "play_arrow",
        ),
        Act(
            "stop_trading", _("Stop the robots"),
            _("The robots cancel their orders and rest until they are started again."), "pause",
            is_drastic=True,
        ),
        Act(
            "reconnect_feed", _("Reconnect"),
            _("The feed drops this connection, or all without a name, and connects again."), "cable",
            "connection_id", is_drastic=True,
        ),
        Act(
            "drain", _("Restart"),
            _("The process finishes what it has begun and ends; its supervisor starts it again."),
            "restart_alt", is_drastic=True,
        ),
    )
}  # fmt: skip
"""`shutdown` does what `drain` does, where no supervisor restarts; it is left to the command line."""


def processes(*, venue: str) -> list[dict[str, Any]]:
    """Who reports, with the time a ping took there and back: `latency_ms`, None without answer.

    9005 when the bus is away.
    """
    try:
        rows = ipc.alive(venue)
        pongs = _pongs(venue, len(rows)) if rows else {}
    except (redis.RedisError, ipc.BusAway) as error:
        raise away(str(error)) from error
    now_ms = time.time_ns() // 1_000_000
    return [
        {
            **row,
            "role": str(row["process_id"]).partition(".")[0],
            "venue": venue,
            "up": clock(int(row["uptime"])),
            "heard_s": round(max(0, now_ms - int(row["time_ms"])) / 1_000, 1),
            "latency_ms": pongs.get(str(row["process_id"])),
            "acts": acts_of(row),
        }
        for row in rows
    ]


def clock(seconds: int) -> str:
    """Hours, minutes, seconds: 26:03:04."""
    return f"{seconds // 3_600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def away(reason: str) -> ExchangeError:
    """9005: the bus, or the process, does not answer."""
    return ExchangeError(SERVICE_UNAVAILABLE, {}, {"reason": reason})


def _pongs(venue: str, wanted: int) -> dict[str, float]:
    with bus(venue) as asking:
        answers = asking.request(ipc.EVERYBODY, "ping", {}, PONG_S, wanted)
    return {answer["process_id"]: answer["latency_ms"] for answer in answers if answer.get("ok")}


def acts_of(row: dict[str, Any]) -> list[Act]:
    """What a process says it understands and an operator may ask."""
    known = set(row.get("commands", ()))
    return [act for name, act in ACTS.items() if name in known]


def find(*, venue: str, process_id: str, command: str) -> tuple[dict[str, Any], Act]:
    """A living process and an act it understands; 9007 for another, 9005 without the bus."""
    try:
        rows = {str(row["process_id"]): row for row in ipc.alive(venue)}
    except redis.RedisError as error:
        raise away(str(error)) from error
    row = rows.get(process_id)
    if row is None:
        raise ExchangeError(NOT_FOUND, {"field": process_id[:NAME_LIMIT]})
    act = next((act for act in acts_of(row) if act.name == command), None)
    if act is None:
        raise ExchangeError(NOT_FOUND, {"field": command[:NAME_LIMIT]})
    return row, act


def command(*, venue: str, process_id: str, name: str, value: str = "") -> dict[str, Any]:
    """Send one command and give its answer, with `latency_ms`.

    9007 for an unknown process or command, 9008 for a bad value or when the process says no,
    9005 when it does not answer in 10 s.
    """
    _row, act = find(venue=venue, process_id=process_id, command=name)
    if act.needs_field and not value or act.name == "set_log_level" and value not in ipc.LEVELS:
        raise ExchangeError(INVALID_FIELD, {"field": act.field})
    payload = {act.field: value} if act.field and value else {}
    try:
        with bus(venue) as asking:
            answers = asking.request(process_id, name, payload, ANSWER_S)
    except ipc.BusAway as error:
        raise away(str(error)) from error
    if not answers:
        raise away(f"{process_id} did not answer")
    if not answers[0]["ok"]:
        raise ExchangeError(INVALID_FIELD, {"field": act.field or name, "reason": answers[0]["error"]})
    return answers[0]
