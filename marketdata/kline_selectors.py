"""Reads of bars, ticks and the market's snapshot for the API (H-7, H-9, M-3)."""

import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys
from marketdata import stored
from marketdata.bars.book import PERIODS
from marketdata.bars.clock import DAY_NS
from marketdata.bars.continuous import is_continuous
from marketdata.bars.fold import Folder, Piece, joined
from marketdata.directory import Directory, load_directory
from marketdata.keys import MarketKeys, decode_current, decode_tick
from marketdata.periods import MONTH
from marketdata.rows import LEVELS, BarRow, TickRow
from marketdata.selectors import from_cache, price
from marketdata.series_derived import piece_of, source_duration
from trading.codec import to_number
from trading.engine.codes import INSTRUMENT_NOT_FOUND
from trading.engine.sessions import day_of_ns, shift, to_date
from trading.engine.units import NS_PER_MS
from trading.instrument_selectors import instrument_for, sound_symbol
from trading.models import Instrument
from trading.quotes_writer import decode_quote
from trading.selectors import venue_number

DIRECTORY_S, SNAPSHOT_S = 5.0, 0.5
LONGEST_GAP_DAYS = 15
"""No trading day begins longer than that before its date."""
MAX_SOURCE_ROWS = 200_000
BREAKS_NS = 6 * 3_600 * 10**9
"""A bar of some trading time may take so much longer by the clock."""
MAX_NS = 2**62
_directories: dict[str, tuple[float, Directory]] = {}
_snapshots: dict[str, tuple[float, list[dict[str, Any]]]] = {}


def directory_for(venue: str, symbol: str) -> Directory:
    """The venue's directory, some seconds old at most unless it must know a symbol."""
    read_at, known = _directories.get(venue, (-DIRECTORY_S, None))
    now = time.monotonic()
    if known is None or now - read_at > DIRECTORY_S or symbol not in known.templates:
        known = load_directory(venue)
        _directories[venue] = (now, known)
    return known


def series_symbol(venue: str, text: str) -> str:
    """The full symbol of an id from outside, KQ.m@ and KQ.i@ included; 1007 for nonsense."""
    if not is_continuous(text):
        return sound_symbol(venue, text)
    if len(text) > 64 or not text.isascii() or not text.isprintable():
        raise ExchangeError(INSTRUMENT_NOT_FOUND)
    return text


# --------------------------------------------------------------------------- bars


def klines(
    venue: str, text: str, period: int | str, count: int, start_ms: int | None, end_ms: int | None
) -> list[dict[str, Any]]:
    """The last `count` bars that begin from start to end, oldest first; 1007 for an unknown symbol."""
    symbol = series_symbol(venue, text)
    directory = directory_for(venue, symbol)
    if symbol not in directory.templates:
        instrument_for(venue, symbol)  # created, not listed yet: it has no bar
        return []
    start, end = _bounds(start_ms, end_ms)
    if isinstance(period, str):
        rows = _calendar_bars(directory, venue, symbol, period)
    elif period in PERIODS:
        rows = native_bars(directory, venue, symbol, period, count, start, end)
    else:
        rows = _folded_bars(directory, venue, symbol, period, count, start, end)
    return [bar_data(row) for row in rows if start <= row.datetime_ns <= end][-count:]


def _bounds(start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    start = 0 if start_ms is None else start_ms * NS_PER_MS
    return start, MAX_NS if end_ms is None else end_ms * NS_PER_MS


def native_bars(
    directory: Directory, venue: str, symbol: str, duration_ns: int, count: int, start: int, end: int
) -> list[BarRow]:
    """Bars of a period that is kept: first the cache's newest, then the tables'."""
    data = from_cache("GET", MarketKeys(venue).bars_of(symbol))
    newest = dict(decode_current(data)).get(duration_ns, []) if data else []
    rows = stored.latest_bars(directory.number, symbol, duration_ns, count, *_range(start, end))
    by_id = {row.id: row for row in (*rows, *newest) if start <= row.datetime_ns <= end}
    return [by_id[number] for number in sorted(by_id)][-count:]


def _range(start: int, end: int) -> tuple[int, int, int, int]:
    """(start, end, first, last trading day) that rows of the times can have."""
    first = day_of_ns(start) if start else 0
    last = shift(day_of_ns(end), LONGEST_GAP_DAYS) if end < MAX_NS else 99_999_999
    return start, end, first, last


def _folded_bars(
    directory: Directory, venue: str, symbol: str, duration_ns: int, count: int, start: int, end: int
) -> list[BarRow]:
    """Bars of another duration, from the next finer series that is kept."""
    source = source_duration(duration_ns)
    if source == DAY_NS:
        return _days_bars(directory, venue, symbol, duration_ns // DAY_NS)
    wanted = min(
        MAX_SOURCE_ROWS, (count + 1) * (duration_ns // source if source else duration_ns // 500_000_000)
    )
    reach = (max(0, start - duration_ns), min(MAX_NS, end + duration_ns + BREAKS_NS))
    rows: Sequence[BarRow | TickRow]
    if source:
        rows = native_bars(directory, venue, symbol, source, wanted, *reach)
    else:
        rows = latest_ticks(directory, venue, symbol, wanted, *reach)
    is_cut = len(rows) == wanted  # the first bar may lack its beginning then
    folder = Folder(duration_ns, lambda day: directory.clock(symbol, day))
    found = [bar for piece in map(piece_of, rows) if piece and (bar := folder.add(piece))]
    last = [folder.current] if folder.current else []
    bars = [*(_bar(piece, True) for piece in found), *(_bar(piece, False) for piece in last)]
    return bars[1:] if is_cut else bars


def _bar(piece: Piece, is_finished: bool) -> BarRow:
    return BarRow(0, *piece, is_finished)


def _days_bars(directory: Directory, venue: str, symbol: str, days: int) -> list[BarRow]:
    rows = native_bars(directory, venue, symbol, DAY_NS, 100_000, 0, MAX_NS)
    return grouped(rows, lambda row: (row.id - 1) // days if row.id else -1)


def _calendar_bars(directory: Directory, venue: str, symbol: str, period: str) -> list[BarRow]:
    """Weeks and months of trading days, labelled by their first (M-10)."""
    rows = native_bars(directory, venue, symbol, DAY_NS, 100_000, 0, MAX_NS)
    traded = [row for row in rows if row.id]
    return grouped(traded, month_of if period == MONTH else week_of)


def month_of(row: BarRow) -> int:
    """The month of a bar's trading day."""
    return row.trading_day // 100


def week_of(row: BarRow) -> tuple[int, int]:
    """The ISO week of a bar's trading day."""
    day: date = to_date(row.trading_day)
    return day.isocalendar()[:2]


def grouped(rows: list[BarRow], key: Callable[[BarRow], Any]) -> list[BarRow]:
    """Day bars joined where they have the same key; only the last can be unfinished."""
    found: list[tuple[Any, Piece]] = []
    for row in rows:
        piece = Piece(row.datetime_ns, row.trading_day, row.open, row.high, row.low, row.close, row.volume,
                      row.amount, row.open_oi, row.close_oi)  # fmt: skip
        if found and found[-1][0] == key(row):
            found[-1] = (found[-1][0], joined(found[-1][1], piece))
        else:
            found.append((key(row), piece))
    return [_bar(piece, n + 1 < len(found)) for n, (_, piece) in enumerate(found)]


def bar_data(row: BarRow) -> dict[str, Any]:
    """A bar as the API shows it (H-7)."""
    return {
        "timestamp": row.datetime_ns // NS_PER_MS,
        "trading_day": row.trading_day,
        "open": to_number(row.open),
        "high": to_number(row.high),
        "low": to_number(row.low),
        "close": to_number(row.close),
        "volume": row.volume,
        "amount": to_number(row.amount),
        "open_oi": row.open_oi,
        "close_oi": row.close_oi,
        "is_finished": row.is_finished,
    }


# -------------------------------------------------------------------------- ticks


def ticks(
    venue: str, text: str, limit: int, start_ms: int | None, end_ms: int | None
) -> list[dict[str, Any]]:
    """The last `limit` ticks from start to end, oldest first; 1007 for an unknown symbol."""
    symbol = series_symbol(venue, text)
    directory = directory_for(venue, symbol)
    if symbol not in directory.templates:
        instrument_for(venue, symbol)
        return []
    return [
        tick_data(row) for row in latest_ticks(directory, venue, symbol, limit, *_bounds(start_ms, end_ms))
    ]


def latest_ticks(
    directory: Directory, venue: str, symbol: str, count: int, start: int, end: int
) -> list[TickRow]:
    """The last ticks of a time: the cache's thousand, and the tables' for older ones."""
    cached = [decode_tick(item) for item in from_cache("LRANGE", MarketKeys(venue).ticks_of(symbol), 0, -1)]
    by_id = {row.id: row for row in cached if start <= row.datetime_ns <= end}
    reaches = cached and (cached[-1].datetime_ns <= start or cached[-1].id == 0)
    if len(by_id) < count and not reaches:
        rows = stored.latest_ticks(directory.number, symbol, count, *_range(start, end))
        by_id = {**{row.id: row for row in rows}, **by_id}
    return [by_id[number] for number in sorted(by_id)][-count:]


def tick_data(row: TickRow) -> dict[str, Any]:
    """A tick as the API shows it; a price that is not there is null."""
    return {
        "timestamp": row.datetime_ns // NS_PER_MS,
        "trading_day": row.trading_day,
        "last_price": price(row.last_price),
        "average": price(row.average),
        "highest": price(row.highest),
        "lowest": price(row.lowest),
        "volume": row.volume,
        "amount": to_number(row.amount),
        "open_interest": row.open_interest,
        "bids": [{"price": to_number(units), "volume": lots} for units, lots in row.bids],
        "asks": [{"price": to_number(units), "volume": lots} for units, lots in row.asks],
    }


# ----------------------------------------------------------------------- snapshot


def snapshot(venue: str) -> list[dict[str, Any]]:
    """The newest state of all instruments that have a quote, at most half a second old (M-3)."""
    read_at, rows = _snapshots.get(venue, (-SNAPSHOT_S, []))
    now = time.monotonic()
    if now - read_at > SNAPSHOT_S:
        rows = _read_snapshot(venue)
        _snapshots[venue] = (now, rows)
    return rows


def _read_snapshot(venue: str) -> list[dict[str, Any]]:
    listed = Instrument.objects.filter(venue=venue_number(venue), status__in=("TRADING", "SUSPENDED"))
    keys = [
        Keys(venue).quote(symbol) for symbol in listed.order_by("symbol").values_list("symbol", flat=True)
    ]
    found = from_cache("MGET", *keys) if keys else []
    return [snapshot_data(decode_quote(data)) for data in found if data]


def snapshot_data(view: dict[str, Any]) -> dict[str, Any]:
    """The 35 fields of one instrument; `change_base` says what its change is measured against."""
    last, base = view["last_price"], view["pre_settlement"]
    change = last - base if last and base else None
    return {
        "instrument_id": view["symbol"],
        "timestamp": view["time_ns"],
        "trading_day": view["trading_day"],
        "last_price": price(last),
        "change_percent": None if change is None else round(100 * change / base, 4),
        "change_amount": None if change is None else to_number(change),
        "change_base": "pre_settlement",
        "pre_close": price(view["pre_close"]),
        **_levels("bid", view["bids"]),
        **_levels("ask", view["asks"]),
        **{name: price(view[name]) for name in ("open", "high", "low")},
        "volume": view["volume"],
        "turnover": to_number(view["turnover"]),
        "open_interest": view["open_interest"],
        "upper_limit": price(view["upper_limit"]),
        "lower_limit": price(view["lower_limit"]),
    }


def _levels(side: str, levels: list[list[int]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for n in range(LEVELS):
        level = levels[n] if n < len(levels) else (0, 0)
        found[f"{side}_price{n + 1}"] = price(level[0])
        found[f"{side}_volume{n + 1}"] = level[1]
    return found
