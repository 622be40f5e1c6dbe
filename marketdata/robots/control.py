"""Start, stop, look at and set the robots of a venue (M-20); the admin calls this too.

Everything lives in the hash ``x:{venue}:robots`` of the log's server: ``state`` and the
settings below are written here, the figures of the running robots by their process.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis

from exchange_site.streams import Keys, log_client
from marketdata.robots.desk import LEVELS, Pace

if TYPE_CHECKING:
    Client = redis.Redis[bytes]

RUNNING, STOPPED = "running", "stopped"
STATUS_AGE_MS = 5_000
"""Figures older than this mean that no robot process is there."""

MAKER_SHARE_PERCENT = 40
"""Of the commands a second; the crowd has the rest."""
_COMMANDS_A_MOVE = 2
_MOVE_MS, _TRADE_MS = 4_000, 1_000


@dataclass(frozen=True)
class Range:
    default: int
    minimum: int
    maximum: int
    unit: str


SETTINGS: dict[str, Range] = {
    "volatility": Range(100, 1, 1_000, "% of the usual number of ticks moved"),
    "spread": Range(1, 1, 50, "ticks between best bid and best ask"),
    "rate": Range(40, 1, 2_000, "commands a second of all robots"),
    "trades_per_minute": Range(60, 1, 600, "orders a minute of each crowd"),
    "levels": Range(LEVELS, 1, 20, "prices on each side"),
}


@dataclass(frozen=True)
class Settings:
    """What an operator set, defaults for the rest."""

    state: str = RUNNING
    volatility: int = 100
    spread: int = 1
    rate: int = 40
    trades_per_minute: int = 60
    levels: int = LEVELS

    def pace(self, desks: int) -> Pace:
        """Times and widths for each of some desks, stretched so that the rate suffices.

        Of the rate the makers have 40 %: two commands a tick moved; the crowds 60 %.
        """
        maker_rate = max(1, self.rate * MAKER_SHARE_PERCENT)
        crowd_rate = max(1, self.rate * (100 - MAKER_SHARE_PERCENT))
        return Pace(
            spread=self.spread,
            move_ms=max(
                _MOVE_MS * 100 // self.volatility,
                desks * _COMMANDS_A_MOVE * 100_000 // maker_rate,
            ),
            trade_ms=max(_TRADE_MS * 60 // self.trades_per_minute, desks * 100_000 // crowd_rate),
            levels=self.levels,
        )


def key_of(venue: str) -> str:
    """The hash of a venue's robots."""
    return Keys(venue).prefix + "robots"


def start(venue: str, *, client: "Client | None" = None) -> None:
    """Let the robots trade."""
    _write(venue, {"state": RUNNING}, client)


def stop(venue: str, *, client: "Client | None" = None) -> None:
    """Let the robots cancel their orders and rest; nothing but `start` wakes them."""
    _write(venue, {"state": STOPPED}, client)


def configure(venue: str, *, client: "Client | None" = None, **values: int) -> None:
    """Set volatility, spread, rate, trades_per_minute, levels; ValueError names what is out of range."""
    for name, value in values.items():
        allowed = SETTINGS.get(name)
        if allowed is None:
            raise ValueError(f"{name}: robots have no such setting")
        if not allowed.minimum <= value <= allowed.maximum:
            raise ValueError(f"{name}: {allowed.minimum} to {allowed.maximum} {allowed.unit}")
    if values:
        _write(venue, {**values}, client)


def read_settings(venue: str, *, client: "Client | None" = None) -> Settings:
    """The present settings; a value that is none of its kind counts as its default."""
    return settings_from(_read(venue, client))


def settings_from(fields: dict[str, str]) -> Settings:
    """Settings from the hash's fields."""
    values: dict[str, Any] = {}
    for name, allowed in SETTINGS.items():
        text = fields.get(name, "")
        if text.isascii() and text.isdigit() and allowed.minimum <= int(text) <= allowed.maximum:
            values[name] = int(text)
    if fields.get("state") == STOPPED:
        values["state"] = STOPPED
    return Settings(**values)


def status(venue: str, *, client: "Client | None" = None) -> dict[str, Any]:
    """Settings and the running figures: instruments, commands and trades a second, age."""
    fields = _read(venue, client)
    now_ms = time.time_ns() // 10**6
    seen_ms = int(fields.get("seen_ms", 0))
    figures = ("instruments", "commands", "trades", "refused", "waiting")
    return {
        **vars(settings_from(fields)),
        "alive": bool(seen_ms) and now_ms - seen_ms < STATUS_AGE_MS,
        "seen_ms": seen_ms,
        **{name: int(fields.get(name, 0)) for name in figures},
    }


def report(venue: str, figures: dict[str, int], *, client: "Client | None" = None) -> None:
    """Write the figures of the running robots and the time of writing."""
    _write(venue, {**figures, "seen_ms": time.time_ns() // 10**6}, client)


def _write(venue: str, fields: Mapping[str, int | str], client: "Client | None") -> None:
    with client or log_client() as connection:
        connection.hset(key_of(venue), mapping={**fields})  # type: ignore[dict-item]


def _read(venue: str, client: "Client | None") -> dict[str, str]:
    with client or log_client() as connection:
        found: dict[bytes, bytes] = connection.hgetall(key_of(venue))
    return {name.decode(): value.decode("ascii", "replace") for name, value in found.items()}
