"""Daily statements: the settled figures of an account with its trades, positions, transfers (T-93).

The figures were written once, by the projector from `AccountSettled`; everything here reads.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from accounts.selectors import user_names
from exchange_site.exceptions import ExchangeError
from trading import selectors as trading
from trading.codec import to_number
from trading.engine import codes
from trading.models import AccountDay, CashFlow, Instrument, Trade, TradingAccount
from trading.representations import flow_data, ratio_of, trade_data

MONEY = (
    "pre_balance", "deposit", "withdraw", "close_profit", "position_profit", "commission", "balance",
    "margin",
)  # fmt: skip
MAX_TRADES = 50_000


def days_of(account: TradingAccount) -> QuerySet[AccountDay]:
    """The account's settled days, newest first."""
    return AccountDay.objects.filter(venue_id=account.venue_id, account_id=account.account_id).order_by("-id")


def day_data(row: AccountDay) -> dict[str, Any]:
    """The figures of one settled day."""
    return {
        "date": row.trading_day,
        "account_id": row.account_id,
        **{name: float(getattr(row, name)) for name in MONEY},
        "available": float(row.balance - row.margin),
        "risk_ratio": ratio_of(row.risk_ratio_ppm),
    }


def statement(account: TradingAccount, trading_day: int) -> dict[str, Any]:
    """The whole statement of a day; 9007 when the account was not settled on it."""
    row = days_of(account).filter(trading_day=trading_day).first()
    if row is None:
        raise ExchangeError(codes.NOT_FOUND)
    own = {"venue_id": account.venue_id, "account_id": account.account_id, "trading_day": trading_day}
    trades = Trade.objects.filter(**own).order_by("id")[:MAX_TRADES]
    flows = CashFlow.objects.filter(**own).order_by("id")
    return {
        **day_data(row),
        "user_id": account.user_id,
        "user_name": user_names({account.user_id}).get(account.user_id, ""),
        "account_name": account.account_name,
        "currency": account.currency,
        "trades": traded(account.venue_id, list(trades)),
        "positions": held(account.venue_id, row.positions),
        "transfers": [flow_data(flow) for flow in flows],
    }


def traded(venue_id: int, trades: Sequence[Any]) -> list[dict[str, Any]]:
    """Trades with their turnover in yuan."""
    multiples = _multiples(venue_id, {trade.symbol for trade in trades})
    return [
        {**trade_data(trade), "turnover": float(trade.price * trade.volume * multiples[trade.symbol])}
        for trade in trades
    ]


def held(venue_id: int, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """One line for each side that held lots over the settlement."""
    multiples = _multiples(venue_id, {row[0] for row in rows})
    lines = []
    for symbol, *figures in rows:
        for side, first in (("LONG", 0), ("SHORT", 1)):
            lots, open_cost, value, margin = (figures[first + 2 * n] for n in range(4))
            if lots:
                lines.append(_line(symbol, side, lots, open_cost, value, margin, multiples[symbol]))
    return lines


def _line(
    symbol: str, side: str, lots: int, open_cost: int, value: int, margin: int, multiple: int
) -> dict[str, Any]:
    profit = value - open_cost if side == "LONG" else open_cost - value
    return {
        "instrument_id": symbol,
        "side": side,
        "volume": lots,
        "open_price": round(to_number(open_cost) / (lots * multiple), 4),
        "settlement_price": to_number(value // (lots * multiple)),
        "float_profit": to_number(profit),
        "margin": to_number(margin),
    }


def _multiples(venue_id: int, symbols: set[str]) -> dict[str, int]:
    rows = Instrument.objects.filter(venue_id=venue_id, symbol__in=symbols)
    return dict(rows.values_list("symbol", "volume_multiple"))


def account_of(venue: str, account_id: str, user_id: str | None) -> TradingAccount:
    """The caller's account; 1006 for anybody else's (H-2)."""
    return trading.account_for(venue, account_id, user_id)
