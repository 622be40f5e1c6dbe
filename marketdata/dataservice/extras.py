"""Sources whose libraries are extras: `tdx`, `yahoo`, `qmt` (G-31, G-32).

Each says by `missing` which library is not installed, and by SourceUnavailable that its other
end does not answer. Symbols are `000001.SZ`, `600000.SH`; Shanghai is `.SS` at Yahoo.
"""

import importlib
import importlib.util
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from marketdata.dataservice.sources import Kline, SourceUnavailable, bar
from marketdata.feeds.ticks import Tick
from marketdata.recorded import make_tick

TDX_MARKETS = {"SZ": 0, "SH": 1}
TDX_PERIODS = {"5min": 0, "15min": 1, "30min": 2, "60min": 3, "1h": 3, "1d": 9, "1min": 8}
YAHOO_PERIODS = {
    "1min": "1m", "5min": "5m", "15min": "15m", "30min": "30m", "60min": "60m", "1h": "1h", "1d": "1d",
}  # fmt: skip
QMT_PERIODS = {
    "1min": "1m",
    "5min": "5m",
    "15min": "15m",
    "30min": "30m",
    "60min": "1h",
    "1h": "1h",
    "1d": "1d",
}
TDX_BARS, TDX_AT_ONCE = 800, 80
LOTS = 100
"""Shares of a lot: Tongdaxin counts lots of stocks."""
TIMEOUT_S = 5.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Extra:
    """A source over a library that may not be there."""

    name = ""
    library = ""
    how = ""

    def __init__(self, library: Any = None) -> None:
        """`library` stands in for the real one."""
        self._library = library

    def missing(self) -> str:
        if self._library is not None or importlib.util.find_spec(self.library.partition(".")[0]):
            return ""
        return f"{self.name} needs {self.library}: {self.how}"

    def lib(self) -> Any:
        """The library, imported when first wanted."""
        if self._library is None:
            try:
                self._library = importlib.import_module(self.library)
            except ImportError as error:
                raise SourceUnavailable(f"{self.name} needs {self.library}: {self.how}") from error
        return self._library

    def away(self, error: BaseException | str) -> SourceUnavailable:
        return SourceUnavailable(f"{self.name} does not answer: {error}")


class Tdx(Extra):
    """Tongdaxin's quote servers by pytdx."""

    name, library, how = "tdx", "pytdx.hq", "pip install pytdx"

    def __init__(self, host: str = "", port: int = 7709, library: Any = None) -> None:
        super().__init__(library)
        self.host, self.port = host, port

    def missing(self) -> str:
        return super().missing() or ("" if self.host else "tdx needs the address of a server: tdx_host")

    def _ask(self, question: Any) -> Any:
        api = self.lib().TdxHq_API(raise_exception=True)
        try:
            with api.connect(self.host, self.port, time_out=TIMEOUT_S):
                return question(api)
        except Exception as error:  # the library has errors of its own for everything
            raise self.away(error) from error

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        known = {
            (TDX_MARKETS[end], code): f"{code}.{end}"
            for code, end in map(parts, symbols)
            if end in TDX_MARKETS
        }
        pairs, found = list(known), []
        for start in range(0, len(pairs), TDX_AT_ONCE):
            chunk = pairs[start : start + TDX_AT_ONCE]
            found += self._ask(lambda api, chunk=chunk: api.get_security_quotes(chunk)) or []
        return [self._tick(known[row["market"], row["code"]], row) for row in found]

    def _tick(self, symbol: str, row: dict[str, Any]) -> Tick:
        given: dict[str, Any] = {
            "last_price": row["price"] or None, "pre_close_price": row["last_close"] or None,
            "open_price": row["open"] or None, "highest_price": row["high"] or None,
            "lowest_price": row["low"] or None, "volume": int(row["vol"]) * LOTS, "turnover": row["amount"],
        }  # fmt: skip
        for n in range(1, 6):
            for side in ("bid", "ask"):
                given[f"{side}_price{n}"] = row[f"{side}{n}"] or None
                given[f"{side}_volume{n}"] = int(row[f"{side}_vol{n}"]) * LOTS
        return make_tick(symbol, now_ms(), self.name, **given)

    def history(self, symbol: str, period: str, first: date, last: date) -> list[Kline]:
        code, end = parts(symbol)
        if end not in TDX_MARKETS:
            raise SourceUnavailable(f"tdx has no {symbol}")
        rows = self._ask(
            lambda api: api.get_security_bars(TDX_PERIODS[period], TDX_MARKETS[end], code, 0, TDX_BARS)
        )
        return [
            bar(row["datetime"], row["open"], row["high"], row["low"], row["close"], row["vol"])
            for row in rows or ()
            if first.isoformat() <= row["datetime"][:10] <= last.isoformat()
        ]


class Yahoo(Extra):
    """Yahoo's quotes by yfinance."""

    name, library, how = "yahoo", "yfinance", "pip install yfinance"

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        return [self._tick(symbol) for symbol in symbols]

    def _tick(self, symbol: str) -> Tick:
        try:
            info = self.lib().Ticker(yahoo_name(symbol)).fast_info
            price, volume = info["lastPrice"], info["lastVolume"]
            given = {
                "open_price": info["open"], "highest_price": info["dayHigh"],
                "lowest_price": info["dayLow"], "pre_close_price": info["previousClose"],
            }  # fmt: skip
        except SourceUnavailable:
            raise
        except Exception as error:  # the library has errors of its own for everything
            raise self.away(error) from error
        return make_tick(symbol, now_ms(), self.name, last_price=price, volume=int(volume or 0), **given)

    def history(self, symbol: str, period: str, first: date, last: date) -> list[Kline]:
        ticker = self.lib().Ticker(yahoo_name(symbol))
        try:
            frame = ticker.history(
                start=first.isoformat(), end=(last + timedelta(days=1)).isoformat(),
                interval=YAHOO_PERIODS[period], timeout=TIMEOUT_S,
            )  # fmt: skip
            rows = list(frame.itertuples())
        except Exception as error:  # the library has errors of its own for everything
            raise self.away(error) from error
        return [bar(r.Index.isoformat(), r.Open, r.High, r.Low, r.Close, r.Volume) for r in rows]


class Qmt(Extra):
    """MiniQMT's quotes by xtquant, which its terminal brings along."""

    name, library, how = "qmt", "xtquant.xtdata", "it comes with the MiniQMT terminal"

    def latest(self, symbols: Sequence[str]) -> list[Tick]:
        try:
            rows = self.lib().get_full_tick(list(symbols))
        except SourceUnavailable:
            raise
        except Exception as error:  # the library has errors of its own for everything
            raise self.away(error) from error
        return [self._tick(symbol, row) for symbol, row in rows.items()]

    def _tick(self, symbol: str, row: dict[str, Any]) -> Tick:
        given: dict[str, Any] = {
            "last_price": row["lastPrice"] or None, "pre_close_price": row["lastClose"] or None,
            "open_price": row["open"] or None, "highest_price": row["high"] or None,
            "lowest_price": row["low"] or None, "volume": int(row["volume"]), "turnover": row["amount"],
        }  # fmt: skip
        for n in range(5):
            for side in ("bid", "ask"):
                given[f"{side}_price{n + 1}"] = row[f"{side}Price"][n] or None
                given[f"{side}_volume{n + 1}"] = int(row[f"{side}Vol"][n])
        return make_tick(symbol, int(row["time"]), self.name, **given)

    def history(self, symbol: str, period: str, first: date, last: date) -> list[Kline]:
        names = ["open", "high", "low", "close", "volume"]
        begin, end = (f"{day:%Y%m%d}" for day in (first, last))
        try:
            self.lib().download_history_data(symbol, QMT_PERIODS[period], begin, end)
            frame = self.lib().get_market_data_ex(names, [symbol], QMT_PERIODS[period], begin, end)[symbol]
            rows = list(frame.itertuples())
        except SourceUnavailable:
            raise
        except Exception as error:  # the library has errors of its own for everything
            raise self.away(error) from error
        return [bar(_moment(str(r.Index)), r.open, r.high, r.low, r.close, r.volume) for r in rows]


def _moment(text: str) -> str:
    """`20261120` or `20261120093000`, UTC+8, as ISO."""
    form = "%Y%m%d%H%M%S" if len(text) > 8 else "%Y%m%d"
    return datetime.strptime(f"{text}+0800", f"{form}%z").isoformat()


def parts(symbol: str) -> tuple[str, str]:
    """("600000", "SH") of 600000.SH."""
    code, _, end = symbol.partition(".")
    return code, end.upper()


def yahoo_name(symbol: str) -> str:
    """600000.SH is 600000.SS there."""
    return symbol[:-3] + ".SS" if symbol.upper().endswith(".SH") else symbol
