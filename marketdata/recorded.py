"""Recorded days: CSV in the layout of CTP's depth struct, or Parquet (M-21, G-31).

A file's columns carry the names of the struct's fields (`InstrumentID, TradingDay, LastPrice,
…`), in any order; what is missing is none. Parquet may also be an export of the tick table
(`manage.py export_data ticks`).
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from marketdata.feeds.simulated import Listing, Market
from marketdata.feeds.ticks import RAW_FIELDS, BadTick, Sanitiser, Tick, bare_symbol, copy_struct
from trading.engine.units import NS_PER_MS, SCALE

SAMPLE = Path(__file__).resolve().parent / "data" / "recorded_day.csv"
"""A minute of a made-up market, recorded from the simulated feed."""
NEEDED = ("InstrumentID", "TradingDay", "UpdateTime", "LastPrice")
_WHOLE = {"UpdateMillisec", "Volume", *(f"{side}Volume{n}" for side in ("Bid", "Ask") for n in range(1, 6))}
_WORDS = {"InstrumentID", "ExchangeID", "TradingDay", "ActionDay", "UpdateTime"}
_UTC8 = timedelta(hours=8)
_EXPORTED = ("symbol", "trading_day", "datetime_ns", "last_price", "bids", "asks")


class BadRecording(ValueError):
    """A file that is no recorded day; the text names the line."""


def read_ticks(path: Path) -> Iterator[Tick]:
    """The ticks of a file in its order; BadRecording names what cannot be read."""
    try:
        rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
        sanitiser = Sanitiser(source="replay")
        for number, row in enumerate(rows, 2):
            yield _tick(row, number, path, sanitiser)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRecording(f"{path.name}: {error}") from error


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise BadRecording(f"{path.name} lacks {', '.join(missing)}")
        yield from reader


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            exported = set(_EXPORTED) <= set(names)
            missing = [] if exported else [name for name in NEEDED if name not in names]
            if missing:
                raise BadRecording(f"{path.name} lacks {', '.join(missing)}")
            for batch in file.iter_batches(10_000):
                yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise BadRecording(f"{path.name}: {error}") from error


def _tick(row: dict[str, Any], number: int, path: Path, sanitiser: Sanitiser) -> Tick:
    try:
        if "datetime_ns" in row:
            return _exported(row)
        return sanitiser.tick(tuple(_value(name, row.get(name)) for name in RAW_FIELDS))
    except (BadTick, ValueError, TypeError) as error:
        raise BadRecording(f"{path.name}, line {number}: {error}") from error


def _value(name: str, value: Any) -> Any:
    if name in _WORDS:
        return str(value or "")
    if value in (None, ""):
        return 0 if name in _WHOLE else None
    return int(value) if name in _WHOLE else float(value)


def _exported(row: dict[str, Any]) -> Tick:
    """A row of the tick table: levels as JSON of [1/10 000 yuan, lots]."""
    import json

    at_ms = row["datetime_ns"] // NS_PER_MS
    given: dict[str, Any] = {
        "last_price": float(row["last_price"]), "volume": int(row["volume"]),
        "turnover": float(row["amount"]), "open_interest": float(row["open_interest"]),
        "highest_price": float(row["highest"]), "lowest_price": float(row["lowest"]),
        "average_price": float(row["average"]), "trading_day": str(row["trading_day"]),
    }  # fmt: skip
    for side, name in (("bid", "bids"), ("ask", "asks")):
        levels = row[name] if isinstance(row[name], list) else json.loads(row[name].replace("'", '"'))
        for n, (units, lots) in enumerate(levels[:5], 1):
            given |= {f"{side}_price{n}": units / SCALE or None, f"{side}_volume{n}": lots}
    return make_tick(row["symbol"], at_ms, "replay", **given)


def make_tick(symbol: str, at_ms: int, source: str, **given: Any) -> Tick:
    """A tick of a source that knows few of its figures; the others are none."""
    at = datetime.fromtimestamp(at_ms / 1_000, UTC) + _UTC8
    exchange = symbol.partition(".")[0] if bare_symbol(symbol) != symbol else ""
    day, clock = f"{at:%Y%m%d}", f"{at:%H:%M:%S}"
    fields: dict[str, Any] = dict.fromkeys(Tick.__struct_fields__)
    fields |= {name: 0 for name in fields if "volume" in name}
    fields |= {
        "instrument_id": bare_symbol(symbol), "exchange_id": exchange, "trading_day": day,
        "action_day": day, "update_time": clock, "update_millisec": at_ms % 1_000, "timestamp": at_ms,
        "datetime": f"{at:%Y-%m-%d %H:%M:%S}.{at_ms % 1_000:03d}000", "seq": 0, "source": source,
        "connection_id": "",
    }  # fmt: skip
    return Tick(**{**fields, **given})


def simulated_rows(
    listings: Iterable[Listing], begin_ms: int, seconds: int, seed: int = 7
) -> Iterator[tuple[Any, ...]]:
    """Rows of `RAW_FIELDS` as a simulated front gives them: two a second of each instrument."""
    clock = [begin_ms]
    market = Market(list(listings), seed, lambda: clock[0])
    for step in range(2 * seconds):
        clock[0] = begin_ms + 500 * step
        for instrument in market.instruments.values():
            instrument.move(market.dice)
            market.stamp(instrument)
            yield copy_struct(instrument.struct)


def write_csv(path: Path, rows: Iterable[tuple[Any, ...]]) -> int:
    """Write rows of `RAW_FIELDS` in CTP's layout; how many. DBL_MAX, which is none, is left empty."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(RAW_FIELDS)
        for row in rows:
            writer.writerow(["" if isinstance(v, float) and v > 1e300 else v for v in row])
            count += 1
    return count
