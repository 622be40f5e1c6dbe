"""Tables partitioned by trading day: how they are made, and their daily partitions (A-47)."""

import re
from collections.abc import Iterable
from typing import Any

from django.db import migrations

PARTITIONED = ("trading_order", "trading_trade", "trading_cashflow", "trading_accountday")
LOCK = 7_305_001  # two sessions that make the same partition wait for each other


class CreatePartitionedModel(migrations.CreateModel):
    """CreateModel whose table is partitioned by `trading_day`, with an empty default partition.

    Django's primary key stays `id`; the database's is (id, trading_day), since PostgreSQL
    wants the partition key in every unique constraint.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        table = model._meta.db_table
        create, params = schema_editor.table_sql(model)
        body, count = re.subn(r'("id" bigint NOT NULL) PRIMARY KEY', r"\1", create)
        if count != 1 or not body.endswith(")"):
            raise ValueError(f"cannot partition {table}: {create}")
        schema_editor.execute(
            f"{body[:-1]}, PRIMARY KEY (id, trading_day)) PARTITION BY LIST (trading_day)",
            params or None,
        )
        schema_editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))


def ensure_partitions(cursor: Any, days: Iterable[int]) -> None:
    """Make the partitions of these trading days that are missing.

    `cursor` is a database cursor inside a transaction; `days` are yyyymmdd.
    """
    wanted = {f"{table}_p{int(day)}": (table, int(day)) for day in days for table in PARTITIONED}
    cursor.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s)", [list(wanted)])
    present = {row[0] for row in cursor.fetchall()}
    if len(present) == len(wanted):
        return
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    for name, (table, day) in sorted(wanted.items()):
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES IN ({day})")


def rows_in_default(cursor: Any) -> int:
    """Rows that no daily partition took; anything above 0 is a fault to report."""
    total = 0
    for table in PARTITIONED:
        cursor.execute(f"SELECT count(*) FROM ONLY {table}_default")
        total += cursor.fetchone()[0]
    return total
