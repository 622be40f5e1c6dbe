"""An account's equity: per settled day, and today's path by minutes (H `/curve`)."""

from typing import Any

from marketdata.models import MinuteBar
from settlement.calc.curve import Holding, Step, equity_path
from settlement.statements import days_of
from trading import selectors as trading
from trading.codec import to_number
from trading.models import CashFlow, Instrument, Trade, TradingAccount
from trading.representations import units_of

DAYS = 500
MINUTE_NS = 60 * 10**9


def curve(venue: str, account: TradingAccount) -> dict[str, Any]:
    """Equity at the end of the newest 500 settled days, the path of today, equity now."""
    days = [
        {"date": row.trading_day, "balance": float(row.balance), "deposit": float(row.deposit),
         "withdraw": float(row.withdraw)}
        for row in days_of(account)[:DAYS]
    ]  # fmt: skip
    now = trading.figures_of(venue, [account])[account.account_id]
    return {"days": days[::-1], "today": today(venue, account), "balance": to_number(now.balance)}


def today(venue: str, account: TradingAccount) -> list[dict[str, Any]]:
    """Equity at the end of each minute of the trading day in which the account's contracts traded."""
    day = trading.trading_day(venue)
    own = {"venue_id": account.venue_id, "account_id": account.account_id, "trading_day": day}
    trades = list(Trade.objects.filter(**own).order_by("id"))
    steps = [_flow(row) for row in CashFlow.objects.filter(**own)]
    holdings = _holdings(venue, account, trades)
    steps += [_trade(row, holdings[row.symbol].multiple) for row in trades]
    path = equity_path(units_of(account.pre_balance), holdings, steps, _marks(account, day, list(holdings)))
    return [{"timestamp": time_ns // 10**6, "balance": to_number(equity)} for time_ns, equity in path]


def _flow(row: CashFlow) -> Step:
    return Step(row.time_ns, units_of(row.amount))


def _trade(row: Trade, multiple: int) -> Step:
    lots = row.volume if row.direction == "BUY" else -row.volume
    value = units_of(row.price) * row.volume * multiple
    return Step(row.time_ns, -units_of(row.commission), row.symbol, lots, value)


def _holdings(venue: str, account: TradingAccount, trades: list[Trade]) -> dict[str, Holding]:
    """Net lots at the day's beginning: those of now without the day's trades."""
    lots: dict[str, int] = {}
    for row in trading.open_positions(venue, [account.account_id])[account.account_id]:
        lots[row.symbol] = row.long_today + row.long_his - row.short_today - row.short_his
    for trade in trades:
        change = trade.volume if trade.direction == "BUY" else -trade.volume
        lots[trade.symbol] = lots.get(trade.symbol, 0) - change
    rows = Instrument.objects.filter(venue_id=account.venue_id, symbol__in=lots)
    return {
        row.symbol: Holding(lots[row.symbol], units_of(row.pre_settlement), row.volume_multiple)
        for row in rows
    }


def _marks(account: TradingAccount, day: int, symbols: list[str]) -> list[tuple[int, str, int]]:
    bars = MinuteBar.objects.filter(
        venue_id=account.venue_id, duration_s=60, trading_day=day, symbol__in=symbols
    )
    return [
        (start_ns + MINUTE_NS, symbol, units_of(close))
        for start_ns, symbol, close in bars.values_list("datetime_ns", "symbol", "close")
    ]
