"""What a settlement needs to know before it begins."""

from datetime import datetime, timedelta, timezone
from typing import Any

from django.db.models import F, Sum

from exchange_site.streams import Keys, log_client
from settlement.calc.prices import DayTrading
from trading.codec import to_units
from trading.models import Trade
from trading.quotes_writer import quotes_client, read_quotes

SHANGHAI = timezone(timedelta(hours=8))
LAST_HOUR_NS = 3_600 * 10**9


def reported_trading_day(venue: str) -> int:
    """The trading day as the worker reported it last; 0 before its first report."""
    with log_client() as client:
        value: Any = client.hget(Keys(venue).status, "trading_day")
    return int(value or 0)


def day_is_over(trading_day: int, now_ns: int, settlement_minute: int = 930) -> bool:
    """Has the settlement time of a trading day come (T-23, T-95)?"""
    midnight = datetime.strptime(str(trading_day), "%Y%m%d").replace(tzinfo=SHANGHAI)
    due = midnight + timedelta(minutes=settlement_minute)
    return now_ns >= int(due.timestamp()) * 10**9


def last_hour(venue_number: int, trading_day: int, symbol: str) -> tuple[int, int]:
    """(Σ price × lots, lots) of the instrument's trades in the hour before its last one."""
    trades = Trade.objects.filter(
        venue_id=venue_number, trading_day=trading_day, symbol=symbol, direction="BUY"
    )
    newest = trades.order_by("-time_ns").values_list("time_ns", flat=True).first()
    if newest is None:
        return 0, 0
    hour = trades.filter(time_ns__gt=newest - LAST_HOUR_NS).aggregate(
        turnover=Sum(F("price") * F("volume")), lots=Sum("volume")
    )
    return to_units(hour["turnover"]), int(hour["lots"])


def day_trading(venue: str, venue_number: int, symbols: list[str]) -> dict[str, DayTrading]:
    """The day of each instrument that has a quote view, from the worker's own totals."""
    client = quotes_client()
    try:
        quotes = read_quotes(client, venue, symbols)
    finally:
        client.close()
    found = {}
    for symbol, quote in quotes.items():
        hour = (0, 0)
        if symbol.startswith("CFFEX.") and quote["volume"]:
            hour = last_hour(venue_number, quote["trading_day"], symbol)
        found[symbol] = DayTrading(
            quote["price_tick"],
            quote["last_price"],
            quote["pre_settlement"],
            quote["turnover"] // quote["volume_multiple"],
            quote["volume"],
            *hour,
        )
    return found
