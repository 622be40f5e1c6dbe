"""What a reader must know of a venue's market: its number, symbols, calendar (D-24).

It is the market-data process's own record, so readers bucket exactly as it does.
"""

from typing import Any, NamedTuple

import msgspec
from django.db import connection

from exchange_site.exceptions import ExchangeError
from marketdata.bars.clock import Clocks, DayClock
from marketdata.bars.continuous import INDEX, MAIN, Contract
from trading.engine.codes import INSTRUMENT_NOT_FOUND, SERVICE_UNAVAILABLE

_decode = msgspec.msgpack.Decoder().decode


class Directory(NamedTuple):
    """One reading of the record; made anew when the trading day moves."""

    number: int
    trading_day: int
    clocks: Clocks
    templates: dict[str, str]  # symbol → session template, KQ.m@ and KQ.i@ included

    def clock(self, symbol: str, trading_day: int) -> DayClock:
        """The clock of a symbol's trading day; 1007 for an unknown symbol."""
        return self.clocks.clock(self.template(symbol), trading_day)

    def template(self, symbol: str) -> str:
        """A symbol's session template; 1007 for an unknown one."""
        try:
            return self.templates[symbol]
        except KeyError:
            raise ExchangeError(INSTRUMENT_NOT_FOUND, {}, {"instrument_id": symbol}) from None


def load_directory(venue: str) -> Directory:
    """Read the record; 9005 before the process has written one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM marketdata_marketcursor WHERE venue = %s", [venue])
        row = cursor.fetchone()
    if row is None or not row[0]:
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, {"reason": "no market data has been recorded yet"})
    return directory_of(_decode(row[0]))


def directory_of(values: list[Any]) -> Directory:
    """The directory in what `Market.dump` gave."""
    number, trading_day, tables, contracts, products = values
    clocks = Clocks()
    clocks.load(tables)
    known = [Contract(*row) for row in contracts]
    templates = {contract.symbol: contract.template for contract in known}
    of_products = {contract.product: contract.template for contract in reversed(known)}
    for name, main, *_ in products:
        if main:
            templates[MAIN + name] = templates[INDEX + name] = of_products[name]
    return Directory(number, trading_day, clocks, templates)
