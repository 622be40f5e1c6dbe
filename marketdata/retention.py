"""What the tables need not keep: robots' unfilled orders, days that are over (M-4, M-20, O-42).

Every function brings the tables to their due state and may run at any time, any number of
times. Only projected rows go: the log and its archive have them still.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from exchange_site.env import environment
from marketdata.partitions import MINUTES, SECONDS, TICKS, drop_partition, partition_days
from trading.models import Venue

ROBOT_ORDER_S = 3_600
BATCH = 5_000
ORDERS, TRADES = "trading_order", "trading_trade"
WORKING = ("Submitted", "PartiallyFilled")
EMBEDDED_DAYS = {TICKS: 2, SECONDS: 3, MINUTES: 100, ORDERS: 3, TRADES: 3}
"""Trading days kept before the current one, by table; the embedded run."""
SITE_DAYS = {TICKS: 10, SECONDS: 10, MINUTES: 100}
"""Likewise for a site with servers of its own; orders and trades go by way of the history."""


def delete_robot_orders(venue: str, now_ns: int) -> int:
    """Delete robots' orders that ended without a fill an hour ago; how many."""
    number = Venue.objects.filter(code=venue).values_list("id", flat=True).first()
    total = 0
    while number is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM trading_order WHERE (id, trading_day) IN ("
                " SELECT o.id, o.trading_day FROM trading_order o"
                " JOIN trading_tradingaccount a ON a.venue_id = o.venue_id AND a.account_id = o.account_id"
                " WHERE o.venue_id = %s AND a.is_robot AND o.status IN ('Cancelled', 'Rejected')"
                " AND o.volume_left = o.volume AND o.update_time_ns < %s LIMIT %s)",
                [number, now_ns - ROBOT_ORDER_S * 10**9, BATCH],
            )
            total += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return total


def drop_old_partitions() -> list[str]:
    """Drop the days that are older than this site keeps, of all venues; their partitions' names.

    Days are counted back from the earliest venue's trading day. A day with a working order
    stays until that has ended.
    """
    days = list(Venue.objects.values_list("trading_day", flat=True))
    if not days:
        return []
    kept = EMBEDDED_DAYS if environment().is_embedded else SITE_DAYS
    dropped = []
    for table, count in kept.items():
        for day in _over(table, min(days), count):
            if _drop(table, day):
                dropped.append(f"{table}_p{day}")
    return dropped


def _over(table: str, today: int, count: int) -> Iterable[int]:
    """Days of a table before the `count` newest that precede today."""
    with connection.cursor() as cursor:
        before = [day for day in partition_days(cursor, table) if day < today]
    return before[: max(0, len(before) - count)]


def _drop(table: str, day: int) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        if table == ORDERS and _has_working(cursor, day):
            return False
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        drop_partition(cursor, table, day)
    return True


def _has_working(cursor: Any, day: int) -> bool:
    cursor.execute(
        "SELECT 1 FROM trading_order WHERE trading_day = %s AND status = ANY(%s) LIMIT 1",
        [day, list(WORKING)],
    )
    return cursor.fetchone() is not None
