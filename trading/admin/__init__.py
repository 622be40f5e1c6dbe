"""The admin of trading state: read-only lists, and operations that are commands in the log."""

from trading.admin import (
    accounts,
    approvals,
    calendar,
    flows,
    instruments,
    labels,
    notices,
    orders,
    records,
    risk,
    venue,
)

__all__ = [
    "accounts",
    "approvals",
    "calendar",
    "flows",
    "instruments",
    "labels",
    "notices",
    "orders",
    "records",
    "risk",
    "venue",
]
