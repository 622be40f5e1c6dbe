"""Figures over trades, settled days and positions (H `/api/stats`). Money in yuan, exact until shown."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from accounts import venue_settings
from settlement import contest_figures as calc
from trading import selectors as trading
from trading.codec import to_number
from trading.models import AccountDay, Instrument, Trade, TradingAccount
from trading.representations import units_of

ZERO = Decimal(0)
MOST_DAYS = 2_000
SUMS = ("trades", "volume", "turnover", "commission", "close_profit", "wins", "losses", "won", "lost")
LEVELS = ("critical", "high", "warning")


def _day(day: int) -> date:
    return date(day // 10_000, day // 100 % 100, day % 100)


def _week(day: int) -> str:
    year, week, _ = _day(day).isocalendar()
    return f"{year}-W{week:02}"


KEYS: dict[str, Callable[[int, str], str]] = {
    "day": lambda day, symbol: str(day),
    "week": lambda day, symbol: _week(day),
    "month": lambda day, symbol: f"{day // 10_000}-{day // 100 % 100:02}",
    "instrument": lambda day, symbol: symbol,
}


def between(rows: QuerySet[Any], start: int | None, end: int | None) -> QuerySet[Any]:
    """Rows of trading days from `start` to `end`, both included."""
    if start:
        rows = rows.filter(trading_day__gte=start)
    return rows.filter(trading_day__lte=end) if end else rows


def multiples(number: int, symbols: Iterable[str]) -> dict[str, int]:
    """Contract multiples by symbol."""
    rows = Instrument.objects.filter(venue_id=number, symbol__in=set(symbols))
    return dict(rows.values_list("symbol", "volume_multiple"))


def trade_sums(rows: QuerySet[Trade], number: int) -> list[dict[str, Any]]:
    """Sums of trades for each trading day and instrument. A win is a closing trade with a profit."""
    won, lost = Q(close_profit__gt=0), Q(close_profit__lt=0)
    found = list(
        rows.order_by().values("trading_day", "symbol").annotate(
            trades=Count("id"), lots=Sum("volume"), value=Sum(F("price") * F("volume")),
            fees=Sum("commission"), profit=Sum("close_profit"), wins=Count("id", filter=won),
            losses=Count("id", filter=lost), won=Sum("close_profit", filter=won),
            lost=Sum("close_profit", filter=lost),
        )
    )  # fmt: skip
    multiple = multiples(number, (row["symbol"] for row in found))
    return [
        {
            **row, "volume": row["lots"], "turnover": row["value"] * multiple.get(row["symbol"], 1),
            "commission": row["fees"], "close_profit": row["profit"], "won": row["won"] or ZERO,
            "lost": row["lost"] or ZERO,
        }
        for row in found
    ]  # fmt: skip


def trades(
    venue: str, account_ids: Sequence[str], by: str, start: int | None, end: int | None
) -> dict[str, Any]:
    """Counts, turnover, win rate and profit factor of own trades, in all and by `by`."""
    number = trading.venue_number(venue)
    rows = between(Trade.objects.filter(venue_id=number, account_id__in=account_ids), start, end)
    groups: dict[str, dict[str, Any]] = {}
    total: dict[str, Any] = dict.fromkeys(SUMS, ZERO)
    for row in trade_sums(rows, number):
        key = KEYS[by](row["trading_day"], row["symbol"])
        for sums in (groups.setdefault(key, dict.fromkeys(SUMS, ZERO)), total):
            for name in SUMS:
                sums[name] += row[name]
    items = [{"key": key, **_shown(groups[key])} for key in sorted(groups)]
    return {"items": items, "total": {"key": "", **_shown(total)}}


def _shown(sums: dict[str, Any]) -> dict[str, Any]:
    decided = sums["wins"] + sums["losses"]
    return {
        **{name: int(sums[name]) for name in ("trades", "volume", "wins", "losses")},
        **{name: float(sums[name]) for name in ("turnover", "commission", "close_profit")},
        "win_rate": float(sums["wins"] / decided) if decided else None,
        "profit_factor": float(sums["won"] / -sums["lost"]) if sums["lost"] else None,
    }


def pnl(venue: str, account_id: str, start: int | None, end: int | None) -> dict[str, Any]:
    """Profit of each settled day after fees, its sum, largest fall of equity, Sharpe ratio by days."""
    rows = AccountDay.objects.filter(venue_id=trading.venue_number(venue), account_id=account_id)
    days = list(between(rows, start, end).order_by("-trading_day")[:MOST_DAYS])[::-1]
    items: list[dict[str, Any]] = []
    total, track = ZERO, calc.begun(0)
    for row in days:
        profit = row.balance - row.pre_balance - row.deposit + row.withdraw
        base = row.pre_balance + row.deposit
        track = calc.begun(10**12) if not items else track
        change = profit / base if base > 0 else ZERO
        track = calc.sampled(track, round(track.equity * (1 + change)))
        total += profit
        items.append(
            {"date": row.trading_day, "profit": float(profit), "commission": float(row.commission),
             "balance": float(row.balance), "total_profit": float(total)}
        )  # fmt: skip
    return {
        "items": items, "total_profit": float(total), "max_drawdown": track.drawdown if items else 0.0,
        "sharpe": calc.sharpe(track) if items else None,
    }  # fmt: skip


def risk(venue: str, accounts: Sequence[TradingAccount]) -> list[dict[str, Any]]:
    """Each account's risk ratio at the prices of this moment and the level it has reached."""
    limits = venue_settings.values(venue)
    figures = trading.figures_of(venue, list(accounts))
    found = []
    for account in accounts:
        now = figures[account.account_id]
        ppm = now.risk_ratio_ppm
        level = next((name for name in LEVELS if ppm >= limits[f"{name}_ppm"]), "normal")
        found.append(
            {"account_id": account.account_id, "risk_ratio": ppm / 1_000_000, "level": level,
             "balance": to_number(now.balance), "margin": to_number(now.margin),
             "available": to_number(now.available), "position_profit": to_number(now.position_profit)}
        )  # fmt: skip
    return found


def positions(venue: str, account_id: str) -> list[dict[str, Any]]:
    """Lots, value at cost of today and profit of each held instrument."""
    rows = trading.positions_data(venue, [account_id])
    return [
        {
            "instrument_id": row["instrument_id"], "long": row["volume_long"], "short": row["volume_short"],
            "net": row["volume_long"] - row["volume_short"], "margin": row["margin"],
            "position_profit": row["position_profit"], "float_profit": row["float_profit"],
        }
        for row in rows
    ]  # fmt: skip


def market(venue: str, day: int | None) -> list[dict[str, Any]]:
    """Trades, lots and turnover of each instrument on a trading day, a trade counted once."""
    number = trading.venue_number(venue)
    rows = Trade.objects.filter(
        venue_id=number, trading_day=day or trading.trading_day(venue), direction="BUY"
    )
    found = sorted(trade_sums(rows, number), key=lambda row: (-row["turnover"], row["symbol"]))
    return [
        {"instrument_id": row["symbol"], "trades": row["trades"], "volume": row["volume"],
         "turnover": float(row["turnover"])}
        for row in found
    ]  # fmt: skip


def rankings(venue: str, most: int) -> list[dict[str, Any]]:
    """Accounts by profit over money put in, over their settled days; nobody's account id."""
    number = trading.venue_number(venue)
    gain = Sum(F("balance") - F("pre_balance") - F("deposit") + F("withdraw"))
    rows = AccountDay.objects.filter(venue_id=number).order_by().values("account_id")
    sums = {row["account_id"]: row for row in rows.annotate(gain=gain, put=Sum("deposit"))}
    people = TradingAccount.objects.filter(venue_id=number, account_id__in=sums, is_robot=False)
    found = []
    for account in people:
        put, profit = sums[account.account_id]["put"], sums[account.account_id]["gain"]
        if put > 0:
            found.append({"name": account.account_name, "profit": float(profit),
                          "profit_ratio": units_of(profit) / units_of(put)})  # fmt: skip
    found.sort(key=lambda row: (-float(row["profit_ratio"]), str(row["name"])))  # type: ignore[arg-type]
    return [{"place": place, **row} for place, row in enumerate(found[:most], 1)]
