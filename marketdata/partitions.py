"""Tables of ticks and bars partitioned by trading day, and their daily partitions."""

from collections.abc import Iterable
from typing import Any

from django.db import migrations

TICKS, SECONDS, MINUTES = "marketdata_tick", "marketdata_secondbar", "marketdata_minutebar"
PARTITIONED = (TICKS, SECONDS, MINUTES)
LOCK = 7_305_003  # two sessions that make the same partition wait for each other


class CreatePartitionedModel(migrations.CreateModel):
    """CreateModel whose table is partitioned by `trading_day`, part of its composite key."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        table = model._meta.db_table
        create, params = schema_editor.table_sql(model)
        schema_editor.execute(f"{create} PARTITION BY LIST (trading_day)", params or None)
        schema_editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def ensure_partitions(cursor: Any, days: Iterable[int]) -> None:
    """Make the partitions of these trading days (yyyymmdd) that are missing, in this transaction."""
    wanted = {f"{table}_p{int(day)}": (table, int(day)) for day in days for table in PARTITIONED}
    cursor.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s)", [list(wanted)])
    present = {row[0] for row in cursor.fetchall()}
    if len(present) == len(wanted):
        return
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    for name, (table, day) in sorted(wanted.items()):
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES IN ({day})")


def partition_days(cursor: Any, table: str) -> list[int]:
    """Trading days that have a partition of a table, ascending."""
    cursor.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass",
        [table],
    )
    names = (row[0].removeprefix(f"{table}_p") for row in cursor.fetchall())
    return sorted(int(name) for name in names if name.isdigit())


def drop_partition(cursor: Any, table: str, day: int) -> None:
    """Drop one day of a table; nothing happens when it is gone."""
    cursor.execute(f"DROP TABLE IF EXISTS {table}_p{int(day)}")
