"""Ticks, bars, orders and trades of a range of trading days as CSV or Parquet (M-22).

Rows are read by a server-side cursor and written as they come, so that a range of any length
needs the memory of one batch. Money is exact in both: text in CSV, decimal(20, 4) in Parquet.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import psycopg
from psycopg import sql

from marketdata.store import bar_target
from trading.engine.units import NS_PER_SECOND
from trading.models import Venue
from trading.projector_process import database_dsn

KINDS = ("ticks", "bars", "orders", "trades")
FORMATS = ("csv", "parquet")
BATCH = 20_000
_TABLES = {"ticks": "marketdata_tick", "orders": "trading_order", "trades": "trading_trade"}
_ORDER = {"ticks": "symbol, tick_id", "bars": "symbol, bar_id", "orders": "id", "trades": "id"}


class Range(NamedTuple):
    """What to export; an empty symbol is every one, the days are yyyymmdd and both included."""

    kind: str
    first_day: int
    last_day: int
    symbol: str = ""
    duration_ns: int = 60 * NS_PER_SECOND  # of bars


def export(venue: str, wanted: Range, form: str, out: BinaryIO) -> int:
    """Write the rows to an open file; how many. ValueError for an unknown kind or format."""
    if wanted.kind not in KINDS or form not in FORMATS:
        raise ValueError(f"export {wanted.kind!r} as {form!r}: one of {KINDS} as one of {FORMATS}")
    write = _write_csv if form == "csv" else _write_parquet
    with psycopg.connect(database_dsn()) as connection:
        return write(connection, _query(venue, wanted), out)


def _query(venue: str, wanted: Range) -> sql.Composed:
    number = Venue.objects.get(code=venue).pk
    table = _TABLES.get(wanted.kind) or bar_target(wanted.duration_ns).model._meta.db_table
    conditions = [
        sql.SQL("venue_id = {}").format(number),
        sql.SQL("trading_day BETWEEN {} AND {}").format(wanted.first_day, wanted.last_day),
    ]
    if wanted.symbol:
        conditions.append(sql.SQL("symbol = {}").format(wanted.symbol))
    if wanted.kind == "bars":
        conditions.append(sql.SQL("duration_s = {}").format(wanted.duration_ns // NS_PER_SECOND))
    return sql.SQL("SELECT * FROM {} WHERE {} ORDER BY trading_day, {}").format(
        sql.Identifier(table), sql.SQL(" AND ").join(conditions), sql.SQL(_ORDER[wanted.kind])
    )


def _write_csv(connection: Any, query: sql.Composed, out: BinaryIO) -> int:
    lines = 0
    statement = sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for data in copy:
            out.write(data)
            lines += 1
    return max(0, lines - 1)


def _write_parquet(connection: Any, query: sql.Composed, out: BinaryIO) -> int:
    import pyarrow
    from pyarrow import parquet

    total = 0
    with connection.cursor(name="export") as cursor:
        cursor.itersize = BATCH
        cursor.execute(query)
        names = [column.name for column in cursor.description]
        schema, reads = _schema(pyarrow, cursor.description)
        with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
            for rows in _batches(cursor):
                columns = zip(*rows, strict=True)
                arrays = [
                    pyarrow.array([read(value) for value in column], field.type)
                    for column, read, field in zip(columns, reads, schema, strict=True)
                ]
                writer.write_batch(pyarrow.record_batch(arrays, names))
                total += len(rows)
    return total


def _batches(cursor: Any) -> Iterator[Sequence[Any]]:
    while rows := cursor.fetchmany(BATCH):
        yield rows


def _schema(pyarrow: Any, columns: Sequence[Any]) -> tuple[Any, list[Callable[[Any], Any]]]:
    """Arrow types of PostgreSQL's, and how a value gets there."""
    types = {
        "int2": pyarrow.int16(), "int4": pyarrow.int32(), "int8": pyarrow.int64(), "bool": pyarrow.bool_(),
        "numeric": pyarrow.decimal128(20, 4), "timestamptz": pyarrow.timestamp("us", "UTC"),
    }  # fmt: skip
    fields, reads = [], []
    for column in columns:
        name = psycopg.adapters.types[column.type_code].name
        fields.append(pyarrow.field(column.name, types.get(name, pyarrow.string())))
        reads.append(_as_is if name in types else _as_text)
    return pyarrow.schema(fields), reads


def _as_is(value: Any) -> Any:
    return value


def _as_text(value: Any) -> str | None:
    return value if value is None else str(value)


@contextmanager
def file_for(path: str) -> Iterator[BinaryIO]:
    """The file to write, "-" for the standard output."""
    if path == "-":
        import sys

        yield sys.stdout.buffer
    else:
        with open(path, "wb") as out:  # noqa: PTH123  the operator's own path
            yield out
