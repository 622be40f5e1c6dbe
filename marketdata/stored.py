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
        found: list[Any] = cursor.fetchall()
        return found


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


def latest_bars(
    number: int, symbol: str, duration_ns: int, count: int, start: int, end: int, first: int, last: int
) -> list[BarRow]:
    """The last finished bars that begin from start to end, of trading days first to last."""
    query = (
        f"SELECT {BAR_COLUMNS} FROM {table_of(duration_ns)} WHERE venue_id = %s AND symbol = %s"
        " AND duration_s = %s AND trading_day BETWEEN %s AND %s AND datetime_ns BETWEEN %s AND %s"
        " ORDER BY bar_id DESC LIMIT %s"
    )
    values: list[Any] = [number, symbol, duration_ns // NS_PER_SECOND, first, last, start, end, count]
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [BarRow(*row) for row in reversed(cursor.fetchall())]


def latest_ticks(
    number: int, symbol: str, count: int, start: int, end: int, first: int, last: int
) -> list[TickRow]:
    """The last ticks from start to end, of trading days first to last."""
    query = (
        f"SELECT {TICK_COLUMNS} FROM marketdata_tick WHERE venue_id = %s AND symbol = %s"
        " AND trading_day BETWEEN %s AND %s AND datetime_ns BETWEEN %s AND %s"
        " ORDER BY tick_id DESC LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [number, symbol, first, last, start, end, count])
        return [_tick(row) for row in reversed(cursor.fetchall())]


def edge(number: int, symbol: str, duration_ns: int, newest: bool) -> BarRow | TickRow | None:
    """The oldest or the newest row of a series that the tables have."""
    column, columns, table, period = _series(duration_ns)
    order = "DESC" if newest else "ASC"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {table} WHERE venue_id = %s AND symbol = %s{period}"
            f" ORDER BY {column} {order} LIMIT 1",
            [number, symbol, *_seconds(duration_ns)],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return BarRow(*row) if duration_ns else _tick(row)


def id_at(number: int, symbol: str, duration_ns: int, trading_day: int, datetime_ns: int) -> int | None:
    """The last id of a trading day that begins at or before a time; None when none does."""
    column, _, table, period = _series(duration_ns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT max({column}) FROM {table} WHERE venue_id = %s AND symbol = %s{period}"
            " AND trading_day = %s AND datetime_ns <= %s",
            [number, symbol, *_seconds(duration_ns), trading_day, datetime_ns],
        )
        row = cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _series(duration_ns: int) -> tuple[str, str, str, str]:
    """(id column, columns, table, condition on the period) of a series that is kept."""
    if duration_ns:
        return "bar_id", BAR_COLUMNS, table_of(duration_ns), " AND duration_s = %s"
    return "tick_id", TICK_COLUMNS, "marketdata_tick", ""


def _seconds(duration_ns: int) -> list[int]:
    return [duration_ns // NS_PER_SECOND] if duration_ns else []
