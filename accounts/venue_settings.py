"""The table of venue settings: name, default, bounds, clause (O-8).

Settings that touch trading are held by the core and change through the log
(`SetSettings`); the others hold from the moment their row is written. Amounts are in
1/10 000 yuan, ratios in 10⁻⁶, switches are 0 or 1.
"""

from typing import Any, NamedTuple

from django.utils import timezone

from accounts.models import VenueSetting
from trading.engine.settings import SETTINGS as TRADING
from trading.engine.units import MAX_MONEY, SCALE


class Definition(NamedTuple):
    """One setting; `trading` says that it lives in the core."""

    name: str
    default: int
    minimum: int
    maximum: int
    clause: str
    trading: bool = False


_OTHERS = (
    Definition("registration_open", 0, 0, 1, "H auth/register"),
    Definition("practice_money", 0, 0, 1, "T-100; users may pay themselves in"),
    Definition("practice_money_daily", 1_000_000 * SCALE, 0, MAX_MONEY, "T-100; a user's day"),
    Definition("practice_init_cash", 10_000_000 * SCALE, 0, MAX_MONEY, "H account/open"),
    Definition("accounts_need_approval", 0, 0, 1, "T-63"),
    Definition("withdraw_approval_above", 0, 0, MAX_MONEY, "T-100; 0 = off"),
    Definition("two_person_settlement", 0, 0, 1, "O-4, T-95"),
    Definition("two_person_withdrawal", 0, 0, 1, "O-4"),
    Definition("two_person_delisting", 0, 0, 1, "O-4"),
    Definition("md_needs_token", 0, 0, 1, "G-22; /md and /ws/data"),
    Definition("publish_rankings", 0, 0, 1, "H stats/rankings"),
    Definition("warning_ppm", 600_000, 1, 10_000_000, "T-80"),
    Definition("high_ppm", 800_000, 1, 10_000_000, "T-80"),
    Definition("critical_ppm", 950_000, 1, 10_000_000, "T-80"),
    Definition("liquidate_to_ppm", 800_000, 1, 10_000_000, "T-82"),
    Definition("keep_order_days", 90, 1, 3_650, "O-42; orders, trades in the database"),
    Definition("keep_tick_days", 10, 1, 3_650, "O-42; ticks and bars in the database"),
    Definition("keep_log_days", 30, 1, 3_650, "O-42"),
    Definition("keep_backups", 7, 1, 365, "O-42"),
)

DEFINITIONS: dict[str, Definition] = {
    **{name: Definition(name, *setting, trading=True) for name, setting in TRADING.items()},
    **{definition.name: definition for definition in _OTHERS},
}


def check(name: str, value: Any) -> int:
    """The value when the setting takes it; ValueError says what it takes."""
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise ValueError(f"unknown setting: {name}")
    if isinstance(value, bool):
        value = int(value)
    if not isinstance(value, int) or not definition.minimum <= value <= definition.maximum:
        raise ValueError(f"{name}: a whole number from {definition.minimum} to {definition.maximum}")
    return value


def values(venue: str) -> dict[str, int]:
    """Every setting of a venue with its value, defaults included."""
    found = {name: definition.default for name, definition in DEFINITIONS.items()}
    for row in VenueSetting.objects.filter(venue=venue, name__in=found):
        found[row.name] = int(row.value)
    return found


def value(venue: str, name: str) -> int:
    """One setting of a venue; KeyError for an unknown name."""
    default = DEFINITIONS[name].default
    row = VenueSetting.objects.filter(venue=venue, name=name).first()
    return default if row is None else int(row.value)


def write(venue: str, changes: dict[str, int], *, user_id: str = "", reason: str = "") -> None:
    """Write settings that do not touch trading; ValueError for one that does or is unknown."""
    for name, new in changes.items():
        if check(name, new) is not None and DEFINITIONS[name].trading:
            raise ValueError(f"{name} touches trading: it changes through the log")
    for name, new in changes.items():
        VenueSetting.objects.update_or_create(
            venue=venue,
            name=name,
            defaults={
                "value": int(new),
                "reason": reason,
                "updated_by": user_id,
                "updated_at": timezone.now(),
            },
        )
