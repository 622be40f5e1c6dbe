"""Bars brought to what their finer rows give: due rollups, recomputation, comparison (M-13, M-14).

The market-data process stores all seven periods itself; these functions compare with what is
finer and repair what differs. They change values under the ids that were given; a bar is
put in only where its id is free, never before the last one without; nothing is deleted.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from exchange_site.exceptions import ExchangeError
from marketdata import stored
from marketdata.bars.book import MINUTE, PERIODS, SECOND
from marketdata.bars.clock import DAY_NS
from marketdata.bars.fold import Piece, folded
from marketdata.directory import Directory, load_directory
from marketdata.kline_selectors import grouped, month_of, week_of
from marketdata.rows import BarRow
from marketdata.series_derived import piece_of
from marketdata.store import bar_target
from trading.engine.units import SCALE

WINDOW_NS = 2 * 60 * MINUTE
"""Finished bars of the last two hours are looked at each minute; whole days at night."""
WEEK_S, MONTH_S = 7 * 86_400, 31 * 86_400
"""`duration_s` of the calendar's weeks and months among the day bars."""
SHOWN = 20


class Difference(NamedTuple):
    """A bar that its finer rows do not give."""

    symbol: str
    duration_ns: int
    datetime_ns: int
    have: Piece | None
    want: Piece

    def __str__(self) -> str:
        what = "is missing" if self.have is None else f"is {self.have[2:]}"
        return (
            f"{self.symbol} {self.duration_ns // SECOND} s {self.datetime_ns} {what}, wanted {self.want[2:]}"
        )


# --------------------------------------------------------------------- comparison


def compare(symbol: str, duration_ns: int, have: Sequence[BarRow], want: Iterable[Piece]) -> list[Difference]:
    """Stored bars against folded ones."""
    known = {row.datetime_ns: row for row in have}
    found = []
    for piece in want:
        row = known.get(piece.time_ns)
        as_piece = None if row is None else _piece(row)
        if as_piece != piece:
            found.append(Difference(symbol, duration_ns, piece.time_ns, as_piece, piece))
    return found


def _piece(row: BarRow) -> Piece:
    return Piece(row.datetime_ns, row.trading_day, row.open, row.high, row.low, row.close, row.volume,
                 row.amount, row.open_oi, row.close_oi)  # fmt: skip


def differences_of_day(
    venue: str, trading_day: int, symbols: Sequence[str] = (), both: bool = True
) -> list[Difference]:
    """Every period of a finished trading day against its ticks, and against its minutes.

    Unless `both`, minutes count only where the ticks are not kept any more.
    """
    directory = load_directory(venue)
    found: list[Difference] = []
    for symbol in symbols or _traded(directory.number, trading_day):
        clock = directory.clock(symbol, trading_day)
        ticks = _ticks(directory.number, symbol, trading_day)
        minutes = _bars(directory.number, symbol, MINUTE, trading_day)
        for duration in PERIODS:
            have = _bars(directory.number, symbol, duration, trading_day)
            if ticks:
                found += compare(symbol, duration, have, folded(ticks, duration, lambda _day, c=clock: c))
            if duration > MINUTE and (both or not ticks):
                want = folded(map(_piece, minutes), duration, lambda _day, c=clock: c)
                found += compare(symbol, duration, have, want)
    return found


def _traded(number: int, trading_day: int) -> list[str]:
    """Symbols with a minute bar on a day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT symbol FROM marketdata_minutebar"
            " WHERE venue_id = %s AND trading_day = %s AND bar_id > 0 ORDER BY symbol",
            [number, trading_day],
        )
        return [row[0] for row in cursor.fetchall()]


def _ticks(number: int, symbol: str, trading_day: int) -> list[Piece]:
    """A day's ticks with trades; [] when the day's first is not there any more."""
    firsts = dict(stored.first_ids(number, symbol, 0))
    rows = stored.ticks_between(number, symbol, 0, 2**62, [trading_day])
    if not rows or rows[0].id != firsts.get(trading_day):
        return []
    return [piece for piece in map(piece_of, rows) if piece is not None]


def _bars(number: int, symbol: str, duration_ns: int, trading_day: int) -> list[BarRow]:
    rows = stored.bars_between(number, symbol, duration_ns, 1, 2**62, [trading_day])
    return list(rows)


# -------------------------------------------------------------------------- repair


def repair(number: int, differences: Iterable[Difference]) -> tuple[int, list[Difference]]:
    """Set values as wanted: (bars changed or put in, those whose id is not free)."""
    done, left = 0, []
    with transaction.atomic(), connection.cursor() as cursor:
        for one in differences:
            if one.have is not None:
                _change(cursor, number, one)
                done += 1
            elif _put_in(cursor, number, one):
                done += 1
            else:
                left.append(one)
    return done, left


_VALUES = "open = %s, high = %s, low = %s, close = %s, volume = %s, amount = %s, open_oi = %s, close_oi = %s"
_KEY = "venue_id = %s AND symbol = %s AND duration_s = %s AND trading_day = %s"


def _values(piece: Piece) -> list[Any]:
    prices = [piece.open, piece.high, piece.low, piece.close]
    return [
        *(_yuan(units) for units in prices),
        piece.volume,
        _yuan(piece.amount),
        piece.open_oi,
        piece.close_oi,
    ]


def _yuan(units: int) -> str:
    return f"{units // SCALE}.{units % SCALE:04d}"


def _key(number: int, one: Difference) -> list[Any]:
    return [number, one.symbol, one.duration_ns // SECOND, one.want.trading_day]


def _change(cursor: Any, number: int, one: Difference) -> None:
    cursor.execute(
        f"UPDATE {stored.table_of(one.duration_ns)} SET {_VALUES} WHERE {_KEY} AND datetime_ns = %s",
        [*_values(one.want), *_key(number, one), one.datetime_ns],
    )


def _put_in(cursor: Any, number: int, one: Difference) -> bool:
    """Put a bar in under the id after the one before it, if that was given and never stored."""
    table, key = stored.table_of(one.duration_ns), _key(number, one)
    cursor.execute(
        f"SELECT max(bar_id) FILTER (WHERE datetime_ns < %s), min(bar_id) FILTER (WHERE datetime_ns > %s)"
        f" FROM {table} WHERE {_KEY}",
        [one.datetime_ns, one.datetime_ns, *key],
    )
    before, after = cursor.fetchone()
    if before is None or after is None or before + 1 >= after:
        return False
    columns = " ".join(bar_target(one.duration_ns).columns).replace(" ", ", ")
    row = [*key[:3], before + 1, one.want.trading_day, one.datetime_ns, *_values(one.want), 0]
    marks = ", ".join(["%s"] * len(row))
    cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)
    return True


def rollup_due(venue: str, now_ns: int) -> str:
    """Bring the larger periods of the last hours, and weeks and months, to their minutes and days."""
    directory = load_directory(venue)
    number = directory.number
    found: list[Difference] = []
    for symbol, rows in _recent_minutes(number, now_ns - WINDOW_NS).items():
        found += _due_differences(directory, symbol, rows, now_ns)
    done, left = repair(number, found)
    calendar = sum(_roll_calendar(number, symbol) for symbol in _days_changed(number))
    return f"{done} bars set, {len(left)} without a free id, {calendar} weeks and months"


def _recent_minutes(number: int, since_ns: int) -> dict[str, list[BarRow]]:
    found: dict[str, list[BarRow]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT symbol, {stored.BAR_COLUMNS} FROM marketdata_minutebar WHERE venue_id = %s"
            " AND duration_s = 60 AND bar_id > 0 AND datetime_ns >= %s"
            " AND trading_day >= (SELECT trading_day FROM trading_venue WHERE id = %s)"
            " ORDER BY symbol, bar_id",
            [number, since_ns, number],
        )
        for symbol, *row in cursor.fetchall():
            found.setdefault(symbol, []).append(BarRow(*row))
    return found


def _due_differences(directory: Directory, symbol: str, rows: list[BarRow], now_ns: int) -> list[Difference]:
    """Periods up to an hour whose bars began with or after the first minute and are over."""
    found: list[Difference] = []
    for duration in PERIODS[2:-1]:
        want = folded(map(_piece, rows), duration, lambda day: directory.clock(symbol, day))
        clock = directory.clock(symbol, rows[-1].trading_day)
        over = [
            piece for piece in want
            if piece.time_ns >= rows[0].datetime_ns + duration
            and clock.bucket(piece.time_ns, duration)[1] < now_ns - MINUTE
        ]  # fmt: skip
        if over:
            have = stored.latest_bars(
                directory.number, symbol, duration, len(over) + 5, over[0].time_ns, now_ns, 0, 99_999_999
            )
            found += compare(symbol, duration, have, over)
    return found


def _days_changed(number: int) -> list[str]:
    """Symbols that have more finished days than weeks and months account for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT symbol FROM marketdata_daybar WHERE venue_id = %s AND bar_id > 0 GROUP BY symbol"
            " HAVING sum(volume) FILTER (WHERE duration_s = 86400)"
            " <> coalesce(sum(volume) FILTER (WHERE duration_s = %s), 0)",
            [number, MONTH_S],
        )
        return [row[0] for row in cursor.fetchall()]


def _roll_calendar(number: int, symbol: str) -> int:
    """Weeks and months of a symbol's finished days; the last of each grows until it is over."""
    days = [row for row in stored.bars_between(number, symbol, DAY_NS, 1, 2**62) if row.id]
    rows = []
    for seconds, key in ((WEEK_S, week_of), (MONTH_S, month_of)):
        for n, bar in enumerate(grouped(days, key), start=1):
            piece = _piece(bar)
            rows.append([number, symbol, seconds, n, piece.trading_day, piece.time_ns, *_values(piece), n])
    columns = ", ".join(bar_target(DAY_NS).columns)
    marks = ", ".join(["%s"] * len(rows[0])) if rows else ""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO marketdata_daybar AS t ({columns}) VALUES ({marks})"
            " ON CONFLICT (venue_id, symbol, duration_s, bar_id, trading_day) DO UPDATE SET"
            " high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,"
            " amount = excluded.amount, close_oi = excluded.close_oi WHERE t.volume <> excluded.volume",
            rows,
        )
    return len(rows)


# ------------------------------------------------------------------ jobs, commands


def backfill(venue: str, days: Sequence[int], symbols: Sequence[str] = ()) -> tuple[int, list[Difference]]:
    """Recompute days from their ticks: (bars changed or put in, those that could not be)."""
    done, left = 0, []
    number = load_directory(venue).number
    for day in days:
        changed, rest = repair(number, differences_of_day(venue, day, symbols, both=False))
        done, left = done + changed, left + rest
    return done, left


def _once(differences: Iterable[Difference]) -> list[Difference]:
    """The first difference of each bar: ticks come before minutes."""
    found: dict[tuple[str, int, int], Difference] = {}
    for one in differences:
        found.setdefault((one.symbol, one.duration_ns, one.datetime_ns), one)
    return list(found.values())


def check_last_day(venue: str) -> list[Difference]:
    """The differences of the last finished trading day; [] before anything was recorded."""
    try:
        directory = load_directory(venue)
    except ExchangeError:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(trading_day) FROM marketdata_seriesday WHERE venue_id = %s AND duration_s = 60"
            " AND trading_day < %s",
            [directory.number, directory.trading_day],
        )
        row = cursor.fetchone()
    return _once(differences_of_day(venue, row[0])) if row and row[0] else []
