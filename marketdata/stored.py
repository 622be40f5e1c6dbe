"""Ticks and bars as the tables have them; ids and times as the reader wants them (D-24)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection

from marketdata.rows import BarRow, TickRow
from marketdata.store import bar_target
from trading.engine.units import NS_PER_SECOND

_decode_levels = msgspec.json.Decoder(list[tuple[int, int]]).decode


def _money(*names: str) -> str:
    return ", ".join(f"({name} * 10000)::bigint" for name in names)


BAR_COLUMNS = (
    f"bar_id, datetime_ns, trading_day, {_money('open', 'high', 'low', 'close')}, volume,"
    f" {_money('amount')}, open_oi, close_oi, true, seq"
)
TICK_COLUMNS = (
    f"tick_id, datetime_ns, trading_day, {_money('last_price', 'average', 'highest', 'lowest')}, volume,"
    f" {_money('amount')}, open_interest, bids::text, asks::text, {_money('open', 'high', 'low')}, lots,"
    f" {_money('turnover')}, open_oi, seq"
)


def table_of(duration_ns: int) -> str:
    """The table of bars of a period that is kept."""
    return str(bar_target(duration_ns).model._meta.db_table)


def bars_between(
    number: int, symbol: str, duration_ns: int, left: int, right: int, days: Sequence[int] = ()
) -> list[BarRow]:
    """Finished bars with left ≤ id ≤ right; `days` are the trading days they can be in."""
    query = (
        f"SELECT {BAR_COLUMNS} FROM {table_of(duration_ns)}"
        " WHERE venue_id = %s AND symbol = %s AND duration_s = %s AND bar_id BETWEEN %s AND %s"
    )
    values: list[Any] = [number, symbol, duration_ns // NS_PER_SECOND, left, right]
    return [BarRow(*row) for row in _rows(query, values, days, "bar_id")]


def ticks_between(number: int, symbol: str, left: int, right: int, days: Sequence[int] = ()) -> list[TickRow]:
    """Ticks with left ≤ id ≤ right; `days` are the trading days they can be in."""
    query = (
        f"SELECT {TICK_COLUMNS} FROM marketdata_tick"
        " WHERE venue_id = %s AND symbol = %s AND tick_id BETWEEN %s AND %s"
    )
    return [_tick(row) for row in _rows(query, [number, symbol, left, right], days, "tick_id")]


def _rows(query: str, values: list[Any], days: Sequence[int], order: str) -> list[Any]:
    if days:
        query += " AND trading_day BETWEEN %s AND %s"
        values = [*values, days[0], days[-1]]
    with connection.cursor() as cursor:
        cursor.execute(f"{query} ORDER BY {order}", values)
        return cursor.fetchall()


def _tick(row: Sequence[Any]) -> TickRow:
    values = list(row)
    values[10], values[11] = _decode_levels(values[10]), _decode_levels(values[11])
    return TickRow(*values)


def last_ticks(cursor: Any, number: int, symbols: Sequence[str], count: int) -> dict[str, list[TickRow]]:
    """The last ticks of each symbol, ascending, by a cursor of any connection."""
    found: dict[str, list[TickRow]] = {symbol: [] for symbol in symbols}
    cursor.execute(
        f"SELECT s.symbol, t.* FROM unnest(%s::text[]) s(symbol), LATERAL (SELECT {TICK_COLUMNS}"
        " FROM marketdata_tick WHERE venue_id = %s AND symbol = s.symbol"
        " ORDER BY tick_id DESC LIMIT %s) t",
        [list(symbols), number, count],
    )
    for symbol, *row in cursor.fetchall():
        found[symbol].append(_tick(row))
    for rows in found.values():
        rows.reverse()
    return found


def first_ids(number: int, symbol: str, duration_ns: int) -> list[tuple[int, int]]:
    """(trading day, first id) of a series, ascending."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT trading_day, first_id FROM marketdata_seriesday WHERE venue_id = %s AND symbol = %s"
            " AND duration_s = %s ORDER BY trading_day",
            [number, symbol, duration_ns // NS_PER_SECOND],
        )
        return [(day, first_id) for day, first_id in cursor.fetchall()]


def oldest_id(number: int, symbol: str, duration_ns: int) -> int | None:
    """The least id that the tables still have; None without any row."""
    column, table = ("bar_id", table_of(duration_ns)) if duration_ns else ("tick_id", "marketdata_tick")
    period = " AND duration_s = %s" if duration_ns else ""
    values: list[Any] = [number, symbol, *([duration_ns // NS_PER_SECOND] if duration_ns else [])]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column} FROM {table} WHERE venue_id = %s AND symbol = %s{period}"
            f" ORDER BY {column} LIMIT 1",
            values,
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


def id_at(number: int, symbol: str, duration_ns: int, datetime_ns: int) -> int | None:
    """The last stored id that begins at or before a time; None when none does."""
    column, table = ("bar_id", table_of(duration_ns)) if duration_ns else ("tick_id", "marketdata_tick")
    period = " AND duration_s = %s" if duration_ns else ""
    values: list[Any] = [number, symbol, *([duration_ns // NS_PER_SECOND] if duration_ns else [])]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT max({column}) FROM {table} WHERE venue_id = %s AND symbol = %s{period}"
            " AND datetime_ns <= %s",
            [*values, datetime_ns],
        )
        row = cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])
